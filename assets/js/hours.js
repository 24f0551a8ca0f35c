// The hours of the day as pairs of columns, ours before theirs; hours that differ by more than chance are set apart.

export default function ({ data, parentElement }) {
  const root = stage(parentElement, "hours");
  root.append(make("div", "legend", make("span", "key here", make("i"), make("bdi", "", data.here)), make("span", "key there", make("i"), make("bdi", "", data.there))));
  const plot = set(make("div", "plot"), { role: "list", "aria-label": data.label });
  for (const column of data.columns) {
    const bars = ["here", "there"].map((kind) => {
      const bar = make("span", `bar ${kind}`);
      bar.style.height = column[kind] ? `max(2px, ${100 * column[kind]}%)` : "0";
      return bar;
    });
    plot.append(set(make("div", `column${column.apart ? " apart" : ""}`, ...bars), { role: "listitem", title: column.said, "aria-label": column.said }));
  }
  const axis = make("div", "axis", ...data.columns.map((column, at) => make("span", "", at % 6 ? "" : column.name)));
  root.append(plot, axis);
}
