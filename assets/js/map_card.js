// What the map's pointer rests on, beside the pointer.

export default function ({ data, parentElement }) {
  const maps = (window.feedscopeMaps ||= {});
  const root = stage(parentElement, "hover-card");
  maps[`card:${data.name}`] = { hide: () => { root.style.display = "none"; } };
  if (!data.lines || root.dataset.seen === String(data.at)) { root.style.display = "none"; return; }
  root.dataset.seen = String(data.at);
  const image = data.src ? picture({ src: data.src, alt: data.alt || "" }) : null;
  root.append(...[image, make("div", "words",
    data.head ? set(make("bdi", "head", data.head), { dir: "auto" }) : null,
    data.text ? set(make("p", "text", data.text), { dir: "auto" }) : null,
    ...data.lines.map((line) => make("div", "line", line)))].filter(Boolean));
  root.style.display = "";
  const width = 300;
  const height = root.offsetHeight;
  const left = data.x + width + 24 > window.innerWidth ? data.x - width - 14 : data.x + 16;
  root.style.left = `${Math.max(8, left)}px`;
  root.style.top = `${Math.max(8, Math.min(window.innerHeight - height - 8, data.y + 14))}px`;
}
