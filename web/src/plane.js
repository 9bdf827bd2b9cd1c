// The plane: regions of the classes, lines where scores are 0, arrows, and the points.

import { SYMBOLS, eachFrame, s, show } from "./dom.js";

const SIZE = 560;
const STEP = 0.02; // of an arrow key, of the plane's half width
const LARGE_STEP = 0.1; // with Shift
const NEAR = 4; // pixels within which a press is no drag

export class Plane {
  /** `act` has move, add, remove, change and select. */
  constructor(number, store, act, t) {
    this.number = number;
    this.store = store;
    this.act = act;
    this.t = t;
    this.nodes = [];
    this.focused = 0;
    this.drag = null;
    this.regions = s("g", { "aria-hidden": "true" });
    this.lines = s("g", { "aria-hidden": "true" });
    this.points = s("g", {});
    const marker = `arrow-${number}-${Math.random().toString(36).slice(2)}`;
    this.marker = marker;
    this.element = s(
      "svg",
      { class: "plane", viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group" },
      s(
        "defs",
        {},
        s(
          "marker",
          { id: marker, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" },
          s("path", { d: "M0,0L10,5L0,10Z", class: "arrowhead" }),
        ),
      ),
      s("rect", { class: "ground", width: SIZE, height: SIZE }),
      this.regions,
      this.axes(),
      this.lines,
      this.points,
    );
    this.listen();
    const side = `side${number}`;
    store.on("words", () => this.name());
    store.on("points", () => this.drawPoints());
    store.on("moved", (moved) => this.place(moved.point));
    store.on("box", () => this.drawPoints());
    store.on("selected", () => this.markSelected());
    const drawPlane = eachFrame((plane) => this.drawPlane(plane));
    store.on(`${side}.plane`, drawPlane);
    store.on(`${side}.rows`, (rows) => {
      this.losses = new Map(rows.rows.map((row) => [row[0], row.at(-1)]));
    });
  }

  axes() {
    const middle = SIZE / 2;
    return s(
      "g",
      { class: "axes", "aria-hidden": "true" },
      s("path", { d: `M0,${middle}H${SIZE}M${middle},0V${SIZE}` }),
    );
  }

  name() {
    this.element.setAttribute("aria-label", this.t("plane.label"));
  }

  // --- scales ------------------------------------------------------------------------------------

  toX(x) {
    const [left, right] = this.store.get("box");
    return (SIZE * (x - left)) / (right - left);
  }

  toY(y) {
    const [, , bottom, top] = this.store.get("box");
    return (SIZE * (top - y)) / (top - bottom);
  }

  /** The place in the plane of a pointer. */
  at(event) {
    const area = this.element.getBoundingClientRect();
    const [left, right, bottom, top] = this.store.get("box");
    const across = (event.clientX - area.left) / area.width;
    const down = (event.clientY - area.top) / area.height;
    const inside = (part) => Math.min(0.995, Math.max(0.005, part));
    return [left + inside(across) * (right - left), top - inside(down) * (top - bottom)];
  }

  // --- drawing -----------------------------------------------------------------------------------

  drawPlane({ regions, lines, arrows }) {
    const corner = ([x, y]) => `${this.toX(x).toFixed(2)},${this.toY(y).toFixed(2)}`;
    this.regions.replaceChildren(
      ...regions.map((polygon, label) =>
        s("polygon", { class: `region class-${label}`, points: polygon.map(corner).join(" ") }),
      ),
    );
    const line = (segment, attributes) =>
      s("line", {
        x1: this.toX(segment[0]),
        y1: this.toY(segment[1]),
        x2: this.toX(segment[2]),
        y2: this.toY(segment[3]),
        ...attributes,
      });
    const drawn = [];
    lines.forEach((segment, label) => {
      if (segment) drawn.push(line(segment, { class: `zero class-${label}` }));
    });
    arrows.forEach((segment, label) => {
      if (!segment) return;
      drawn.push(line(segment, { class: `arrow class-${label}`, "marker-end": `url(#${this.marker})` }));
      drawn.push(
        s(
          "text",
          { class: "arrow-name", x: this.toX(segment[2]) + 6, y: this.toY(segment[3]) + 4 },
          String(label),
        ),
      );
    });
    this.lines.replaceChildren(...drawn);
  }

  drawPoints() {
    const points = this.store.get("points");
    if (!points || !this.store.get("box")) return;
    const count = points.x.length;
    const had = this.element.contains(document.activeElement) ? this.focused : null;
    this.focused = Math.min(this.focused, count - 1);
    while (this.nodes.length > count) this.nodes.pop().remove();
    const added = [];
    while (this.nodes.length < count) {
      const node = s("path", { role: "button", tabindex: -1 });
      node.point = this.nodes.length;
      this.nodes.push(node);
      added.push(node);
    }
    this.points.append(...added);
    for (let point = 0; point < count; point += 1) this.place(point);
    this.nodes[Math.max(0, this.focused)]?.setAttribute("tabindex", 0);
    if (had !== null) this.nodes[this.focused]?.focus();
    this.markSelected();
  }

  place(point) {
    const points = this.store.get("points");
    const node = this.nodes[point];
    if (!node) return;
    if (this.drag?.point !== point) this.put(node, points.x[point], points.y[point]);
    const label = points.label[point];
    const held = points.held_out[point] ? " held-out" : "";
    const name = `point class-${label}${held}${this.store.get("selected") === point ? " selected" : ""}`;
    if (node.getAttribute("class") !== name) {
      node.setAttribute("class", name);
      node.setAttribute("d", SYMBOLS[label]);
    }
    this.describe(node, point);
  }

  put(node, x, y) {
    node.setAttribute("transform", `translate(${this.toX(x).toFixed(2)},${this.toY(y).toFixed(2)})`);
  }

  describe(node, point) {
    const points = this.store.get("points");
    const loss = this.losses?.get(point);
    const words = [
      `${this.t("word.point")} ${point}`,
      `${this.t("word.class")} ${points.label[point]}`,
      `x ${show(points.x[point], 3)}`,
      `y ${show(points.y[point], 3)}`,
    ];
    if (points.held_out[point]) words.push(this.t("word.held_out"));
    if (loss !== undefined) words.push(`${this.t("word.loss")} ${show(loss)}`);
    node.setAttribute("aria-label", words.join(this.t("list.separator")));
  }

  markSelected() {
    const selected = this.store.get("selected");
    this.nodes[this.marked]?.classList.remove("selected");
    this.nodes[selected]?.classList.add("selected");
    this.marked = selected;
  }

  // --- mouse, touch and keyboard -----------------------------------------------------------------

  listen() {
    const svg = this.element;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.pull(event));
    svg.addEventListener("pointerup", (event) => this.release(event));
    svg.addEventListener("pointercancel", (event) => this.release(event));
    svg.addEventListener("dblclick", (event) => {
      if (event.target.point === undefined) this.act.add(...this.at(event));
    });
    this.points.addEventListener("keydown", (event) => this.key(event));
    this.points.addEventListener("focusin", (event) => this.focus(event.target.point));
  }

  focus(point) {
    if (point === undefined) return;
    this.nodes[this.focused]?.setAttribute("tabindex", -1);
    this.focused = point;
    this.nodes[point].setAttribute("tabindex", 0);
    this.describe(this.nodes[point], point);
  }

  press(event) {
    const { point } = event.target;
    if (point === undefined || event.button > 0) return;
    event.preventDefault();
    this.nodes[point].focus({ preventScroll: true });
    this.drag = { point, from: [event.clientX, event.clientY], moved: false };
    this.element.setPointerCapture(event.pointerId);
  }

  pull(event) {
    if (!this.drag) return;
    const { point, from } = this.drag;
    const distance = Math.hypot(event.clientX - from[0], event.clientY - from[1]);
    if (!this.drag.moved && distance < NEAR) return;
    this.drag.moved = true;
    const [x, y] = this.at(event);
    this.put(this.nodes[point], x, y);
    this.act.move(point, x, y);
  }

  release(event) {
    if (!this.drag) return;
    const { point, moved } = this.drag;
    this.drag = null;
    if (this.element.hasPointerCapture(event.pointerId)) {
      this.element.releasePointerCapture(event.pointerId);
    }
    if (!moved) this.act.select(point);
  }

  key(event) {
    const { point } = event.target;
    if (point === undefined) return;
    const points = this.store.get("points");
    const [left, right] = this.store.get("box");
    const step = ((event.shiftKey ? LARGE_STEP : STEP) * (right - left)) / 2;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const go = { PageDown: point + 1, PageUp: point - 1, Home: 0, End: points.x.length - 1 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      const [across, up] = moves[event.key];
      const limit = (value) => Math.min(right, Math.max(left, value));
      const x = limit(points.x[point] + across * step);
      const y = limit(points.y[point] + up * step);
      points.x[point] = x;
      points.y[point] = y;
      this.put(event.target, x, y);
      this.act.move(point, x, y);
    } else if (event.key in go) {
      this.nodes[Math.min(points.x.length - 1, Math.max(0, go[event.key]))].focus();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.act.remove(point);
    } else if (event.key === "Enter" || event.key === " ") {
      this.act.select(point);
    } else if (/^[0-9]$/.test(event.key) && Number(event.key) < this.store.get("classes")) {
      this.act.change(point, Number(event.key), points.held_out[point]);
    } else if (event.key === "v") {
      this.act.change(point, points.label[point], !points.held_out[point]);
    } else {
      return;
    }
    event.preventDefault();
  }
}

