// What is typical of one side and of the other: a name between two bars, theirs to the left, ours to the right.

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, "butterfly");
  const rows = [...data.rows, ...data.less];
  const most = Math.max(1e-9, ...rows.map((row) => Math.max(row.here, row.there)));
  const side = (kind, share) => {
    const bar = make("span", `bar ${kind}`);
    bar.style.width = share ? `max(2px, ${(100 * share) / most}%)` : "0";
    return make("span", `side ${kind}`, bar);
  };
  const percent = (share) => (share === 0 ? "0" : share < 0.001 ? "<0.1 %" : share < 0.1 ? `${(100 * share).toFixed(1)} %` : `${Math.round(100 * share)} %`);
  root.append(make("div", "legend", make("span", "key here", make("i"), make("bdi", "", data.here)), make("span", "key there", make("i"), make("bdi", "", data.there))));
  const list = set(make("div", "list"), { role: "list", "aria-label": data.label });
  const add = (row) => {
    const name = set(make("bdi", "name", row.name), { dir: "auto" });
    const bars = make("span", "bars", side("here", row.here), side("there", row.there));
    const node = link(row.url, go, "row", name, bars, make("span", "figures", `${percent(row.here)} · ${percent(row.there)}`));
    list.append(set(node, { role: "listitem", title: `${row.name}: ${row.said}`, "aria-label": `${row.name}: ${row.said}` }));
  };
  data.rows.forEach(add);
  if (data.less.length) list.append(make("div", "less", data.rows.length ? "Rarer here" : "Rarer here, and nothing is more frequent"));
  data.less.forEach(add);
  root.append(list);
}
