// The plane: regions of the classes, lines where scores are 0, arrows, and the points.

import { SYMBOLS, eachFrame, s, h, mark, show } from "./dom.js";

const SIZE = 560; // of the drawing, to which the box of the data is scaled
const STEP = 0.01; // of an arrow key, of the plane's width; with Shift ten times as much
const SLOP = 4; // pixels within which a press is a click, and no drag
const REACH = { mouse: 10, pen: 16, touch: 24 }; // pixels around a point that take hold of it
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const MOST_ZOOM = 1.5;
const SIZES = [[1500, 0.55], [400, 0.75], [0, 1]]; // of symbols, where there are more points than

export class Plane {
  /** `act` has move, add, remove, change and select. */
  constructor(number, store, act, t) {
    this.number = number;
    this.store = store;
    this.act = act;
    this.t = t;
    this.nodes = [];
    this.losses = new Map();
    this.current = 0; // the point that Tab leads to
    this.zoom = 1; // of symbols and texts, where the picture is small
    this.drag = null;
    this.press = null;
    this.draw();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.element);
    store.on("points", () => this.drawPoints());
    store.on("box", () => this.drawPoints());
    store.on("moved", ({ point }) => this.place(point));
    store.on("selected", () => this.markSelected());
    store.on(`side${number}.plane`, eachFrame(() => this.drawScores()));
    store.on(`side${number}.rows`, eachFrame(() => this.describeRows()));
  }

  // The ground is a picture of its own, so that new regions do not draw the points again.
  draw() {
    const view = `0 0 ${SIZE} ${SIZE}`;
    this.regions = s("g", {});
    this.grid = s("g", { class: "grid" });
    this.scores = s("g", {});
    const layers = [this.regions, this.grid, this.scores];
    this.ground = s("svg", { class: "ground", viewBox: view, "aria-hidden": "true" }, ...layers);
    this.points = s("g", {});
    this.chosen = s("circle", { class: "ring chosen", "aria-hidden": "true" });
    this.focused = s("circle", { class: "ring focused", "aria-hidden": "true" });
    this.chosen.style.display = "none";
    this.focused.style.display = "none";
    const attributes = { class: "plane", viewBox: view, role: "group", "aria-label": this.t("plane.label") };
    this.svg = s("svg", attributes, this.points, this.chosen, this.focused);
    this.element = h("div", { class: "plane-frame" }, this.ground, this.svg);
  }

  /** Symbols and texts keep their size on narrow screens. */
  resize() {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, SIZE / (this.element.clientWidth || SIZE)));
    if (Math.abs(zoom - this.zoom) < 0.05) return;
    this.zoom = zoom;
    this.element.style.setProperty("--zoom", zoom);
    this.drawPoints();
  }

  listen() {
    const { svg } = this;
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.pull(event));
    svg.addEventListener("pointerup", (event) => this.release(event));
    svg.addEventListener("pointercancel", () => this.letGo());
    this.points.addEventListener("keydown", (event) => this.key(event));
    this.points.addEventListener("focusin", (event) => this.onFocus(event.target.point));
    this.points.addEventListener("focusout", () => this.ring(this.focused, null));
    // A finger on a point drags it; elsewhere it scrolls the page.
    const hold = (event) => {
      const [touch] = event.touches;
      if (this.nearest(touch.clientX, touch.clientY, REACH.touch) !== null) event.preventDefault();
    };
    svg.addEventListener("touchstart", hold, { passive: false });
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
    const area = this.svg.getBoundingClientRect();
    const [left, right, bottom, top] = this.store.get("box");
    const across = (event.clientX - area.left) / area.width;
    const down = (event.clientY - area.top) / area.height;
    return this.inside(left + across * (right - left), top - down * (top - bottom));
  }

  /** A place, brought into the box. */
  inside(x, y) {
    const [left, right, bottom, top] = this.store.get("box");
    return [Math.min(right, Math.max(left, x)), Math.min(top, Math.max(bottom, y))];
  }

  /** The point nearest to a place of the window, within `reach` pixels; or null. */
  nearest(clientX, clientY, reach) {
    const { x, y } = this.store.get("points");
    const area = this.svg.getBoundingClientRect();
    const scale = area.width / SIZE;
    let best = null;
    let least = reach ** 2;
    for (let point = 0; point < x.length; point += 1) {
      const across = area.left + scale * this.toX(x[point]) - clientX;
      const down = area.top + scale * this.toY(y[point]) - clientY;
      const distance = across ** 2 + down ** 2;
      if (distance <= least) [best, least] = [point, distance];
    }
    return best;
  }

  // --- the ground --------------------------------------------------------------------------------

  drawGrid() {
    const [left, right, bottom, top] = this.store.get("box");
    const unit = 10 ** Math.floor(Math.log10((right - left) / 2));
    const drawn = [];
    for (let k = Math.ceil(left / unit); k * unit <= right; k += 1) {
      const value = k * unit;
      const name = k === 0 ? "axis" : null;
      drawn.push(s("path", { class: name, d: `M${this.toX(value)},0V${SIZE}M0,${this.toY(value)}H${SIZE}` }));
      drawn.push(s("text", { x: this.toX(value) + 4, y: SIZE - 6 }, show(value)));
      if (k !== 0) drawn.push(s("text", { x: 5, y: this.toY(value) - 5 }, show(value)));
    }
    this.grid.replaceChildren(...drawn);
  }

  /** Regions, lines and arrows, as the program computed them. */
  drawScores() {
    const { regions, lines, arrows } = this.store.get(`side${this.number}.plane`);
    this.regions.replaceChildren(...regions.flatMap((polygon, label) => this.region(polygon, label)));
    this.scores.replaceChildren(
      ...lines.flatMap((line, label) => (line ? [this.line(line, { class: `zero class-${label}` })] : [])),
      ...arrows.flatMap((arrow, label) => (arrow ? this.arrow(arrow, label) : [])),
    );
  }

  /** A polygon, and the class's number in its middle. */
  region(polygon, label) {
    if (polygon.length === 0) return [];
    const corners = polygon.map(([x, y]) => [this.toX(x), this.toY(y)]);
    const points = corners.map((corner) => corner.map((value) => value.toFixed(2)).join(",")).join(" ");
    const middle = (axis) => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length;
    return [
      s("polygon", { class: `region class-${label}`, points }),
      s("text", { class: `region-name class-${label}`, x: middle(0), y: middle(1), dy: "0.35em" }, String(label)),
    ];
  }

  line([x1, y1, x2, y2], attributes) {
    const ends = { x1: this.toX(x1), y1: this.toY(y1), x2: this.toX(x2), y2: this.toY(y2) };
    return s("line", { ...ends, ...attributes });
  }

  arrow(arrow, label) {
    const [x1, y1, x2, y2] = [this.toX(arrow[0]), this.toY(arrow[1]), this.toX(arrow[2]), this.toY(arrow[3])];
    const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    const beyond = (from, to) => to + 0.3 * (to - from);
    return [
      this.line(arrow, { class: `arrow class-${label}` }),
      s("path", { class: `tip class-${label}`, d: "M4,0L-9,5.5V-5.5Z", transform: `translate(${x2},${y2}) rotate(${angle})` }),
      s("text", { class: `arrow-name class-${label}`, x: beyond(x1, x2), y: beyond(y1, y2), dy: "0.35em" }, String(label)),
    ];
  }

  // --- the points --------------------------------------------------------------------------------

  /** All points: there are more, fewer or others, or the box is another one. */
  drawPoints() {
    const points = this.store.get("points");
    if (!points || !this.store.get("box")) return;
    const count = points.x.length;
    const hadFocus = this.points.contains(document.activeElement);
    this.scale = (this.zoom * SIZES.find(([more]) => count > more)[1]).toFixed(3);
    const added = [];
    for (let point = this.nodes.length; point < count; point += 1) {
      const node = s("path", { role: "button", tabindex: -1, "aria-pressed": "false" });
      node.point = point;
      added.push(node);
    }
    this.nodes.push(...added);
    this.points.append(...added);
    for (const node of this.nodes.splice(count)) node.remove();
    for (let point = 0; point < count; point += 1) this.place(point);
    this.current = Math.min(this.current, count - 1);
    this.nodes[this.current].setAttribute("tabindex", 0);
    if (hadFocus && !this.points.contains(document.activeElement)) this.focus(this.current);
    this.markSelected();
    this.drawGrid();
  }

  /** One point: its place, symbol and words. */
  place(point) {
    const points = this.store.get("points");
    const node = this.nodes[point];
    if (!node) return;
    const x = this.toX(points.x[point]).toFixed(2);
    const y = this.toY(points.y[point]).toFixed(2);
    const label = points.label[point];
    mark(node, "transform", `translate(${x},${y}) scale(${this.scale})`);
    mark(node, "class", `point class-${label}${points.held_out[point] ? " held-out" : ""}`);
    mark(node, "d", SYMBOLS[label]);
    this.describe(point);
    if (point === this.store.get("selected")) this.ring(this.chosen, point);
    if (node === document.activeElement) this.ring(this.focused, point);
  }

  describe(point) {
    const points = this.store.get("points");
    const words = [
      `${this.t("word.point")} ${point}`,
      `${this.t("word.class")} ${points.label[point]}`,
      `x ${show(points.x[point], 3)}`,
      `y ${show(points.y[point], 3)}`,
    ];
    if (points.held_out[point]) words.push(this.t("word.held_out"));
    const loss = this.losses.get(point);
    if (loss !== undefined) words.push(`${this.t("word.loss")} ${show(loss)}`);
    mark(this.nodes[point], "aria-label", words.join(this.t("list.separator")));
  }

  /** The points whose losses the table shows, and those that it showed before. */
  describeRows() {
    const { rows } = this.store.get(`side${this.number}.rows`);
    const before = this.losses;
    this.losses = new Map(rows.map((row) => [row[0], row.at(-1)]));
    for (const point of new Set([...before.keys(), ...this.losses.keys()])) {
      if (this.nodes[point] && before.get(point) !== this.losses.get(point)) this.describe(point);
    }
  }

  markSelected() {
    const selected = this.store.get("selected") ?? null;
    if (this.marked !== selected) {
      if (this.nodes[this.marked]) mark(this.nodes[this.marked], "aria-pressed", "false");
      if (this.nodes[selected]) mark(this.nodes[selected], "aria-pressed", "true");
      this.marked = selected;
    }
    this.ring(this.chosen, selected);
  }

  /** Put a ring around a point, or take it away. */
  ring(circle, point) {
    const points = this.store.get("points");
    const isShown = point !== null && points !== undefined && point < points.x.length;
    circle.style.display = isShown ? "" : "none";
    if (!isShown) return;
    mark(circle, "cx", this.toX(points.x[point]));
    mark(circle, "cy", this.toY(points.y[point]));
  }

  // --- mouse and touch ---------------------------------------------------------------------------

  down(event) {
    if (event.button > 0) return;
    const reach = REACH[event.pointerType] ?? REACH.mouse;
    const point = event.target.point ?? this.nearest(event.clientX, event.clientY, reach);
    this.press = { x: event.clientX, y: event.clientY };
    if (point === null) return;
    event.preventDefault();
    this.focus(point);
    this.drag = { point, moved: false };
    this.svg.setPointerCapture(event.pointerId);
  }

  isClick(event) {
    return Math.hypot(event.clientX - this.press.x, event.clientY - this.press.y) <= SLOP;
  }

  pull(event) {
    if (this.drag === null || (!this.drag.moved && this.isClick(event))) return;
    this.drag.moved = true;
    this.act.move(this.drag.point, ...this.at(event));
  }

  release(event) {
    if (this.press === null) return;
    const isClick = this.isClick(event);
    const { drag } = this;
    this.letGo();
    if (drag === null && isClick) this.act.add(...this.at(event));
    else if (drag !== null && !drag.moved) this.act.select(drag.point);
  }

  letGo() {
    this.drag = null;
    this.press = null;
  }

  // --- keyboard ----------------------------------------------------------------------------------

  focus(point) {
    this.nodes[point]?.focus({ preventScroll: true });
  }

  onFocus(point) {
    if (point === undefined) return;
    this.nodes[this.current]?.setAttribute("tabindex", -1);
    this.nodes[point].setAttribute("tabindex", 0);
    this.current = point;
    this.ring(this.focused, point);
  }

  key(event) {
    const { point } = event.target;
    if (point === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.doKey(event.key, event.shiftKey, point)) event.preventDefault();
  }

  /** Do what a key means for a point; false if it means nothing. */
  doKey(key, shift, point) {
    const points = this.store.get("points");
    const last = points.x.length - 1;
    const go = { PageDown: point + 1, PageUp: point - 1, n: point + 1, p: point - 1, Home: 0, End: last };
    if (key in ARROWS) this.nudge(point, ARROWS[key], shift);
    else if (key in go) this.focus(Math.min(last, Math.max(0, go[key])));
    else if (key === "Delete" || key === "Backspace") this.act.remove(point);
    else if (key === "Enter" || key === " ") this.act.select(point);
    else if (/^[0-9]$/.test(key) && Number(key) < this.store.get("classes")) {
      this.act.change(point, Number(key), points.held_out[point]);
    } else if (key === "v") this.act.change(point, points.label[point], !points.held_out[point]);
    else return false;
    return true;
  }

  nudge(point, [across, up], shift) {
    const points = this.store.get("points");
    const [left, right] = this.store.get("box");
    const step = (shift ? 10 : 1) * STEP * (right - left);
    this.act.move(point, ...this.inside(points.x[point] + across * step, points.y[point] + up * step));
  }
}
