// Accounts and the ties between them; each account is a link.

const WIDTH = 520;
const HEIGHT = 430;
const ASIDE = 92; // room for the names at the edge
const LETTER = 10; // about as wide as one is where the graph takes a third of a page, and so high is a line of names:
const LINE = 42;
const BELOW = 34;

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, "graph");
  set(root, { role: "list", "aria-label": data.label });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `${-ASIDE} -16 ${WIDTH + 2 * ASIDE} ${HEIGHT + 16 + BELOW}`);
  svg.setAttribute("aria-hidden", "true");
  const at = new Map(data.nodes.map((node) => [node.id, [node.x * WIDTH, node.y * HEIGHT]]));
  const most = Math.max(0.5, ...data.edges.map((edge) => edge.weight));
  for (const edge of data.edges) {
    const line = document.createElementNS(SVG, "line");
    const [[x1, y1], [x2, y2]] = [at.get(edge.from), at.get(edge.to)];
    for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value.toFixed(1));
    line.setAttribute("stroke-width", (0.5 + 3 * Math.sqrt(edge.weight / most)).toFixed(2));
    svg.append(line);
  }
  root.append(svg);
  const taken = [];
  for (const node of data.nodes) {
    const [x, y] = at.get(node.id);
    const dot = make("span", node.lit ? "dot lit" : "dot");
    if (node.lit) dot.style.background = data.lit;
    const half = Math.min(ASIDE, (LETTER * [...node.name].length) / 2);
    const box = [x - half, y, x + half, y + LINE];
    const free = !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
    if (free) taken.push(box);
    const name = free ? set(make("bdi", "name", node.name), { dir: "auto" }) : null;
    const anchor = set(link(node.url, go, "node", dot, name), { role: "listitem", title: node.name, "aria-label": node.name });
    anchor.style.left = `${((x + ASIDE) / (WIDTH + 2 * ASIDE)) * 100}%`;
    anchor.style.top = `${((y + 16) / (HEIGHT + 16 + BELOW)) * 100}%`;
    root.append(anchor);
  }
}
