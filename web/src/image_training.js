// What to train on and with, and what came of it.

import { filled, h, percent, put, show } from "./dom.js";
import { panel } from "./panels.js";

let lists = 0;

/** The options of a training, and its start and end. */
export function startPanel(part, act, t, status, busy) {
  const suggested = (name, placeholder) => {
    lists += 1;
    const options = h("datalist", { id: `images-list-${lists}` });
    const field = h("input", {
      type: "text",
      list: options.id,
      placeholder,
      "data-name": `images.${name}`,
      spellcheck: "false",
      autocomplete: "off",
    });
    return { field, options };
  };
  const data = suggested("data", "");
  data.field.value = "digits";
  const features = suggested("features", t("images.no_features"));
  const strengths = h("input", {
    type: "text",
    placeholder: t("images.grid"),
    "data-name": "images.strengths",
    autocomplete: "off",
  });
  const probability = h("input", {
    type: "text",
    inputmode: "decimal",
    placeholder: "0",
    "data-name": "images.dropout",
    autocomplete: "off",
  });
  const scale = h("input", {
    type: "text",
    inputmode: "decimal",
    placeholder: "0",
    "data-name": "images.feature_noise",
    autocomplete: "off",
  });
  const adaptive = h("input", { type: "checkbox", "data-name": "images.adaptive_l2" });
  const loss = h("select", { "data-name": "images.loss" });
  const penalty = h("select", { "data-name": "images.penalty" });
  const start = h("button", { type: "submit", class: "main", "data-action": "images-train" }, t("images.train"));
  const stop = h(
    "button",
    { type: "button", "data-action": "images-stop", disabled: true, onclick: () => act.stop() },
    t("button.stop"),
  );
  const control = (key, ...elements) => h("label", { class: "control" }, h("span", {}, t(key)), ...elements);
  const form = h(
    "form",
    { class: "settings" },
    control("images.data", data.field, data.options),
    control("images.features", features.field, features.options),
    control("field.loss", loss),
    control("field.penalty", penalty),
    control("images.strengths", strengths),
    control("images.dropout", probability),
    control("images.feature_noise", scale),
    h("label", { class: "control flag" }, adaptive, ` ${t("field.adaptive_l2")}`),
  );
  form.append(h("div", { class: "buttons" }, start, stop));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act.train({
      data: data.field.value,
      features: features.field.value,
      loss: loss.value,
      penalty: penalty.value,
      strengths: strengths.value,
      dropout: probability.value,
      feature_noise: scale.value,
      adaptive_l2: adaptive.checked,
    });
  });
  const about = h("p", { class: "note", "data-name": "images.dataset" });

  part("choices", (choices) => {
    const fill = (list, names) => list.replaceChildren(...names.map((value) => h("option", { value })));
    fill(data.options, choices.data);
    fill(features.options, choices.features);
    const words = (name) => h("option", { value: name }, t(`choice.${name}`, name));
    loss.replaceChildren(...choices.loss.map(words));
    penalty.replaceChildren(...choices.penalty.map(words));
    loss.value = "softmax";
    penalty.value = "l2";
  });
  part("form", (options) => {
    if (!options) return;
    data.field.value = options.data;
    features.field.value = options.features;
    strengths.value = options.strengths;
    probability.value = options.dropout;
    scale.value = options.feature_noise;
    adaptive.checked = options.adaptive_l2;
    loss.value = options.loss;
    penalty.value = options.penalty;
  });
  part("status", (now) => (stop.disabled = !busy.includes(now.phase)));
  part("dataset", (dataset) => {
    about.textContent = dataset ? described(dataset, t) : "";
  });
  return panel(t("images.start"), h("p", { class: "note" }, t("images.note")), form, status, about);
}

/** A data set in a sentence, and the notes of its reader. */
function described({ name, rows, validation, test, columns, shape, classes, notes }, t) {
  const counted = (key, count) => filled(t(key), { count: count.toLocaleString("en") });
  const examples = [counted("data.examples", rows)];
  if (validation) examples.push(counted("data.validation", validation));
  if (test) examples.push(counted("data.testing", test));
  const features = filled(t("data.features"), {
    count: columns.toLocaleString("en"),
    details: shape ? shape.join(" × ") : "",
  }).replace(/\s*[(（][)）]/, "");
  const line = filled(t("data.line"), {
    name,
    examples: examples.join(" + "),
    features,
    classes: counted("data.classes", classes.length),
  });
  return [line, ...notes].join(". ");
}

/** Accuracies, loss, λ and downloads. */
export function resultPanel(part, act, t) {
  const content = h("div", { class: "figures" });
  const reason = h("p", { class: "note" });
  const download = (kind) =>
    h(
      "button",
      { type: "button", "data-action": `images-${kind}`, onclick: () => act.download(kind) },
      t(`images.${kind}`),
    );
  const element = panel(
    t("images.result"),
    content,
    reason,
    h("div", { class: "buttons" }, download("model"), download("report")),
  );
  element.hidden = true;
  const figure = (name, key, value, text) => {
    const number = h("dd", { "data-name": name });
    put(number, value, text);
    return h("div", { class: "figure" }, h("dt", {}, t(key)), number);
  };
  part("result", (result) => {
    element.hidden = !result;
    if (!result) return;
    const accuracies = Object.entries(result.accuracy).map(([name, value]) =>
      figure(`images.accuracy.${name}`, `images.accuracy.${name}`, value, percent(value, t)),
    );
    const list = h(
      "dl",
      { class: "figures" },
      ...accuracies,
      figure("images.strength", "field.strength", result.strength, show(result.strength)),
      figure("images.total", "loss.total", result.loss, show(result.loss)),
      figure("images.gap", "loss.gap", result.gap, show(result.gap)),
      figure("images.seconds", "images.seconds", result.seconds, show(result.seconds, 2)),
    );
    content.replaceChildren(list);
    content.className = "";
    reason.textContent = t(`reason.${result.reason}`);
  });
  return element;
}
