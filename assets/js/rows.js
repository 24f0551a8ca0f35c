// Members of a collection as rows of a table: tick, open, read across.

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, "rows");
  const ticked = untold(root, data, data.rows, setTriggerValue);
  const head = make("tr", "", data.ticks !== null ? make("th", "box") : null, ...data.head.map(([name, numeric]) => make("th", numeric ? "number" : "", name)));
  const body = make("tbody");
  for (const row of data.rows) {
    const node = make("tr");
    node.dataset.id = row.id;
    if (data.ticks !== null) {
      const tick = tickBox(root, row.id, `Select ${row.label}`, node);
      tick.show(ticked(row));
      node.append(make("td", "box", tick));
    }
    row.cells.forEach((text, at) => {
      const [, numeric, wide] = data.head[at];
      const inner = set(make("bdi", "", text), { dir: "auto" });
      const cell = make("td", `${numeric ? "number" : ""}${wide ? " wide" : ""}`, at === data.opens && row.url ? link(row.url, go, "open", inner) : inner);
      node.append(cell);
    });
    body.append(node);
  }
  const table = set(make("table", "", make("thead", "", head), body), { "aria-label": data.label });
  root.append(table);
}
