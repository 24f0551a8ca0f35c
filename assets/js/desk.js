// The review desk. Keys decide; the next item is here already, so it is shown the moment a key is pressed. What was
// decided is sent under a token, and sent again until the page has said that it has it.

const KEYS = { k: "keep", r: "remove", l: "label", m: "limit", e: "escalate" };
const NAMES = { keep: "Keep", remove: "Remove", label: "Label", limit: "Limit", escalate: "Escalate: illegal" };
const HELP = [
  ["k", "Keep"], ["r", "Remove"], ["l", "Label"], ["m", "Limit"], ["e", "Escalate: illegal"], ["s", "Skip for now"],
  ["h", "Snooze for a day"], ["z", "Undo the last decision"], ["g", "Decide with the whole group"],
  ["[ ]", "Group: less or more alike"], ["w", "Why this score"], ["p", "Show the pictures"], ["t", "Show the text"], ["n", "Write a note"],
  ["c", "Choose the reason"], ["b", "Take a break"],
  ["1 to 9", "Choose the policy"], ["?", "This help"], ["Esc", "Close, or leave the note"],
];
const LABELS = ["Sensitive content", "Strong language", "Disputed claim", "Graphic", "Advertising"];
const GRAPHIC_REMINDER = 20 * 60;

const percent = (value) => `${Math.round(100 * value)} %`;
const newToken = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// What the desk remembers between two drawings of the same component.
function memory(parentElement) {
  parentElement.desk ??= {
    pending: [], gone: new Map(), shown: null, since: 0, revealed: false, graphicSince: 0, graphic: 0, unfolded: false,
    grouped: false, least: 0.85, policy: null, reason: "", note: "", asked: null, help: false, said: "",
  };
  return parentElement.desk;
}

function button(text, key, act, kind = "") {
  const node = make("button", `act ${kind}`, make("span", "", text), key ? make("kbd", "", key) : null);
  node.type = "button";
  node.onclick = act;
  return node;
}

function alike(desk, item) {
  return item.group.filter((one) => one.wave || Math.max(one.words ?? 0, one.picture ?? 0) >= desk.least);
}

// What is decided together: what was decided before stays as it is.
function members(desk, item) {
  return alike(desk, item).filter((one) => !one.state);
}

function author(item, go) {
  const mark = set(make("span", "avatar", item.initial), { "aria-hidden": "true" });
  mark.style.setProperty("--hue", Number(item.hue) || 0);
  const name = item.name ? set(make("bdi", "name", item.name), { dir: "auto" }) : make("span", "name unknown", "Unknown author");
  const line = item.user_url ? link(item.user_url, go, "user", name) : make("span", "user", name);
  const handle = item.handle ? set(make("bdi", "handle", item.handle), { dir: "auto" }) : null;
  const facts = [item.time, ...item.counts.map(([, , sentence]) => sentence), `waits ${item.waited}`].filter(Boolean);
  return make("header", "author", mark, make("div", "who", make("div", "names", line, handle), make("span", "time", facts.join(" · "))));
}

function body(desk, item, data, redraw) {
  const folded = data.fold && item.strong && !desk.unfolded;
  const text = set(make("p", folded ? "text folded" : "text", item.text), { dir: "auto", lang: item.lang });
  const parts = [];
  if (item.text) parts.push(text);
  if (folded) parts.push(button("Show the text", "t", () => { desk.unfolded = true; redraw(); }, "small"));
  if (item.pictures.length) {
    const gallery = make("div", `pictures ${desk.revealed ? "" : "blurred"}`, ...item.pictures.map(picture));
    gallery.onclick = () => reveal(desk, redraw);
    parts.push(gallery);
    if (!desk.revealed) parts.push(button(item.pictures.length > 1 ? "Show the pictures" : "Show the picture", "p", () => reveal(desk, redraw), "small"));
  }
  parts.push(...item.missing.map((reason) => make("p", "faint", reason)));
  return parts;
}

function reveal(desk, redraw) {
  if (desk.revealed) desk.graphic += (performance.now() - desk.graphicSince) / 1000;
  desk.revealed = !desk.revealed;
  desk.graphicSince = performance.now();
  redraw();
}

