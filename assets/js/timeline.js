// Posts over time as columns; each column is a link to the posts of its time.

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, "timeline");
  const most = Math.max(1, ...data.columns.map((column) => column.count));
  const said = make("span", "said", data.said);
  const plot = set(make("div", "plot"), { role: "list", "aria-label": data.label });
  for (const column of data.columns) {
    const bar = make("span", "bar");
    bar.style.height = column.count ? `max(2px, ${(100 * column.count) / most}%)` : "0";
    const words = `${column.name}: ${column.said}`;
    const node = set(link(column.count ? column.url : null, go, "column", bar), { role: "listitem", title: words, "aria-label": words });
    node.onpointerenter = node.onfocus = () => { said.textContent = words; };
    plot.append(node);
  }
  plot.onpointerleave = () => { said.textContent = data.said; };
  const axis = make("div", "axis", ...data.ticks.map(([at, text]) => {
    const tick = make("span", at > 0.93 ? "tick last" : "tick", text);
    tick.style.left = `${100 * at}%`;
    return tick;
  }));
  root.append(make("div", "head", make("span", "most", data.most), said), plot, axis);
}
