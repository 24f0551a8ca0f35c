// Posts as cards: a grid of results, a strip of pictures, a thread, or one post in full.

function author(card, go) {
  const known = Boolean(card.name);
  const mark = set(make("span", "avatar", known ? card.initial : "?"), { "aria-hidden": "true" });
  mark.style.setProperty("--hue", Number(card.hue) || 0);
  const name = known ? set(make("bdi", "name", card.name), { dir: "auto" }) : make("span", "name unknown", "Unknown author");
  const line = card.user_url ? link(card.user_url, go, "user", name) : make("span", "user", name);
  if (known) set(line, { title: `All posts by ${card.name}` });
  const handle = card.handle ? set(make("bdi", "handle", card.handle), { dir: "auto" }) : null;
  const time = card.time ? set(make("span", "time", card.time), { title: card.time_title }) : null;
  return make("header", "author", mark, make("div", "who", make("div", "names", line, handle), time));
}

// The text with places to break in very long runs without spaces, which a browser takes seconds to wrap by itself.
function breakable(text) {
  if (!/\S{1000}/u.test(text)) return document.createTextNode(text);
  const node = document.createDocumentFragment();
  for (const piece of text.split(/(\S{60})/u)) node.append(piece, ...(/^\S{60}$/u.test(piece) ? [make("wbr")] : []));
  return node;
}

function words(card) {
  const length = card.text.reduce((sum, [text]) => sum + text.length, 0);
  const node = set(make("p", length < 60 ? "text tiny" : length < 150 ? "text short" : "text"), { dir: "auto", lang: card.lang });
  for (const [text, marked] of card.text) node.append(marked ? make("mark", "", text) : breakable(text));
  return node;
}

function gallery(card) {
  const shown = card.pictures.map((given) => {
    const node = picture(given);
    if (given.alt) node.title = given.alt;
    return node;
  });
  const node = make("div", `pictures count-${Math.min(shown.length, 4)}${card.veiled ? " veiled" : ""}`, ...shown);
  if (card.more_pictures) node.append(set(make("span", "more", icon("pictures"), `+${card.more_pictures}`), { title: `${card.more_pictures} more` }));
  return node;
}

function chips(card) {
  const badges = card.badges.map(([kind, text, title]) => set(make("span", `chip badge-${kind}`, text), { title }));
  const legs = card.legs.map(([leg, name, rank, title]) =>
    set(make("span", `chip leg-${leg}`, make("span", "dot"), name, make("b", "", rank)), { title })
  );
  return badges.length + legs.length ? make("div", "chips", ...badges, ...legs) : null;
}

function footer(card, go) {
  const counts = card.counts.map(([kind, text, title]) => set(make("span", "count", icon(kind), text), { title }));
  const actions = card.actions.map(([kind, url, title]) =>
    set(link(url, go, `action ${kind}`, icon(kind)), { title, "aria-label": title })
  );
  return counts.length + actions.length ? make("footer", "", ...counts, make("span", "actions", ...actions)) : null;
}

function draw(root, card, go, layout) {
  const node = make("article", `card${card.pictures.length ? " with-picture" : ""}${card.current ? " current" : ""}`);
  node.dataset.post = card.id;
  if (card.selected !== null) node.append(tickBox(root, card.id, "Select this post", node));
  if (card.depth) node.style.setProperty("--depth", card.depth);
  const open = card.url ? set(link(card.url, go, "open"), { "aria-label": "Open the post" }) : null;
  if (layout === "tiles") {
    if (open) set(open, { "aria-label": card.label, title: card.label });
    node.append(...[gallery(card), open].filter(Boolean));
    return node;
  }
  const media = card.pictures.length ? gallery(card) : null;
  const missing = card.missing.map((reason) => make("p", "missing", icon("missing"), reason));
  const head = card.name || card.time || layout === "full" ? author(card, go) : null;
  const body = make("div", "body", head, card.text.length ? words(card) : null, ...missing);
  if (layout === "full" || layout === "thread") {
    if (media) body.append(media);
    body.append(...[footer(card, go), chips(card)].filter(Boolean));
    node.append(...[body, open].filter(Boolean));
  } else {
    body.append(...[footer(card, go), chips(card)].filter(Boolean));
    node.append(...[media, body, open].filter(Boolean));
  }
  return node;
}

// Cards of unequal height without gaps between them: each spans as many of the grid's 1px rows as it is high, and goes
// to the highest free place, so that ranks still read from left to right.
function pack(root) {
  const cards = [...root.children];
  const heights = cards.map((card) => card.offsetHeight + parseFloat(getComputedStyle(card).marginBottom));
  cards.forEach((card, at) => { card.style.gridRowEnd = `span ${Math.ceil(heights[at])}`; });
}

export default function ({ data, parentElement, setTriggerValue }) {
  // Ticks alone are shown on what is there already: a list drawn anew would lose the keyboard's place.
  const drawing = JSON.stringify({ ...data, cards: data.cards.map((card) => ({ ...card, selected: card.selected === null })) });
  const same = parentElement.querySelector(".stage")?.drawing === drawing;
  const root = stage(parentElement, data.layout, same);
  root.drawing = drawing;
  root.go = (url) => setTriggerValue("go", url);
  const ticked = untold(root, data, data.cards, setTriggerValue);
  if (!same) {
    set(root, { role: "list", "aria-label": data.label });
    const go = (url) => root.go(url);
    for (const card of data.cards) root.append(set(draw(root, card, go, data.layout), { role: "listitem" }));
    root.resizing?.disconnect();
    if (data.layout === "grid") {
      root.resizing = new ResizeObserver(() => pack(root));
      for (const card of root.children) root.resizing.observe(card);
    }
  }
  data.cards.forEach((card, at) => root.children[at].querySelector(".tick")?.show(ticked(card)));
  // Another page of results begins at its top, not where the last one was left.
  if (root.dataset.view !== undefined && root.dataset.view !== data.view) {
    root.getRootNode().host?.closest('[data-testid="stMain"]')?.scrollTo({ top: 0 });
  }
  root.dataset.view = data.view;
  // Arrow keys step from card to card, x ticks one.
  root.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const links = [...root.querySelectorAll("a.open")];
    const at = links.indexOf(event.target);
    if (event.key === "x" && at >= 0) links[at].closest(".card").querySelector(".tick")?.click();
    if (!step || at < 0) return;
    event.preventDefault();
    links[Math.max(0, Math.min(links.length - 1, at + step))].focus();
  };
}
