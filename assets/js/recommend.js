// A history or a list of recommendations: a row a post, with its rank, how that changed, and what can be done with it.
// Everything that can be done is a link of ours, so that back undoes it.

const MOVES = { up: "▲", down: "▼" };

function move(row) {
  if (!row.move) return null;
  const [kind, said, title] = row.move;
  return set(make("span", `move ${kind}`, MOVES[kind] ?? "", said), { title });
}

function actions(row, go) {
  return make("span", "actions", ...row.actions.map(([kind, url, name, title]) =>
    set(link(url, go, `act ${kind}`, name), { title, "aria-label": title })
  ));
}

function draw(row, go) {
  const node = make("article", `row${row.current ? " current" : ""}${row.gone ? " gone" : ""}`);
  node.dataset.post = row.id;
  const rank = row.rank ? make("div", "rank", make("b", "", row.rank), move(row)) : null;
  const media = row.picture ? picture(row.picture) : null;
  if (media) media.className = "thumb";
  const name = make("span", "head",
    set(make("bdi", "name", row.name || "Unknown author"), { dir: "auto" }),
    row.said ? set(make("span", "said", row.said), { title: row.said_title }) : null,
    actions(row, go));
  const open = set(link(row.url, go, "text"), { dir: "auto", title: row.text.slice(0, 600) });
  open.append(row.text || "A picture without words");
  const score = row.share === null || row.share === undefined ? null : set(make("span", "score", make("i", "")), { title: row.share_title });
  if (score) score.firstChild.style.width = `${Math.max(2, Math.min(100, 100 * row.share))}%`;
  const badges = row.badges.map(([kind, text, title]) => set(make("span", `badge ${kind}`, text), { title }));
  const foot = badges.length ? make("div", "foot", ...badges) : null;
  node.append(...[rank, media, make("div", "body", ...[name, open, score, foot].filter(Boolean))].filter(Boolean));
  return node;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const go = (url) => setTriggerValue("go", url);
  const root = stage(parentElement, data.compact ? "list compact" : "list");
  set(root, { role: "list", "aria-label": data.label });
  for (const row of data.rows) root.append(set(draw(row, go), { role: "listitem" }));
}
