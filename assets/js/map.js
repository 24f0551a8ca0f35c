// The map: pan, zoom, lasso, box, labels, time. What it is told comes in `data`; what it tells are the triggers hover,
// pick (a cluster), open (a point), select (a polygon), time (from and to) and window (what is in view, where that is
// not all there is).

const TOOLS = [
  ["pan", "Move (V)", "M9 11V5.5a1.5 1.5 0 0 1 3 0V11m0-.5V4a1.5 1.5 0 0 1 3 0v7m0-4.500a1.500 1.500 0 0 1 3 0V15a6 6 0 0 1-6 6h-1.500a6 6 0 0 1-4.700-2.300L4 14.500a1.600 1.600 0 0 1 2.400-2L9 15V9"],
  ["lasso", "Lasso (L)", "M4 10c0-3.300 3.600-6 8-6s8 2.700 8 6-3.600 6-8 6c-1.200 0-2.400-.2-3.400-.6M7 20c1.500 0 2-1 2-2.500S8 15 6.500 15 4 16 4 17.200 5 19 7 19"],
  ["box", "Box (B)", "M4 4h4M12 4h2M18 4h2v3M20 11v2M20 17v3h-3M13 20h-2M7 20H4v-3M4 13v-2"],
  ["in", "Closer (+)", "M12 5v14M5 12h14"],
  ["out", "Farther (-)", "M5 12h14"],
  ["all", "The whole map (0)", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
];

function controller(root, tell) {
  const layer = (name) => { const canvas = document.createElement("canvas"); canvas.className = name; return canvas; };
  const [ground, dots, over] = ["ground", "dots", "over"].map(layer);
  const names = make("div", "names");
  const tip = set(make("div", "tip"), { role: "status" });
  const board = set(make("div", "board", ground, dots, over, names, tip), { tabindex: "0", role: "application" });
  const tools = set(make("div", "tools"), { role: "toolbar", "aria-label": "Map tools" });
  const time = make("div", "time");
  const key = make("div", "legend");
  root.append(make("div", "frame", board, tools), time, key);
  const state = { tool: "pan", view: { x: 0.5, y: 0.5, scale: 1, width: 1, height: 1, ratio: 1 }, drag: null, hover: null, span: [0, 1], data: null, sets: [], playing: 0 };
  let points = null;
  let dirty = false;
  const labels = labelLayer(names, (label) => tell("pick", { level: label.level, number: label.number }));

  const fit = () => Math.min(state.view.width / (state.data?.extent[0] || 1), state.view.height / (state.data?.extent[1] || 1)) * 0.97;
  const zoom = () => state.view.scale / fit();
  const unit = (px, py) => [(px - state.view.width / 2) / state.view.scale + state.view.x, (state.view.height / 2 - py) / state.view.scale + state.view.y];
  const pixel = (x, y) => [(x - state.view.x) * state.view.scale + state.view.width / 2, state.view.height / 2 - (y - state.view.y) * state.view.scale];
  const redraw = () => { if (!dirty) { dirty = true; requestAnimationFrame(paint); } };
  const whole = () => state.span[0] <= 0 && state.span[1] >= 1;

  function look() {
    const lit = state.data.highlights.length > 0;
    const part = whole() ? 1 : Math.max(0.01, Math.min(1, state.span[1]) - Math.max(0, state.span[0]));
    const count = part * state.sets.reduce((sum, one) => sum + one.count, 0); // of a short time few are seen: larger
    const base = count > 20000 ? 2.2 : count > 5000 ? 3 : count > 800 ? 4.2 : 6;
    const size = Math.min(10, base * Math.pow(zoom(), 0.32));
    return { size, alpha: (count > 20000 ? 0.55 : 0.8) * (lit ? 0.28 : 1), span: state.span, undated: whole() };
  }

  function paint() {
    dirty = false;
    const { view, data } = state;
    if (!data || !root.isConnected) return;
    const style = getComputedStyle(root);
    const how = look();
    paintGround(style);
    points.draw(state.sets, view, how);
    const pen = over.getContext("2d");
    pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    pen.clearRect(0, 0, view.width, view.height);
    if (data.contours && state.lines) {
      pen.strokeStyle = style.getPropertyValue("--st-text-color");
      pen.lineWidth = 1;
      state.lines.forEach((lines, level) => {
        pen.globalAlpha = 0.12 + 0.07 * level;
        pen.beginPath();
        for (const [ax, ay, bx, by] of lines) { pen.moveTo(...pixel(ax, ay)); pen.lineTo(...pixel(bx, by)); }
        pen.stroke();
      });
      pen.globalAlpha = 1;
    }
    for (const group of state.lit) {
      pen.fillStyle = group.colour;
      pen.strokeStyle = style.getPropertyValue("--st-background-color");
      pen.lineWidth = 1;
      const r = Math.max(2.6, how.size * (group.count > 2000 ? 0.5 : 0.72));
      for (let i = 0; i < group.count; i++) {
        const [x, y] = pixel(group.at[2 * i] / 65535, group.at[2 * i + 1] / 65535);
        if (x < -9 || y < -9 || x > view.width + 9 || y > view.height + 9) continue;
        pen.beginPath();
        pen.arc(x, y, r, 0, 7);
        pen.fill();
        if (group.count < 3000) pen.stroke();
      }
    }
    const outline = state.drag?.path || (data.polygon.length ? data.polygon.map(([x, y]) => pixel(x, y)) : null);
    if (outline) {
      pen.strokeStyle = style.getPropertyValue("--st-primary-color");
      pen.fillStyle = pen.strokeStyle;
      pen.lineWidth = 1.6;
      pen.setLineDash(state.drag?.path ? [] : [5, 4]);
      pen.beginPath();
      outline.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.stroke();
      pen.globalAlpha = 0.07;
      pen.fill();
      pen.globalAlpha = 1;
      pen.setLineDash([]);
    }
    if (state.hover) {
      const [x, y] = pixel(state.hover.x, state.hover.y);
      pen.strokeStyle = style.getPropertyValue("--st-text-color");
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(x, y, Math.max(6, how.size), 0, 7);
      pen.stroke();
    }
    labels.place(view, zoom(), !data.names || Boolean(state.drag?.path), [tools.offsetLeft, tools.offsetTop, tools.offsetLeft + tools.offsetWidth, tools.offsetTop + tools.offsetHeight]);
    board.dataset.zoom = zoom().toFixed(2);
    if (!board.dataset.drawn) { board.dataset.drawn = points.kind; root.dataset.drawnAt = String(performance.now()); }
  }

  function paintGround(style) {
    const { view } = state;
    const pen = ground.getContext("2d");
    pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    pen.clearRect(0, 0, view.width, view.height);
    if (!state.fog) return;
    if (!whole() && state.parts) fogWithin();
    const fog = whole() || !state.parts ? state.fog : state.within.fog;
    const [x, y] = pixel(0, 1);
    pen.globalAlpha = Math.max(0.15, 1 - Math.log2(Math.max(1, zoom())) / 4) * (state.lit.length ? 0.5 : 1);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(fog, x, y, view.scale, view.scale);
    pen.globalAlpha = 1;
  }

  // The density of what was written in the chosen time, added up from its parts.
  function fogWithin() {
    const key = state.span.join();
    if (state.within?.key === key) return;
    const { grids, count, size } = state.parts;
    const sum = new Float32Array(size);
    const [first, last] = [Math.max(0, state.span[0] * count), Math.min(count, state.span[1] * count)];
    for (let part = Math.floor(first); part < last; part++) {
      const weight = Math.min(part + 1, last) - Math.max(part, first);
      for (let at = 0; at < size; at++) sum[at] += weight * grids[part * size + at] ** 2;
    }
    const most = Math.log1p(sum.reduce((a, b) => Math.max(a, b), 1) / 16);
    state.within = { key, fog: fogOf(sum.map((value) => (255 * Math.log1p(value / 16)) / most), Math.sqrt(size)) };
  }

  // The density of all points as a picture, where only a sample of them is drawn.
  function fogOf(grid, side) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(side, side);
    const [r, g, b] = rgb(getComputedStyle(root).getPropertyValue("--st-primary-color").trim());
    for (let x = 0; x < side; x++)
      for (let y = 0; y < side; y++) image.data.set([r, g, b, grid[x * side + y] * 0.62], 4 * ((side - 1 - y) * side + x));
    pen.putImageData(image, 0, 0);
    return canvas;
  }

  function resize() {
    const { view } = state;
    const box = board.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) return;
    const before = state.before ?? zoom();
    state.before = null;
    view.ratio = Math.min(2, window.devicePixelRatio || 1);
    Object.assign(view, { width: box.width, height: box.height });
    view.scale = fit() * before;
    for (const canvas of [ground, dots, over]) {
      canvas.width = Math.round(view.width * view.ratio);
      canvas.height = Math.round(view.height * view.ratio);
    }
    redraw();
  }

  function zoomBy(factor, px = state.view.width / 2, py = state.view.height / 2) {
    const { view } = state;
    const [x, y] = unit(px, py);
    view.scale = Math.max(fit() * 0.8, Math.min(fit() * 400, view.scale * factor));
    view.x = x - (px - view.width / 2) / view.scale;
    view.y = y - (view.height / 2 - py) / view.scale;
    moved();
  }

  function showAll() {
    Object.assign(state.view, { x: 0.5, y: 0.5, scale: fit() });
    moved();
  }

  function moved() {
    const { view } = state;
    view.x = Math.max(-0.2, Math.min(1.2, view.x));
    view.y = Math.max(-0.2, Math.min(1.2, view.y));
    leave();
    redraw();
    clearTimeout(state.settling);
    if (state.data.shown < state.data.total)
      state.settling = setTimeout(() => {
        const [x0, y1] = unit(0, 0);
        const [x1, y0] = unit(view.width, view.height);
        tell("window", zoom() > 1.2 ? { x0, y0, x1, y1 } : null);
      }, 450);
  }

  function pick(px, py) {
    const [x, y] = unit(px, py);
    const reach = 9 / state.view.scale;
    const found = state.sets.map((one) => one.nearest(x, y, reach, look())).filter(Boolean);
    return found.sort((a, b) => a.distance - b.distance)[0] || null;
  }

  function leave() {
    clearTimeout(state.asking);
    if (state.hover) { state.hover = null; redraw(); }
    cardOf(state.data?.name)?.hide();
  }

  function hoverAt(px, py, event) {
    const found = pick(px, py);
    if (found && state.hover && found.index === state.hover.index && found.set === state.hover.set) return;
    leave();
    state.hover = found;
    board.style.cursor = found ? "pointer" : "";
    redraw();
    if (found) {
      const box = board.getBoundingClientRect();
      state.asking = setTimeout(() => tell("hover", { set: found.set.first, index: found.index, x: event.clientX, y: event.clientY, right: box.right, bottom: box.bottom }), 160);
    }
  }

  const place = (event) => { const box = board.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  board.onwheel = (event) => { event.preventDefault(); zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...place(event)); };
  board.onpointerdown = (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    board.setPointerCapture(event.pointerId);
    if (state.playing) strip.stop();
    const from = place(event);
    const tool = event.shiftKey && state.tool === "pan" ? "lasso" : state.tool;
    state.drag = { tool, from, last: from, far: false, path: tool === "pan" ? null : [from] };
    leave();
  };
  board.onpointermove = (event) => {
    const now = place(event);
    const { drag, view } = state;
    if (!drag) { if (!event.target.closest("button")) hoverAt(...now, event); else leave(); return; }
    if (Math.hypot(now[0] - drag.from[0], now[1] - drag.from[1]) > 4) drag.far = true;
    if (drag.tool === "pan") {
      view.x -= (now[0] - drag.last[0]) / view.scale;
      view.y += (now[1] - drag.last[1]) / view.scale;
      drag.last = now;
      if (drag.far) moved();
    } else if (drag.tool === "box") {
      drag.path = [drag.from, [now[0], drag.from[1]], now, [drag.from[0], now[1]]];
      redraw();
    } else {
      drag.path.push(now);
      redraw();
    }
  };
  board.onpointerup = (event) => {
    const { drag } = state;
    state.drag = null;
    if (!drag) return;
    if (drag.path && drag.far) tell("select", { polygon: thinned(drag.path.map(([x, y]) => unit(x, y))) });
    else if (!drag.far) {
      const found = pick(...place(event));
      if (found) tell("open", { set: found.set.first, index: found.index });
    }
    redraw();
  };
  board.onpointercancel = () => { state.drag = null; redraw(); };
  board.onpointerleave = leave;
  board.ondblclick = (event) => zoomBy(2, ...place(event));
  board.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 60 / state.view.scale;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const tool = { v: "pan", l: "lasso", b: "box", "+": "in", "=": "in", "-": "out", 0: "all" }[event.key.toLowerCase()];
    if (moves[event.key]) { state.view.x += moves[event.key][0]; state.view.y += moves[event.key][1]; moved(); }
    else if (tool) use(tool);
    else if (event.key === "Escape" && state.data.polygon.length) tell("select", { polygon: [] });
    else return;
    event.preventDefault();
  };

  function use(tool) {
    if (tool === "in") return zoomBy(1.6);
    if (tool === "out") return zoomBy(1 / 1.6);
    if (tool === "all") return showAll();
    state.tool = tool;
    board.dataset.tool = tool;
    for (const button of tools.children) button.classList.toggle("on", button.dataset.tool === tool);
  }
  for (const [name, title, path] of TOOLS) {
    ICONS[`map-${name}`] = path;
    const button = set(make("button", "", icon(`map-${name}`)), { title, "aria-label": title });
    button.dataset.tool = name;
    button.onclick = () => { use(name); board.focus({ preventScroll: true }); };
    tools.append(button);
  }
  use("pan");
  new ResizeObserver(resize).observe(board);

  const strip = timeStrip(time, state, redraw, (value) => tell("time", value));
  return {
    update(data) {
      if (state.data?.token === data.token) return;
      const fresh = state.data?.layout !== data.layout;
      state.before = fresh ? 1 : zoom();
      if (!points) points = webgl(dots) || plain(dots);
      for (const one of state.sets) points.free(one);
      state.data = data;
      state.sets = [pointSet(data, "sample")];
      state.lit = data.highlights.map((group) => { const at = decode(group.at, Uint16Array); return { ...group, at, count: at.length / 2 }; });
      points.palette(data.palette);
      const grid = decode(data.density, Uint8Array);
      const side = Math.round(Math.sqrt(grid.length));
      state.fog = data.shown < data.total ? fogOf(grid, side) : null;
      const grids = decode(data.over_time, Uint8Array);
      state.parts = grids.length ? { grids, count: 48, size: grids.length / 48 } : null;
      state.within = null;
      state.lines = data.contours ? contours(grid, side, [30, 70, 110, 150, 190, 225]) : null;
      board.setAttribute("aria-label", data.label);
      root.style.setProperty("--map-height", `${data.height}px`);
      labels.update(data.labels, getComputedStyle(root).fontFamily);
      if (fresh || String(data.span) !== String(state.given)) { state.span = data.span ? [...data.span] : [0, 1]; state.given = data.span; }
      strip.update(data);
      drawLegend(key, data);
      tip.textContent = data.shown < data.total ? data.sampled : "";
      if (fresh) { delete board.dataset.drawn; Object.assign(state.view, { x: 0.5, y: 0.5 }); }
      resize();
      redraw();
    },
    detail(given) {
      for (const one of state.sets.slice(1)) points.free(one);
      state.sets = [state.sets[0], ...(given && given.layout === state.data.layout && given.count ? [pointSet(given, "window")] : [])];
      tip.textContent = given && given.count ? given.said : state.data.shown < state.data.total ? state.data.sampled : "";
      redraw();
    },
  };
}

