// Draws the points of a map: by WebGL where there is one, else one small square after the other.

const VERTEX = `
attribute vec2 at; attribute float paint; attribute float time;
uniform vec4 view; uniform float size; uniform vec2 span; uniform vec2 known;
varying float colour; varying float shown;
void main() {
  gl_Position = vec4((at - view.xy) * view.zw, 0.0, 1.0);
  gl_PointSize = size;
  colour = (paint + 0.5) / 256.0;
  float inside = time > 1.5 ? known.x : step(span.x, time) * step(time, span.y);
  shown = inside;
  if (inside < 0.5) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}`;
const FRAGMENT = `
precision mediump float;
uniform sampler2D palette; uniform float alpha; varying float colour; varying float shown;
void main() {
  vec2 d = gl_PointCoord - 0.5;
  float r = dot(d, d);
  if (r > 0.25) discard;
  vec4 c = texture2D(palette, vec2(colour, 0.5));
  gl_FragColor = vec4(c.rgb, c.a * alpha * (1.0 - smoothstep(0.16, 0.25, r)));
}`;

function decode(text, kind) {
  const raw = Uint8Array.from(atob(text || ""), (c) => c.charCodeAt(0));
  return new kind(raw.buffer);
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function webgl(canvas) {
  const gl = canvas.getContext("webgl", { antialias: false, alpha: true, premultipliedAlpha: false });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const where = (name) => gl.getUniformLocation(program, name);
  const uniforms = Object.fromEntries(["view", "size", "span", "known", "alpha", "palette"].map((name) => [name, where(name)]));
  const texture = gl.createTexture();
  const upload = (set) => {
    set.buffers = {};
    for (const name of ["at", "paint", "time"]) {
      set.buffers[name] = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, set.buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, set[name], gl.STATIC_DRAW);
    }
  };
  return {
    kind: "webgl",
    free(set) {
      for (const buffer of Object.values(set.buffers || {})) gl.deleteBuffer(buffer);
      set.buffers = null;
    },
    palette(colours) {
      const pixels = new Uint8Array(1024);
      colours.slice(0, 256).forEach((hex, at) => pixels.set([...rgb(hex), 255], 4 * at));
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
      for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    },
    draw(sets, view, look) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform4f(uniforms.view, view.x, view.y, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
      gl.uniform2f(uniforms.span, look.span[0], look.span[1]);
      gl.uniform2f(uniforms.known, look.undated ? 1 : 0, 0);
      gl.uniform1f(uniforms.alpha, look.alpha);
      gl.uniform1f(uniforms.size, look.size * view.ratio);
      for (const set of sets) {
        if (!set.buffers) upload(set);
        const attribute = (name, width, type, normalised) => {
          const at = gl.getAttribLocation(program, name);
          gl.bindBuffer(gl.ARRAY_BUFFER, set.buffers[name]);
          gl.enableVertexAttribArray(at);
          gl.vertexAttribPointer(at, width, type, normalised, 0, 0);
        };
        attribute("at", 2, gl.UNSIGNED_SHORT, true);
        attribute("paint", 1, gl.UNSIGNED_BYTE, false);
        attribute("time", 1, gl.FLOAT, false);
        gl.drawArrays(gl.POINTS, 0, set.count);
      }
    },
  };
}

function plain(canvas) {
  const context = canvas.getContext("2d");
  let colours = [];
  return {
    kind: "plain",
    free() {},
    palette(given) { colours = given; },
    draw(sets, view, look) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.globalAlpha = look.alpha;
      const side = Math.max(1, look.size * view.ratio * 0.85);
      for (const set of sets) {
        if (!set.order) set.order = Uint32Array.from(set.paint.keys()).sort((a, b) => set.paint[a] - set.paint[b]);
        let last = -1;
        for (const at of set.order) {
          const time = set.time[at];
          if (time > 1.5 ? !look.undated : time < look.span[0] || time > look.span[1]) continue;
          const x = ((set.at[2 * at] / 65535 - view.x) * view.scale + view.width / 2) * view.ratio;
          const y = (view.height / 2 - (set.at[2 * at + 1] / 65535 - view.y) * view.scale) * view.ratio;
          if (x < -side || y < -side || x > canvas.width + side || y > canvas.height + side) continue;
          if (set.paint[at] !== last) context.fillStyle = colours[(last = set.paint[at])] || "#888888";
          context.fillRect(x - side / 2, y - side / 2, side, side);
        }
      }
    },
  };
}

// The points of one answer of the server, with a grid over them that finds the nearest to a place.
function pointSet(given, first) {
  const at = decode(given.at, Uint16Array);
  const count = at.length / 2;
  const times = given.time ? Float32Array.from(decode(given.time, Uint16Array), (t) => (t === 65535 ? 2 : t / 65534)) : new Float32Array(count).fill(2);
  const set = { at, count, paint: decode(given.paint, Uint8Array), time: times, first };
  const cells = 128;
  const cellOf = (i) => (at[2 * i] >> 9) * cells + (at[2 * i + 1] >> 9);
  const starts = new Uint32Array(cells * cells + 1);
  for (let i = 0; i < count; i++) starts[cellOf(i) + 1]++;
  for (let c = 0; c < cells * cells; c++) starts[c + 1] += starts[c];
  const filled = starts.slice();
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[filled[cellOf(i)]++] = i;
  set.nearest = (x, y, reach, look) => {
    const low = (v) => Math.max(0, Math.min(cells - 1, Math.floor((v - reach) * cells)));
    const high = (v) => Math.max(0, Math.min(cells - 1, Math.floor((v + reach) * cells)));
    let best = -1;
    let least = reach * reach;
    for (let cx = low(x); cx <= high(x); cx++)
      for (let cy = low(y); cy <= high(y); cy++)
        for (let s = starts[cx * cells + cy]; s < starts[cx * cells + cy + 1]; s++) {
          const i = order[s];
          if (times[i] > 1.5 ? !look.undated : times[i] < look.span[0] || times[i] > look.span[1]) continue;
          const d = (at[2 * i] / 65535 - x) ** 2 + (at[2 * i + 1] / 65535 - y) ** 2;
          if (d <= least) { least = d; best = i; }
        }
    return best < 0 ? null : { index: best, distance: least, x: at[2 * best] / 65535, y: at[2 * best + 1] / 65535, set };
  };
  return set;
}
