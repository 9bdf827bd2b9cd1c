// Part two: a training on images or tables, watched; its examples, and what moves the loss of one.
//
// Tests find numbers by data-name: images.phase, images.accuracy.test (train, validation),
// images.strength, images.candidates, images.score.CLASS, images.probability.CLASS,
// images.loss.NAME, images.gradient.NAME.CLASS, images.margin; fields by images.data,
// images.features, images.loss, images.penalty, images.strengths, images.dropout,
// images.feature_noise, images.adaptive_l2, images.slider.CLASS; buttons by
// data-action: images-train, images-stop, images-model, images-report, images-row-ROW,
// images-reset, images-previous, images-next.

import { eachFrame, h, put } from "./dom.js";
import { exampleParts, listPanel } from "./image_examples.js";
import { candidatesPanel, confusionPanel, curvePanel, templatesPanel } from "./image_charts.js";
import { resultPanel, startPanel } from "./image_training.js";

const BUSY = ["reading", "describing", "training"];

/** Draw part two in an element; `send` asks the program, `t` looks words up. */
export function mountImages(el, store, send, t) {
  const act = actions(store, send);
  const part = watcher();
  const status = h("p", { class: "status", role: "status", "data-name": "images.phase" });
  part("status", (now) => {
    const { phase, text } = now ?? { phase: "idle" };
    put(status, phase, text ?? t(`images.phase.${phase}`));
    status.classList.toggle("error", phase === "failed");
    if (phase === "done" || phase === "stopped") act.rows({});
  });
  const training = h(
    "div",
    { class: "see" },
    curvePanel(part, t),
    candidatesPanel(part, t),
    confusionPanel(part, t),
  );
  const about = h(
    "div",
    { class: "see" },
    startPanel(part, act, t, status, BUSY),
    resultPanel(part, act, t),
    templatesPanel(part, t),
  );
  el.append(
    h("h2", { class: "hidden" }, t("tab.images")),
    h("div", { class: "training" }, about, training),
    h("div", { class: "examples" }, listPanel(part, act, t), exampleParts(part, act, t)),
  );
  store.on("images", (all, news) => part.tell(news ?? {}));
  if (!store.get("images")) send({ do: "images.open" });
}

/** Calls back with a part of the section when it comes: charts once a frame. */
function watcher() {
  const listeners = [];
  const part = (name, callback) => listeners.push([name, callback]);
  part.chart = (name, draw) => part(name, eachFrame(draw));
  part.tell = (news) => {
    for (const [name, callback] of listeners) if (name in news) callback(news[name]);
  };
  return part;
}

function actions(store, send) {
  return {
    train: (options) => send({ do: "images.train", ...options }),
    stop: () => send({ do: "images.stop" }),
    rows: (options) => send({ do: "images.rows", ...options }, "images.rows"),
    inspect: (part, row) => send({ do: "images.inspect", part, row }, "images.inspect"),
    jiggle: (options) => send({ do: "images.jiggle", ...options }, "images.jiggle"),
    async download(kind) {
      const answer = await send({ do: "images.download", kind, language: store.get("language") });
      if (answer?.file) save(answer.file);
    },
  };
}

/** Give a file of bytes to the user. */
function save({ name, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const link = h("a", { href: URL.createObjectURL(new Blob([bytes])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
