// The examples of a trained classifier, and one of them: its scores are moved, losses react.

import * as Plot from "@observablehq/plot";

import { asNumber, eachFrame, filled, h, percent, put, show } from "./dom.js";
import { chart, fold, panel, spread, workingTable } from "./panels.js";

const STEP = 0.1; // of a slider
const HEIGHT = 170; // pixels of a chart, without its axes
const LINE = 15; // pixels from one name to the next
const DASHES = ["none", "7 4", "2 3"];

/** All examples, the mistakes, or those of a class, in pages. */
export function listPanel(part, act, t) {
  const grid = h("div", { class: "thumbnails" });
  const place = h("span", { class: "note", "data-name": "images.rows" });
  const list = (name, key) => {
    const element = h("select", { "data-name": `images.${name}` });
    element.addEventListener("change", () => ask(0));
    return { element, label: h("label", { class: "inline" }, t(key), element) };
  };
  const ofPart = list("part", "images.part");
  const only = list("only", "images.only");
  const ofClass = list("class", "word.class");
  const order = h(
    "select",
    { "aria-label": t("table.order"), "data-name": "images.order" },
    h("option", { value: "number" }, t("table.by_number")),
    h("option", { value: "loss" }, t("table.by_loss")),
  );
  order.addEventListener("change", () => ask(0));
  for (const name of ["all", "mistakes"]) only.element.append(h("option", { value: name }, t(`images.${name}`)));
  let names = [];
  let rows = null;
  let chosen = null;

  const ask = (first) =>
    act.rows({
      part: ofPart.element.value || null,
      only: only.element.value,
      label: ofClass.element.value === "" ? null : Number(ofClass.element.value),
      order: order.value,
      first,
    });
  const previous = h(
    "button",
    { type: "button", "data-action": "images-previous", onclick: () => ask(rows.first - rows.page) },
    t("button.previous"),
  );
  const next = h(
    "button",
    { type: "button", "data-action": "images-next", onclick: () => ask(rows.first + rows.page) },
    t("button.next"),
  );
  const element = panel(
    t("images.examples"),
    h("div", { class: "buttons" }, ofPart.label, only.label, ofClass.label, order, previous, next, place),
    grid,
  );
  element.hidden = true;

  function thumbnail({ row, label, predicted, right, loss, picture }) {
    const words = right ? label : `${label} → ${predicted}`;
    const image = picture ? h("img", { src: picture, alt: "" }) : null;
    const about = filled(t(right ? "images.row_right" : "images.row_wrong"), {
      row,
      label,
      predicted,
      loss: show(loss, 3),
    });
    const button = h(
      "button",
      {
        type: "button",
        class: right ? "thumbnail" : "thumbnail wrong",
        "data-action": `images-row-${row}`,
        "aria-label": about,
        "aria-pressed": row === chosen ? "true" : "false",
        title: about,
        onclick: () => act.inspect(rows.part, row),
      },
      image,
      h("span", {}, image ? words : `${row}: ${words}`),
    );
    button.row = row;
    return button;
  }

  part("dataset", (dataset) => {
    names = dataset?.classes ?? [];
    ofClass.element.replaceChildren(
      h("option", { value: "" }, t("images.all_classes")),
      ...names.map((name, k) => h("option", { value: k }, name)),
    );
  });
  part("rows", (found) => {
    element.hidden = !found;
    rows = found;
    if (!found) return;
    ofPart.element.replaceChildren(...found.parts.map((name) => h("option", { value: name }, t(`images.part.${name}`))));
    ofPart.element.value = found.part;
    only.element.value = found.only;
    order.value = found.order;
    ofClass.element.value = found.label ?? "";
    grid.replaceChildren(...found.rows.map(thumbnail));
    const last = found.first + found.rows.length;
    put(place, found.of, found.of ? `${found.first + 1}–${last} / ${found.of}` : "0");
    previous.disabled = found.first === 0;
    next.disabled = last >= found.of;
  });
  part("inspected", (inspected) => {
    chosen = inspected?.row ?? null;
    for (const button of grid.children) {
      button.setAttribute("aria-pressed", button.row === chosen ? "true" : "false");
    }
  });
  return element;
}

