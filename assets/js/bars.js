// Names with their counts as bars; each is a link to its posts.

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, "bars");
  set(root, { role: "list", "aria-label": data.label });
  const most = Math.max(1, ...data.rows.map((row) => row.count));
  for (const row of data.rows) {
    const bar = make("span", "bar");
    bar.style.width = `${(100 * row.count) / most}%`;
    const name = set(make("bdi", "name", row.name), { dir: "auto", title: row.name });
    root.append(set(link(row.url, go, "row", name, make("span", "count", row.said), make("span", "track", bar)), { role: "listitem" }));
  }
}