function scores(item) {
  const rows = item.scores.map((one) => {
    const bar = make("span", "meter", make("i", ""), make("b", ""));
    bar.style.setProperty("--score", one.score);
    bar.style.setProperty("--threshold", one.threshold);
    return set(make("div", one.flag ? "score flag" : "score", make("span", "", one.policy), bar, make("span", "figure", one.score.toFixed(2))), {
      title: `${one.policy}: ${one.score.toFixed(3)}, flagged from ${one.threshold}; by ${one.model}`,
    });
  });
  const said = [...item.signs, ...item.notes].map((one) => make("p", "faint", one));
  const reports = item.reports.map(([kind, policy, note, who]) =>
    make("p", "report", kind === "appeal" ? "Appeal" : "Report", policy ? ` (${policy})` : "", " by ", make("bdi", "", who), note ? ": " : "", make("bdi", "", note)));
  return make("section", "", make("h3", "", "Why it is here"), ...reports, ...rows, ...said);
}

// The words without which the score falls, the darker the more, and what other people in the text would make of it.
function why(desk, item, data, ask) {
  const found = data.why?.post === item.id && data.why.policy === desk.policy ? data.why : null;
  if (!found) return make("div", "line", button(desk.asking ? "One moment …" : "Why this score", "w", ask, "small"));
  const words = found.pieces.map(([piece, weight]) => {
    const node = make("span", weight > 0.05 ? "carries" : "", piece);
    node.style.setProperty("--weight", Math.max(0, weight));
    return node;
  });
  const swaps = found.swaps.map(([word, by, score]) => make("div", "row", make("span", "figure", score.toFixed(2)),
    make("span", "words", make("bdi", "", word), " as ", make("bdi", "", by))));
  const most = found.picture ? Math.max(0.001, ...found.picture.flat()) : 1;
  const cells = found.picture?.flat().map((fall) => {
    const cell = make("i", "");
    cell.style.setProperty("--weight", fall / most);
    return cell;
  });
  return make("section", "why", make("h3", "", found.said ? "Why this score" : found.picture ? "The region that carries it" : `The words that carry it: ${found.score.toFixed(2)} by the first look`),
    words.length ? set(make("p", "", ...words), { dir: "auto" }) : null, cells ? make("div", "cells", ...cells) : null,
    found.said ? make("p", "faint", found.said) : null, swaps.length ? make("h3", "", "With somebody else in it") : null, ...swaps);
}

function group(desk, item, data, redraw) {
  if (!item.group.length) return null;
  const before = item.group.filter((one) => one.state).length;
  const tally = () => `${members(desk, item).length} of ${item.group.length - before}`;
  const wave = item.group.filter((one) => one.wave).length;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0.6, max: 1, step: 0.01, value: desk.least });
  set(slider, { "aria-label": "At least this alike" });
  const count = make("strong", "count", tally());
  const rows = make("div", "rows");
  const fill = () => rows.replaceChildren(...alike(desk, item).slice(0, 60).map((one) => make("div", "row",
    make("span", "figure", one.wave && !one.words ? "wave" : Math.max(one.words ?? 0, one.picture ?? 0).toFixed(2)),
    set(make("bdi", "words", one.text || "A picture"), { dir: "auto" }), one.state ? make("span", `state ${one.state}`, one.state) : null)));
  slider.oninput = () => {
    desk.least = Number(slider.value);
    count.textContent = tally();
    fill();
  };
  slider.onchange = redraw;
  fill();
  const what = wave ? `A wave: ${wave + 1} posts of the same kind` : "Posts that say or show nearly the same";
  return make("section", desk.grouped ? "group on" : "group", make("h3", "", what),
    make("div", "line", slider, count, button(desk.grouped ? "With the group" : "Decide together", "g", () => { desk.grouped = !desk.grouped; redraw(); }, desk.grouped ? "small on" : "small")),
    before ? make("p", "faint", `${before.toLocaleString("en")} ${before === 1 ? "was" : "were"} decided before and ${before === 1 ? "stays" : "stay"} so.`) : null, rows);
}

