// Names on the map that do not overlap and grow finer as one zooms in, and lines of equal density.

const LEVELS = [{ font: 15, weight: 640, from: 0 }, { font: 13, weight: 560, from: 1.3 }, { font: 12, weight: 500, from: 2.6 }];

function labelLayer(holder, onPick) {
  const measure = document.createElement("canvas").getContext("2d");
  let shown = [];
  return {
    update(labels, family, keyLabels) {
      holder.replaceChildren();
      const depth = Math.max(0, ...labels.map((label) => label.level));
      shown = labels.map((label) => {
        // The last of fewer levels is drawn as the finest would be only where there are three.
        const style = LEVELS[Math.min(label.level, LEVELS.length - 1)];
        const node = make("button", `label level-${label.level}`, set(make("bdi", "", label.text), { dir: "auto" }));
        set(node, { title: `${label.text}: ${label.said}`, tabindex: label.level === 0 ? "0" : "-1" });
        node.style.visibility = "hidden";
        node.onclick = (event) => { event.stopPropagation(); onPick(label); };
        measure.font = `${style.weight} ${style.font}px ${family}`;
        const width = Math.min(230, measure.measureText(label.text).width + 10);
        holder.append(node);
        return { ...label, node, width, height: style.font * 1.35, from: depth === 0 ? 0 : style.from };
      }).sort((a, b) => a.level - b.level || b.size - a.size);
    },
    // Names at the edge are moved inside; none lies under `tools`, a box of pixels.
    place(view, zoom, hidden, tools) {
      const taken = [tools];
      const within = (at, half, size) => Math.max(half + 2, Math.min(size - half - 2, at));
      const texts = new Set();
      for (const label of shown) {
        const [px, py] = [(label.x - view.x) * view.scale + view.width / 2, view.height / 2 - (label.y - view.y) * view.scale];
        const outside = px < 0 || py < 0 || px > view.width || py > view.height;
        const y = within(py, label.height / 2, view.height);
        const right = y - label.height / 2 < tools[3] + 3 ? tools[0] - 6 : view.width;
        const x = within(px, label.width / 2, right);
        const box = [x - label.width / 2, y - label.height / 2, x + label.width / 2, y + label.height / 2];
        const free = !hidden && !outside && zoom >= label.from && !texts.has(label.text)
          && !taken.some((other) => box[0] < other[2] + 6 && box[2] > other[0] - 6 && box[1] < other[3] + 3 && box[3] > other[1] - 3);
        label.node.style.visibility = free ? "visible" : "hidden";
        if (!free) continue;
        taken.push(box);
        texts.add(label.text);
        label.node.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
      }
    },
  };
}

// Lines of equal density by marching squares over the server's grid: pairs of ends in unit coordinates, level by level.
function contours(grid, side, levels) {
  const found = [];
  const value = (x, y) => grid[x * side + y];
  for (const level of levels) {
    const lines = [];
    for (let x = 0; x + 1 < side; x++)
      for (let y = 0; y + 1 < side; y++) {
        const corners = [value(x, y), value(x + 1, y), value(x + 1, y + 1), value(x, y + 1)];
        const ends = [];
        [[0, 0], [1, 0], [1, 1], [0, 1]].forEach(([dx, dy], i) => {
          const [a, b] = [corners[i], corners[(i + 1) % 4]];
          if (a < level === b < level) return;
          const t = (level - a) / (b - a);
          const [ex, ey] = [[1, 0], [0, 1], [-1, 0], [0, -1]][i];
          ends.push([(x + dx + t * ex + 0.5) / side, (y + dy + t * ey + 0.5) / side]);
        });
        for (let i = 0; i + 1 < ends.length; i += 2) lines.push([...ends[i], ...ends[i + 1]]);
      }
    found.push(lines);
  }
  return found;
}
