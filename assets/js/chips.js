// Small links in a row: what a search is made of, each with a cross that takes it away, or things to try.

function chip(given, go) {
  const inner = [];
  if (given.src) inner.push(picture({ src: given.src, alt: "" }));
  if (given.name) inner.push(make("span", "name", given.name));
  if (given.text) inner.push(set(make("bdi", "value", given.text), { dir: "auto" }));
  if (given.count) inner.push(make("span", "count", given.count));
  if (given.remove) {
    const cross = set(link(given.remove, go, "remove", icon("remove")), { title: "Remove", "aria-label": `Remove ${given.name || ""} ${given.text || ""}` });
    return make("span", `chip part ${given.kind || ""}`, ...inner, cross);
  }
  return link(given.url, go, `chip ${given.kind || ""}`, ...inner);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, "chips");
  set(root, { role: "list", "aria-label": data.label });
  for (const given of data.chips) root.append(set(chip(given, go), { role: "listitem" }));
}
