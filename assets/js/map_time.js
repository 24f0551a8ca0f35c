// When the posts were written, as columns; a window over them that can be dragged and that plays.

function timeStrip(holder, state, redraw, tell) {
  const play = set(make("button", "play"), { "aria-label": "Play", title: "Play" });
  const said = make("span", "said");
  const track = set(make("div", "track"), { tabindex: "0", role: "slider", "aria-label": "Time" });
  const hold = make("div", "hold", make("span", "edge left"), make("span", "edge right"));
  let times = null;

  const show = () => {
    const [a, b] = state.span;
    hold.style.left = `${100 * Math.max(0, a)}%`;
    hold.style.width = `${100 * (Math.min(1, b) - Math.max(0, a))}%`;
    said.textContent = a <= 0 && b >= 1 ? times.whole : `${dateAt(a)} to ${dateAt(b)}`;
    set(track, { "aria-label": `Time: ${said.textContent}` });
    redraw();
  };
  const dateAt = (share) => new Date(times.from + share * (times.to - times.from)).toISOString().slice(0, times.to - times.from > 4 * 864e5 ? 10 : 16).replace("T", " ");
  const settled = () => {
    const [a, b] = state.span;
    const at = (share) => Math.round(times.from + share * (times.to - times.from));
    tell(a <= 0 && b >= 1 ? null : { from: at(a), to: at(b) });
  };
  const stop = () => { const was = state.playing; clearInterval(state.playing); state.playing = 0; play.replaceChildren(icon("play")); set(play, { title: "Play", "aria-label": "Play" }); if (was) settled(); };
  const step = (by) => {
    const width = Math.max(0.02, state.span[1] - state.span[0]);
    state.span = [state.span[0] + by, state.span[0] + by + width];
    show();
  };
  ICONS.play = "M8 5.5v13l10-6.5Z";
  ICONS.pause = "M8.500 5v14M15.500 5v14";
  play.onclick = () => {
    if (state.playing) return stop();
    if (state.span[1] - state.span[0] > 0.6 || state.span[1] >= 0.999) state.span = [0, Math.min(0.12, state.span[1] - state.span[0])];
    play.replaceChildren(icon("pause"));
    set(play, { title: "Pause", "aria-label": "Pause" });
    state.playing = setInterval(() => { if (state.span[1] >= 1 || !holder.isConnected) stop(); else step(0.006); }, 60);
  };
  const at = (event) => { const box = track.getBoundingClientRect(); return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)); };
  track.onpointerdown = (event) => {
    if (state.playing) stop();
    track.setPointerCapture(event.pointerId);
    const x = at(event);
    const [a, b] = state.span;
    const near = 10 / track.clientWidth;
    const kind = a <= 0 && b >= 1 ? "new" : Math.abs(x - a) < near ? "left" : Math.abs(x - b) < near ? "right" : x > a && x < b ? "move" : "new";
    const drag = { kind, x, span: [a, b] };
    track.onpointermove = (move) => {
      const to = at(move);
      if (drag.kind === "left") state.span = [Math.min(to, drag.span[1] - 0.005), drag.span[1]];
      else if (drag.kind === "right") state.span = [drag.span[0], Math.max(to, drag.span[0] + 0.005)];
      else if (drag.kind === "move") state.span = [drag.span[0] + to - drag.x, drag.span[1] + to - drag.x];
      else state.span = [Math.min(to, drag.x), Math.max(to, drag.x, Math.min(to, drag.x) + 0.005)];
      show();
    };
    track.onpointerup = () => { track.onpointermove = null; if (String(state.span) !== String(drag.span)) settled(); };
  };
  const all = () => { const changed = state.span[0] > 0 || state.span[1] < 1; state.playing = clearInterval(state.playing) || 0; stop(); state.span = [0, 1]; show(); if (changed) settled(); };
  track.ondblclick = all;
  track.onkeydown = (event) => {
    const by = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
    if (event.key === "Escape") all();
    else if (event.key === " ") play.onclick();
    else if (by) { step(by); clearTimeout(state.stepping); state.stepping = setTimeout(settled, 500); }
    else return;
    event.preventDefault();
  };
  return {
    stop,
    update(data) {
      state.playing = clearInterval(state.playing) || 0;
      stop();
      times = data.times;
      holder.replaceChildren();
      if (!times) return;
      const most = Math.max(1, ...times.columns);
      const columns = times.columns.map((count) => { const bar = make("span", "column"); bar.style.height = count ? `max(1px, ${(100 * Math.sqrt(count / most)).toFixed(1)}%)` : "0"; return bar; });
      track.replaceChildren(...columns, hold);
      holder.append(play, track, said);
      show();
    },
  };
}