function cases(item, go) {
  if (!item.cases.length) return null;
  return make("section", "cases", make("h3", "", "Closest decided cases"), ...item.cases.map((one) =>
    make("div", "row", make("span", "figure", one.similarity.toFixed(2)), make("span", `state ${one.state}`, one.state),
      link(one.url, go, "words", set(make("bdi", "", one.text || "A picture"), { dir: "auto" })))));
}

function thread(item, go) {
  if (item.thread.length < 2) return null;
  return make("section", "thread", make("h3", "", "In the conversation"), ...item.thread.map((one) =>
    make("div", one.current ? "said current" : "said", make("bdi", "name", one.name || "Unknown"), set(make("bdi", "words", one.current ? "This post" : one.text), { dir: "auto" }))));
}

function account(item, go) {
  const known = item.account;
  if (!known) return null;
  const figures = [[known.posts === 1 ? "post" : "posts", known.posts], ["flagged", known.flagged], ["decided", known.decided], ["removed", known.removed], [known.strikes === 1 ? "strike" : "strikes", known.strikes]];
  return make("section", "account", make("h3", "", "The author"),
    make("div", "figures", ...figures.map(([name, n]) => make("span", "", make("b", "", n.toLocaleString("en")), ` ${name}`))),
    known.state ? make("p", "report", `The account was ${known.state}.`) : null,
    known.many ? make("p", "warn", "Many strikes: consider a decision on the account.") : null,
    ...known.latest.map((one) => make("p", "faint", one)),
    item.user_url ? link(item.user_url, go, "more", "Open the account") : null);
}

function past(item) {
  if (!item.past.length) return null;
  return make("section", "", make("h3", "", "Decided on this post before"), ...item.past.map((one) => make("p", "faint", one)));
}