/** One example: picture, a slider for each class's score, and what the losses make of it. */
export function exampleParts(part, act, t) {
  const title = h("p", { class: "note", "data-name": "images.example" });
  const picture = h("img", { class: "example", alt: "" });
  const sliders = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("images.scores") });
  const verdict = h("p", { class: "verdict", "aria-live": "polite", "data-name": "images.verdict" });
  const figures = h("dl", { class: "figures" });
  const curve = h("div", { class: "chart" });
  const workings = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("images.working") });
  const reset = h("button", { type: "button", "data-action": "images-reset" }, t("images.reset"));
  const element = panel(
    t("images.example"),
    h("p", { class: "note" }, t("images.jiggle_note")),
    h("div", { class: "beside" }, picture, title),
    figures,
    verdict,
    sliders,
    h("div", { class: "buttons" }, reset),
    curve,
    fold(t("images.working"), false, null, workings),
  );
  element.hidden = true;
  let example = null;
  let rows = [];
  const short = (loss) => t(`choice.${loss}`, loss).split(/\s*[(（]/)[0];

  function ask(moved) {
    const shifts = rows.map(({ slider }) => slider.valueAsNumber);
    act.jiggle({ part: example.part, row: example.row, shifts, moved });
  }
  reset.addEventListener("click", () => {
    for (const { slider } of rows) slider.value = 0;
    ask(Math.max(0, example.position));
  });

  function build() {
    const { names, reach, position, losses } = example;
    rows = names.map((name, k) => {
      const slider = h("input", {
        type: "range",
        min: -reach,
        max: reach,
        step: STEP,
        "data-name": `images.slider.${k}`,
        "aria-label": filled(t("images.slider"), { name }),
      });
      slider.value = 0;
      slider.addEventListener("input", () => ask(k));
      const cell = (what) => h("td", { "data-name": `images.${what}.${k}` });
      const cells = {
        score: cell("score"),
        probability: cell("probability"),
      };
      const slopes = Object.fromEntries(losses.map((loss) => [loss, cell(`gradient.${loss}`)]));
      const head = h("th", { scope: "row" }, `${name}${k === position ? " ✓" : ""}`);
      const line = h("tr", { class: k === position ? "right" : null }, head, h("td", {}, slider), ...Object.values({ ...cells, ...slopes }));
      return { slider, cells, slopes, line };
    });
    const heads = ["word.class", "images.move", "images.score", "images.probability"].map((key) => t(key));
    const slopes = losses.map((loss) => filled(t("images.slope"), { loss: short(loss) }));
    sliders.replaceChildren(
      h(
        "table",
        { class: "jiggle" },
        h("thead", {}, h("tr", {}, ...[...heads, ...slopes].map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, ...rows.map(({ line }) => line)),
      ),
    );
  }

  part("inspected", (inspected) => {
    element.hidden = !inspected;
    example = inspected;
    if (!inspected) return;
    const { row, label, predicted, right, loss } = inspected;
    const words = filled(t(right ? "images.row_right" : "images.row_wrong"), { row, label, predicted, loss: show(loss, 3) });
    put(title, row, words);
    picture.hidden = !inspected.picture;
    if (inspected.picture) picture.src = inspected.picture;
    picture.alt = words;
    build();
  });

  const draw = eachFrame((jiggle) => {
    if (!example || jiggle.row !== example.row) return;
    const loss = Object.fromEntries(jiggle.losses.map((each) => [each.name, each]));
    rows.forEach(({ cells, slopes, slider }, k) => {
      put(cells.score, jiggle.scores[k], show(jiggle.scores[k], 3));
      const p = (jiggle.probabilities ?? loss.softmax?.probabilities)?.[k];
      put(cells.probability, p, percent(p, t));
      for (const [name, cell] of Object.entries(slopes)) {
        const slope = loss[name]?.gradient[k];
        put(cell, slope, show(slope, 2));
      }
      slider.setAttribute("aria-valuetext", `${show(slider.valueAsNumber, 3)}, ${show(jiggle.scores[k], 3)}`);
    });
    figures.replaceChildren(
      ...jiggle.losses.map(({ name, trained, value }) => {
        const number = h("dd", { "data-name": `images.loss.${name}` });
        put(number, value);
        const words = `${t(`choice.${name}`, name)}${trained ? ` (${t("images.trained")})` : ""}`;
        return h("div", { class: trained ? "figure total" : "figure" }, h("dt", {}, words), number);
      }),
      margin(jiggle),
    );
    if (loss.hinge) {
      const key = asNumber(loss.hinge.value) === 0 ? "images.margin_kept" : "images.margin_broken";
      verdict.textContent = filled(t(key), {
        margin: show(jiggle.margin, 3),
        needed: show(jiggle.needed, 3),
        hinge: show(loss.hinge.value, 3),
        softmax: show(loss.softmax.value, 3),
      });
    }
    curve.replaceChildren(...(jiggle.curve ? [lossesChart(jiggle)] : []));
    workings.replaceChildren(...jiggle.losses.filter((each) => each.working).map(working));
  });
  part("jiggle", (jiggle) => jiggle && draw(jiggle));

  function margin(jiggle) {
    const number = h("dd", { "data-name": "images.margin" });
    put(number, jiggle.margin);
    return h("div", { class: "figure" }, h("dt", {}, t("images.margin")), number);
  }

  function working({ name, working: lines }) {
    const given = { lines, label: example.position };
    return workingTable(given, t(`choice.${name}`, name), example.names.length, t, example.names);
  }

  /** Each loss over the slider that was moved last. */
  function lossesChart({ curve: drawn, moved, shifts, losses }) {
    const amounts = drawn.amounts.map(asNumber);
    const marks = [
      Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.3 }),
      Plot.ruleX([shifts[moved]], { stroke: "var(--strong)", strokeDasharray: "3 3" }),
    ];
    const lines = drawn.losses.map(({ values }) =>
      values.map((value, place) => ({ amount: amounts[place], value: asNumber(value) })),
    );
    const ends = drawn.losses.map(({ name }, k) => ({ ...lines[k].at(-1), text: short(name) }));
    const highest = Math.max(...lines.flatMap((line) => [line[0].value, line.at(-1).value]), 1e-12);
    spread(ends, (highest * LINE) / HEIGHT);
    marks.push(
      ...lines.map((line, k) =>
        Plot.line(line, { x: "amount", y: "value", stroke: "currentColor", strokeWidth: 1.8, strokeDasharray: DASHES[k] }),
      ),
      Plot.text(ends, { x: "amount", y: "value", text: "text", textAnchor: "start", dx: 6, fill: "currentColor" }),
    );
    const here = losses.map(({ value }) => ({ amount: shifts[moved], value: asNumber(value) }));
    marks.push(Plot.dot(here, { x: "amount", y: "value", r: 4, fill: "var(--strong)" }));
    const words = losses.map(({ name, value }) => `${t(`choice.${name}`, name)} ${show(value, 3)}`);
    const label = filled(t("images.added"), { name: example.names[moved] });
    const options = {
      width: 460,
      height: HEIGHT + 70,
      marginBottom: 44,
      marginRight: 104,
      x: { label, ticks: 7 },
      y: { label: t("word.loss"), ticks: 5, nice: true, zero: true },
      marks,
    };
    return chart(options, `${label}: ${words.join(", ")}`);
  }
  return element;
}
