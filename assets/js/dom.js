// Builds DOM for our components. Strings of posts and users are strangers' words: they only ever become textContent or
// an attribute on the list below, never HTML. Links stay inside the app, pictures are JPEG bytes that came along.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  likes: "M12 20.5s-7.5-4.6-7.5-10.1A4.1 4.1 0 0 1 12 7.9a4.1 4.1 0 0 1 7.5 2.5c0 5.5-7.5 10.1-7.5 10.1Z",
  reposts: "M7 17V9.5A2.5 2.5 0 0 1 9.5 7H16m0 0-3-3m3 3-3 3M17 7v7.5A2.5 2.5 0 0 1 14.5 17H8m0 0 3-3m-3 3 3 3",
  replies: "M20 11.5a7.5 7.5 0 0 1-10.9 6.7L4.5 19.5l1.3-4.4A7.5 7.5 0 1 1 20 11.5Z",
  more: "M12 5v14M5 12h14",
  less: "M5 12h14",
  pictures: "M4 6.5A1.5 1.5 0 0 1 5.5 5h13A1.5 1.5 0 0 1 20 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5ZM4.5 16l4.5-4.5 4 4 2.5-2.5 4 4M15.5 9.5h.01",
  tick: "M6 12.5l4 4 8-9",
  remove: "M7 7l10 10M17 7 7 17",
  missing: "M4 4l16 16M6.5 5h12A1.5 1.5 0 0 1 20 6.5v11M4 7.5v10A1.5 1.5 0 0 0 5.5 19h12",
};

const ATTRIBUTES = new Set(["class", "title", "dir", "role", "tabindex", "aria-label", "aria-hidden", "aria-checked", "lang"]);

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children) {
    if (child === null || child === undefined || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (!ATTRIBUTES.has(name)) throw new Error(`${name} is not an attribute that a component may set`);
    if (value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  return node;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// A link that a plain click follows without loading the page anew; with ctrl or the middle button it opens a tab.
function link(url, go, className, ...children) {
  const node = make("a", className, ...children);
  if (typeof url !== "string" || !url.startsWith("./")) return node;
  node.href = url;
  node.onclick = (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    node.setAttribute("aria-busy", "true");
    go(url);
  };
  return node;
}

function picture(given) {
  const node = document.createElement("img");
  if (typeof given.src === "string" && given.src.startsWith("data:image/jpeg;base64,")) node.src = given.src;
  node.alt = given.alt || "";
  node.decoding = "async";
  node.draggable = false;
  if (given.width && given.height) {
    node.width = given.width;
    node.height = given.height;
  }
  return node;
}

// The node that holds what a component draws; emptied, so that drawing again replaces what was there, unless it is to
// keep what it holds.
function stage(parentElement, className, keep = false) {
  let root = parentElement.querySelector(".stage");
  if (!root) {
    root = document.createElement("div");
    parentElement.append(root);
  }
  root.className = `stage ${className} ${isDark(root) ? "dark" : "light"}`;
  if (!keep) root.replaceChildren();
  return root;
}

// What a visitor ticked and Python has not shown yet. While a page is drawn, a newer message takes the place of one that
// waits, so each tells all that is untold, and what a drawing does not show is told again. `data.ticks` names the list
// that ticks are of: those of another are forgotten. `items` are [{id, selected}]; gives what each box is to show.
const TELLINGS = 3;

function untold(root, data, items, setTriggerValue) {
  if (root.ticksOf !== data.ticks) {
    root.ticksOf = data.ticks;
    root.untold = new Map();
  }
  const waiting = root.untold;
  const tell = () => {
    for (const one of waiting.values()) one.told += 1;
    setTriggerValue("ticks", { of: data.ticks, ticked: [...waiting].map(([id, { ticked }]) => [id, ticked]) });
  };
  root.tick = (id, ticked) => {
    waiting.set(id, { ticked, told: 0 });
    tell();
  };
  const shown = new Map(items.map((item) => [item.id, item.selected]));
  for (const [id, { ticked, told }] of waiting) if (shown.get(id) === ticked || told >= TELLINGS) waiting.delete(id);
  if (waiting.size) {
    clearTimeout(root.telling);
    root.telling = setTimeout(() => { if (waiting.size && root.untold === waiting && root.isConnected) tell(); }, 400);
  }
  return (item) => waiting.get(item.id)?.ticked ?? item.selected;
}

// A box to tick; what is ticked shows at once, on `marked` too, and Python hears of it.
function tickBox(root, id, label, marked) {
  const node = set(make("button", "tick", icon("tick")), { role: "checkbox", "aria-label": label, title: "Select" });
  node.type = "button";
  node.show = (ticked) => {
    node.setAttribute("aria-checked", String(ticked));
    marked.classList.toggle("selected", ticked);
  };
  node.onclick = () => {
    const ticked = node.getAttribute("aria-checked") !== "true";
    node.show(ticked);
    root.tick(id, ticked);
  };
  return node;
}

// Streamlit hands its theme down as CSS variables; which of the two it is shows in the background's lightness.
function isDark(node) {
  const hex = getComputedStyle(node).getPropertyValue("--st-background-color").trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