function warning(desk, item, action) {
  const keeps = action === "keep";
  const against = item.cases.filter((one) => one.near && (one.state === "kept") !== keeps);
  if (!against.length) return null;
  return `${against.length} of the closest cases ${against.length === 1 ? "was" : "were"} ${against[0].state}, as alike as ${against[0].similarity.toFixed(2)}.`;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const desk = memory(parentElement);
  const go = (url) => setTriggerValue("go", url);
  const acked = new Set(data.acks);
  const before = desk.pending.length;
  desk.pending = desk.pending.filter((act) => !acked.has(act.token));
  for (const one of data.refused) {
    desk.said = one.said;
    if (one.post) desk.gone.delete(one.post);
  }
  // What was decided here stays away until the page's own list has caught up.
  const tokens = new Set(desk.pending.map((act) => act.token));
  for (const [post, token] of desk.gone) if (!tokens.has(token) && !data.items.some((item) => item.id === post)) desk.gone.delete(post);
  if (before && !desk.pending.length && !data.refused.length) for (const [post, token] of desk.gone) if (acked.has(token)) desk.gone.delete(post);

  const reasonOf = (policy) => data.policies.find((one) => one.id === policy)?.reason ?? "";
  const items = () => data.items.filter((item) => !desk.gone.has(item.id));
  const send = (act) => {
    desk.pending.push({ ...act, token: newToken() });
    if (act.post && act.do !== "undo") desk.gone.set(act.post, desk.pending.at(-1).token);
    for (const id of act.group ?? []) desk.gone.set(id, desk.pending.at(-1).token);
    setStateValue("acts", desk.pending);
  };
  const start = (item) => {
    Object.assign(desk, { shown: item?.id ?? null, since: performance.now(), revealed: false, graphic: 0, unfolded: false,
      grouped: false, policy: item?.policy ?? null, reason: reasonOf(item?.policy), note: "", asked: null });
  };
  const choosePolicy = (id) => {
    if (desk.reason === reasonOf(desk.policy)) desk.reason = reasonOf(id);
    desk.policy = id;
    redraw();
  };
  const decide = (item, action, extra = {}) => {
    const against = data.review === "second" ? null : warning(desk, item, action);
    const sure = desk.asked?.action === action;
    if (action === "label" && !extra.label) { desk.asked = { action, kind: "label" }; return redraw(); }
    if (!sure && action === "escalate") { desk.asked = { action, said: "Escalating locks the post for all but a lead. Press e again to do it." }; return redraw(); }
    if (!sure && against) { desk.asked = { action, said: `${against} Press the key again to decide so all the same.` }; return redraw(); }
    if (desk.revealed) desk.graphic += (performance.now() - desk.graphicSince) / 1000;
    desk.said = "";
    send({ do: "decide", post: item.id, action, policy: desk.policy, reason: action === "keep" ? null : desk.reason || null, review: data.review, standing: item.standing, note: desk.note,
      group: desk.grouped && data.review !== "second" ? members(desk, item).map((one) => one.id) : [], similarity: desk.grouped ? desk.least : null,
      seconds: (performance.now() - desk.since) / 1000, revealed: desk.revealed, graphic: item.pictures.length ? desk.graphic : 0, ...extra });
    start(items()[0]);
    redraw();
  };
  const leave = (item, what) => {
    send({ do: what, post: item.id });
    start(items()[0]);
    redraw();
  };
  const ask = () => {
    const item = items()[0];
    if (!item || !desk.policy) return;
    desk.asking = true;
    desk.pending.push({ do: "why", post: item.id, policy: desk.policy, token: newToken() });
    setStateValue("acts", desk.pending);
    redraw();
  };
  if (!desk.pending.some((act) => act.do === "why")) desk.asking = false;
  const rest = () => {
    desk.pending.push({ do: "rest", token: newToken() });
    setStateValue("acts", desk.pending);
  };
  const undo = () => {
    if (!data.undo && !desk.pending.length) return;
    desk.gone.clear();
    desk.said = "";
    send({ do: "undo" });
    redraw();
  };

  function actions(item) {
    const proposed = item.action;
    const together = desk.grouped && data.review !== "second" ? members(desk, item).length + 1 : 1;
    const acts = Object.entries(KEYS).map(([key, action]) =>
      button(together > 1 ? `${NAMES[action]} (${together.toLocaleString("en")})` : NAMES[action], key, () => decide(item, action), `${action}${action === proposed ? " proposed" : ""}`));
    acts.push(button("Skip", "s", () => leave(item, "skip"), "quiet"), button("Snooze", "h", () => leave(item, "snooze"), "quiet"), button("Undo", "z", undo, "quiet"), button("Break", "b", rest, "quiet"), button("?", "", () => { desk.help = !desk.help; redraw(); }, "quiet"));
    return make("div", "actions", ...acts);
  }

  function choices(item) {
    const policies = data.policies.slice(0, 9).map((one, at) => {
      const node = button(one.name, String(at + 1), () => choosePolicy(one.id), desk.policy === one.id ? "small on" : "small");
      return node;
    });
    const note = document.createElement("input");
    Object.assign(note, { type: "text", value: desk.note, placeholder: "Note (n)", maxLength: 4000 });
    set(note, { class: "note", "aria-label": "Note" });
    note.oninput = () => { desk.note = note.value; };
    const reason = set(document.createElement("select"), { class: "note reason", "aria-label": "Reason (c)", title: "The reason that a statement gives (c)" });
    for (const [code, said] of [["", "No reason (c)"], ...data.reasons]) {
      const option = make("option", "", said);
      option.value = code;
      reason.append(option);
    }
    reason.value = desk.reason;
    reason.onchange = () => { desk.reason = reason.value; reason.blur(); };
    return make("div", "choices", make("div", "policies", ...policies), make("div", "line", reason, note));
  }

  function asked(item) {
    if (!desk.asked) return null;
    if (desk.asked.kind !== "label") return set(make("p", "ask", desk.asked.said), { role: "alert" });
    const own = document.createElement("input");
    Object.assign(own, { type: "text", placeholder: "Other words, then Enter", maxLength: 80 });
    set(own, { class: "note", "aria-label": "Label" });
    own.onkeydown = (event) => { if (event.key === "Enter" && own.value.trim()) { event.preventDefault(); decide(item, "label", { label: own.value.trim() }); } };
    return make("div", "ask", make("span", "", "Which label?"), ...LABELS.map((label, at) =>
      button(label, String(at + 1), () => decide(item, "label", { label }), "small")), own);
  }

  function redraw() {
    const item = items()[0];
    if (item && desk.shown !== item.id) start(item);
    const root = stage(parentElement, "desk");
    root.tabIndex = -1;
    const waits = Math.max(0, data.waits - new Set(desk.pending.filter((act) => act.do === "decide").flatMap((act) => [act.post, ...act.group])).size);
    const shift = [`${waits.toLocaleString("en")} ${waits === 1 ? "waits" : "wait"}${waits && data.oldest ? `, the oldest for ${data.oldest}` : ""}`, data.shift.decided ? `${data.shift.decided} decided this shift` : null,
      data.shift.graphic >= 60 ? `${Math.round(data.shift.graphic / 60)} min with pictures shown` : null].filter(Boolean);
    root.append(make("div", "shift", make("span", "", shift.join(" · ")), data.undo ? make("span", "faint", `Last: ${data.undo} (z takes it back)`) : null));
    if (data.shift.graphic >= GRAPHIC_REMINDER) root.append(make("p", "warn", "You have looked at pictures for a while: time for a break."));
    if (desk.said) root.append(set(make("p", "warn", desk.said), { role: "alert" }));
    if (desk.help) root.append(make("div", "help", ...HELP.map(([key, what]) => make("div", "", make("kbd", "", key), what))));
    if (!item) {
      root.append(make("div", "done", make("h2", "", desk.pending.length ? "One moment …" : "Nothing waits here"), make("p", "faint", desk.pending.length ? "The next posts are being fetched." : "All of this queue is decided, snoozed, or open at somebody else's.")));
      return;
    }
    const main = make("article", "item", author(item, go), ...body(desk, item, data, redraw), asked(item), actions(item), choices(item));
    main.dataset.post = item.id;
    const side = make("aside", "", scores(item), why(desk, item, data, ask), data.review === "second" ? make("p", "faint", "A blind second review: what was decided before is not shown.") : null,
      ...[group(desk, item, data, redraw), cases(item, go), past(item), thread(item, go), account(item, go)].filter(Boolean),
      make("nav", "links", ...item.links.map(([name, url]) => link(url, go, "more", name))));
    root.append(make("div", "columns", main, side));
  }

  parentElement.stopListening?.abort(); // this runs again whenever Streamlit draws the page
  const stop = new AbortController();
  parentElement.stopListening = stop;
  document.addEventListener("keydown", (event) => {
    const at = event.composedPath()[0];
    const typing = at instanceof HTMLElement && (at.isContentEditable || (["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName) && at.type !== "range"));
    if (event.key === "Escape") {
      if (typing) at.blur();
      desk.asked = null;
      desk.help = false;
      return redraw();
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const item = items()[0];
    if (event.key === "?") { desk.help = !desk.help; return redraw(); }
    if (event.key === "z") return undo();
    if (event.key === "b") return rest();
    if (!item) return;
    if (desk.asked?.kind === "label" && LABELS[Number(event.key) - 1]) return decide(item, "label", { label: LABELS[Number(event.key) - 1] });
    if (KEYS[event.key]) return decide(item, KEYS[event.key]);
    const policy = data.policies[Number(event.key) - 1];
    if (policy) return choosePolicy(policy.id);
    if (event.key === "w") return ask();
    if (event.key === "s") return leave(item, "skip");
    if (event.key === "h") return leave(item, "snooze");
    if (event.key === "g" && item.group.length && data.review !== "second") { desk.grouped = !desk.grouped; return redraw(); }
    if (event.key === "[" || event.key === "]") {
      desk.least = Math.min(1, Math.max(0.6, Number((desk.least + (event.key === "]" ? 0.02 : -0.02)).toFixed(2))));
      return redraw();
    }
    if (event.key === "p" && item.pictures.length) return reveal(desk, redraw);
    if (event.key === "t") { desk.unfolded = !desk.unfolded; return redraw(); }
    if (event.key === "n" || event.key === "c") {
      event.preventDefault();
      parentElement.querySelector(event.key === "n" ? ".choices input" : ".choices select")?.focus();
    }
  }, { signal: stop.signal });
  redraw();
  // What the page did not have yet when it was drawn goes once more, at the next calm moment.
  if (desk.pending.length && before === desk.pending.length) setStateValue("acts", desk.pending);
  return () => stop.abort();
}
