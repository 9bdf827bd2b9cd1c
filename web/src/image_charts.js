// What is seen of a training: loss, λ, templates, confusion matrix.

import * as Plot from "@observablehq/plot";

import { asNumber, filled, h, percent, put, show } from "./dom.js";
import { chart, lossChart, panel } from "./panels.js";

const MOST_NUMBERED = 20; // classes of a confusion matrix with numbers
const ACROSS = 460; // pixels

const empty = (t) => h("p", { class: "note" }, t("images.none"));

export function curvePanel(part, t) {
  const content = h("div", { class: "chart", "data-name": "images.curve" }, empty(t));
  const now = h("p", { class: "note" });
  part.chart("curve", (curve) => {
    content.dataset.value = String(curve ? curve.passes.length : 0);
    content.replaceChildren(
      curve?.passes.length ? lossChart(curve, t, { x: "passes", label: t("images.passes") }) : empty(t),
    );
  });
  part("now", (values) => {
    now.textContent = values ? `λ = ${show(values.strength, 3)}` : "";
  });
  return panel(t("panel.curve"), h("p", { class: "note" }, t("images.curve_note")), content, now);
}

/** The held-out accuracy of each λ, with its interval. */
export function candidatesPanel(part, t) {
  const content = h("div", { class: "chart", "data-name": "images.candidates" }, empty(t));
  part.chart("candidates", (candidates) => {
    const found = (candidates ?? []).map((each) => ({
      ...each,
      low: asNumber(each.low),
      high: asNumber(each.high),
    }));
    content.dataset.value = String(found.length);
    if (!found.length) {
      content.replaceChildren(empty(t));
      return;
    }
    const known = found.filter(({ low }) => Number.isFinite(low));
    const chosen = found.filter((each) => each.chosen);
    const words = found.map(
      ({ strength, score, chosen: is }) =>
        `λ ${show(strength, 3)}: ${percent(score, t)}${is ? ` (${t("images.chosen")})` : ""}`,
    );
    const options = {
      width: ACROSS,
      height: 220,
      marginTop: 44,
      marginBottom: 42,
      x: { type: "log", label: "λ", ticks: 6, tickFormat: (value) => show(value, 2) },
      y: { label: t("loss.validation_accuracy"), tickFormat: "%", ticks: 5, nice: true },
      marks: [
        Plot.ruleX(known, { x: "strength", y1: "low", y2: "high", stroke: "currentColor", strokeOpacity: 0.5 }),
        Plot.line(found, { x: "strength", y: "score", stroke: "currentColor", strokeOpacity: 0.6 }),
        Plot.dot(found, { x: "strength", y: "score", r: 4, fill: "currentColor" }),
        Plot.dot(chosen, { x: "strength", y: "score", symbol: "star", r: 9, fill: "var(--strong)" }),
        Plot.text(chosen, { x: "strength", y: "score", text: () => t("images.chosen"), dy: -16, fill: "currentColor" }),
      ],
    };
    content.replaceChildren(chart(options, words.join("; ")));
  });
  return panel(t("images.candidates"), h("p", { class: "note" }, t("images.candidates_note")), content);
}

/** The weights of each class: small pictures, or a table of plain features. */
export function templatesPanel(part, t) {
  const content = h("div", { "data-name": "images.templates" }, empty(t));
  const note = h("p", { class: "note" });
  part.chart("templates", (templates) => {
    note.textContent = t(templates?.columns ? "images.weights_note" : "images.templates_note");
    content.dataset.value = String(templates ? templates.names.length : 0);
    if (!templates) content.replaceChildren(empty(t));
    else if (templates.pictures) content.replaceChildren(pictures(templates, t));
    else content.replaceChildren(heatMap(templates, t));
  });
  return panel(t("images.templates"), note, content);
}

function pictures({ names, pictures: addresses }, t) {
  const shown = addresses.map((src, k) =>
    h("figure", {}, h("img", { src, alt: filled(t("images.template"), { name: names[k] }) }), h("figcaption", {}, names[k])),
  );
  return h("div", { class: "templates" }, ...shown);
}

function heatMap({ names, columns, weights }, t) {
  const cells = weights.flatMap((row, k) =>
    row.map((weight, column) => ({ column, label: k, weight: asNumber(weight) })),
  );
  const below = 24 + 6 * Math.max(...columns.map((name) => name.length)); // room for slanted names
  const most = Math.max(...cells.map(({ weight }) => Math.abs(weight)), 1e-12);
  const options = {
    width: ACROSS,
    height: 40 + 26 * names.length + below,
    marginLeft: 96,
    marginBottom: below,
    x: { label: null, tickFormat: (column) => columns[column], tickRotate: -60 },
    y: { label: null, tickFormat: (label) => names[label].slice(0, 14) },
    color: { type: "diverging", scheme: "PuOr", domain: [-most, most] },
    marks: [
      Plot.cell(cells, { x: "column", y: "label", fill: "weight" }),
      Plot.text(cells.filter(({ weight }) => weight < -0.1 * most), { x: "column", y: "label", text: () => "−" }),
    ],
  };
  return h("div", { class: "chart" }, chart(options, t("images.weights_note")));
}

/** How often each class is taken for each other: a table, shaded by parts of the true class. */
export function confusionPanel(part, t) {
  const content = h("div", { "data-name": "images.confusion" }, empty(t));
  const note = h("p", { class: "note" });
  part.chart("confusion", (confusion) => {
    note.textContent = confusion ? filled(t(`images.confusion.${confusion.part}`), { strength: show(confusion.strength, 3) }) : "";
    content.dataset.value = confusion ? String(confusion.counts.flat().reduce((a, b) => a + b, 0)) : "";
    if (!confusion) content.replaceChildren(empty(t));
    else if (confusion.names.length <= MOST_NUMBERED) content.replaceChildren(matrix(confusion, t));
    else content.replaceChildren(shades(confusion, t));
  });
  return panel(t("images.confusion"), note, content);
}

/** How many rows are right, of how many. */
const counted = (counts) => ({
  right: counts.reduce((sum, row, k) => sum + row[k], 0).toLocaleString(),
  of: counts.flat().reduce((a, b) => a + b, 0).toLocaleString(),
});

function matrix({ names, counts }, t) {
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, t("images.true_class")),
    ...names.map((name) => h("th", { scope: "col" }, name)),
  );
  const body = counts.map((row, k) => {
    const total = row.reduce((a, b) => a + b, 0) || 1;
    const cells = row.map((count, column) => {
      const cell = h("td", { class: column === k ? "right" : null });
      put(cell, count, count ? String(count) : "·");
      cell.style.setProperty("--part", `${Math.round((45 * count) / total)}%`);
      return cell;
    });
    return h("tr", {}, h("th", { scope: "row" }, names[k]), ...cells);
  });
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": t("images.confusion") },
    h("table", { class: "confusion" }, h("caption", {}, filled(t("images.right"), counted(counts))), h("thead", {}, head), h("tbody", {}, ...body)),
  );
}

function shades({ counts }, t) {
  const cells = counts.flatMap((row, label) => {
    const total = row.reduce((a, b) => a + b, 0) || 1;
    return row.map((count, predicted) => ({ label, predicted, part: count / total }));
  });
  const options = {
    width: ACROSS,
    height: ACROSS,
    x: { axis: null },
    y: { axis: null },
    color: { scheme: "blues", domain: [0, 1] },
    marks: [Plot.cell(cells, { x: "predicted", y: "label", fill: "part", inset: 0 })],
  };
  return h("div", { class: "chart" }, chart(options, filled(t("images.right"), counted(counts))));
}