// What the colours mean, and what lights up.
function drawLegend(holder, data) {
  const { legend } = data;
  const dot = (colour) => { const node = make("span", "dot"); node.style.background = colour; return node; };
  holder.replaceChildren();
  for (const group of data.highlights) holder.append(make("span", "entry lit", dot(group.colour), set(make("bdi", "", group.name), { dir: "auto" })));
  holder.append(make("span", "title", legend.title));
  if (legend.kind === "category")
    for (const [colour, name, count] of legend.rows)
      holder.append(make("span", "entry", dot(colour), set(make("bdi", "name", name), { dir: "auto", title: name }), make("span", "count", count)));
  else {
    const bar = make("span", "scale");
    bar.style.background = `linear-gradient(to right, ${legend.scale.join(",")})`;
    holder.append(make("span", "entry", legend.ends[0], bar, legend.ends[2]), make("span", "count", `${legend.ends[1]}: each shade has as many points`));
    if (legend.missing) holder.append(make("span", "entry", dot(legend.none), legend.missing));
  }
}

// A polygon of at most 40 corners: every so-many-th of the path.
function thinned(path) {
  const every = Math.max(1, Math.ceil(path.length / 40));
  return path.filter((_, at) => at % every === 0).map(([x, y]) => [Number(x.toFixed(4)), Number(y.toFixed(4))]);
}

function maps() { return (window.feedscopeMaps ||= {}); }
function cardOf(name) { return maps()[`card:${name}`]; }

export default function ({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector(".map");
  if (!root) {
    root = make("div", "map");
    parentElement.append(root);
    root.controller = controller(root, (name, value) => root.tell(name, value));
  }
  root.tell = (name, value) => setTriggerValue(name, value === null ? { none: Math.random() } : { ...value, at: Math.random() });
  root.className = `map ${isDark(root) ? "dark" : "light"}`;
  root.controller.update(data);
  maps()[`map:${data.name}`] = root.controller;
  const waiting = maps()[`detail:${data.name}`];
  if (waiting) root.controller.detail(waiting);
}
