// Counts of a post from import to import, a small line each.

export default function ({ data, parentElement }) {
  const root = stage(parentElement, "history");
  const [width, height, pad] = [150, 30, 3];
  for (const line of data.lines) {
    const xs = line.points.map(([at]) => at);
    const ys = line.points.map(([, value]) => value);
    const scale = (value, low, high, from, to) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from));
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const places = line.points.map(([at, value]) => [scale(at, left, right, pad, width - pad), scale(value, low, high, height - pad, pad)]);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("class", "line");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", places.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""));
    svg.append(path);
    const ends = `${ys[0].toLocaleString("en")} → ${ys[ys.length - 1].toLocaleString("en")}`;
    root.append(set(make("div", "row", make("span", "name", line.name), svg, make("span", "ends", ends)), { title: line.said, "aria-label": `${line.name}: ${line.said}`, role: "img" }));
  }
}
