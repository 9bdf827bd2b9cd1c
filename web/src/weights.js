// W and b: a field for each entry, its gradient below, and the slope that was measured.

import { asNumber, h, mark, parse, put, show, symbol } from "./dom.js";
import { panel } from "./panels.js";

const AXES = ["x", "y", "b"];
const NUDGE = 0.1; // of a button or an arrow key; with Shift ten times as much
const DRAWS = 100; // of a random search

/** The panel of W: a row for each class. */
export function weightsPanel(side, store, act, t) {
  const table = h("table", { class: "weights" });
  let entries = [];

  function build(classes) {
    const names = AXES.map((axis) => h("th", { scope: "col" }, t(`weight.${axis}`)));
    const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("word.class")), names));
    const body = h("tbody", {});
    entries = [];
    for (let label = 0; label < classes; label += 1) {
      const own = AXES.map((_, row) => new Entry(side, row, label, act, t));
      const name = h("th", { scope: "row" }, symbol(label), ` ${label}`);
      body.append(h("tr", {}, name, own.map((entry) => entry.element)));
      entries.push(...own);
    }
    table.replaceChildren(h("caption", { class: "hidden" }, t("panel.weights")), head, body);
  }

  store.on(`side${side}.parameters`, (parameters) => {
    const classes = parameters.W[0].length;
    if (entries.length !== AXES.length * classes) build(classes);
    for (const entry of entries) entry.draw(parameters);
  });
  return panel(t("panel.weights"), table, slopes(side, store, act, t), starts(side, act, t));
}

/** A number as it fits into a narrow field; data-value has all its digits. */
const short = (number) =>
  String(Number(Math.abs(number) >= 0.01 ? number.toFixed(3) : number.toPrecision(2)));

/** One entry of W. */
class Entry {
  constructor(side, row, column, act, t) {
    this.row = row;
    this.column = column;
    this.act = act;
    this.t = t;
    this.value = 0;
    this.wishes = 0; // that were not answered yet
    this.isEdited = false;
    const name = `side${side}.W.${row}.${column}`;
    const label = `${t(`weight.${AXES[row]}`)}, ${t("word.class")} ${column}`;
    this.field = h("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": label,
      "data-name": name,
      oninput: () => (this.isEdited = true),
      onchange: () => this.set(parse(this.field.value)),
      onblur: () => this.write(),
      onkeydown: (event) => this.key(event),
    });
    this.gradient = h("span", { class: "analytic", "data-name": `${name}.gradient` });
    this.numerical = h("span", { class: "numerical", "data-name": `${name}.numerical` });
    this.error = h("span", { class: "numerical", "data-name": `${name}.error` });
    this.kink = h("span", { class: "numerical kink", "data-name": `${name}.kink` });
    // As of the browser's number fields: for the mouse; arrow keys in the field do the same.
    const nudge = (sign, text, does) =>
      h(
        "span",
        {
          class: "nudge",
          "aria-hidden": "true",
          "data-action": `${name}.${does}`,
          onclick: (event) => this.nudge(sign * (event.shiftKey ? 10 : 1)),
        },
        text,
      );
    const field = h("div", { class: "entry" }, nudge(-1, "−", "less"), this.field, nudge(1, "+", "more"));
    const below = h("div", { class: "slopes" }, this.gradient, this.numerical, this.error, this.kink);
    this.element = h("td", {}, field, below);
  }

  key(event) {
    const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (sign === undefined) return;
    event.preventDefault();
    this.nudge(sign * (event.shiftKey ? 10 : 1));
  }

  nudge(times) {
    this.set(Number((asNumber(this.value) + times * NUDGE).toPrecision(12)));
  }

  async set(value) {
    const before = this.value;
    if (typeof value === "number") this.value = value;
    this.wishes += 1;
    this.isEdited = false;
    this.write();
    const answer = await this.act.weight(this.row, this.column, value);
    this.wishes -= 1;
    if (answer?.error) this.value = before;
    this.write();
  }

  /** Write the value into the field, unless it is being edited. */
  write() {
    if (this.isEdited && this.field === document.activeElement) return;
    this.isEdited = false;
    const number = asNumber(this.value);
    const text = Number.isFinite(number) ? short(number) : "";
    if (this.field.value !== text) this.field.value = text;
    this.field.placeholder = Number.isFinite(number) ? "" : show(this.value);
  }

  draw({ W, gradient, numerical, relative_error: error, kink }) {
    const { row, column, t } = this;
    mark(this.field, "data-value", W[row][column]);
    if (this.wishes === 0) this.value = W[row][column];
    this.write();
    put(this.gradient, gradient[row][column], `∇ ${show(gradient[row][column], 3)}`);
    const slope = numerical?.[row][column] ?? null;
    const isKnown = slope !== null;
    put(this.numerical, slope, isKnown ? `≈ ${show(slope, 3)}` : "");
    const off = isKnown ? error[row][column] : null;
    put(this.error, off, off === null ? "" : `${t("weight.error")} ${show(off, 2)}`);
    const isKink = isKnown && kink[row][column];
    put(this.kink, isKink, isKink ? `⚠ ${t("weight.kink")}` : "");
  }
}

const button = (name, text, onclick) =>
  h("button", { type: "button", "data-action": name, onclick }, text);

/** The numerical gradient, coordinate by coordinate. */
function slopes(side, store, act, t) {
  const worst = h("span", { class: "note", "data-name": `side${side}.worst` });
  store.on(`side${side}.parameters`, ({ worst: value }) => {
    const isKnown = value !== null && value !== undefined;
    put(worst, value, isKnown ? `${t("weight.worst")} ${show(value, 2)}` : "");
  });
  return h(
    "div",
    { class: "buttons" },
    button(`side${side}.next`, t("button.next_slope"), act.next),
    button(`side${side}.all`, t("button.all_slopes"), act.all),
    worst,
  );
}

/** Other W: random, 0, twice as large, or the best of many draws. */
function starts(side, act, t) {
  const draws = h("input", { type: "text", inputmode: "numeric", value: DRAWS, "data-name": `side${side}.draws` });
  const search = (local) => act.search(local, parse(draws.value));
  const own = side === 0 ? "" : `side${side}.`;
  return h(
    "div",
    {},
    h(
      "div",
      { class: "buttons" },
      button(`side${side}.randomize`, t("button.randomize"), act.randomize),
      button(`side${side}.zero`, t("button.zero"), act.zero),
      button(`side${side}.double`, t("button.double"), act.double),
    ),
    h(
      "div",
      { class: "buttons" },
      button(`${own}search`, t("button.search"), () => search(false)),
      button(`${own}local`, t("button.local"), () => search(true)),
      h("label", { class: "inline short" }, h("span", {}, t("field.draws")), draws),
    ),
  );
}
