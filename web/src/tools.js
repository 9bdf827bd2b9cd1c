// What is shared by all sides: points, upload, undo, replay, downloads.

import { h, symbol } from "./dom.js";
import { fold, panel } from "./panels.js";

export function pointsPanel(store, act, t) {
  const classes = h("select", { "data-name": "classes" }, ...[2, 3, 4, 5, 6].map((n) => h("option", { value: n }, n)));
  classes.addEventListener("change", () => act.classes(Number(classes.value)));
  const ofClass = h("div", { class: "choices", role: "radiogroup", "aria-label": t("points.class") });
  const held = h("input", { type: "checkbox", "data-name": "held_out" });
  const name = `new-class-${Math.random().toString(36).slice(2)}`;
  let chosen = 0;
  store.on("classes", (count) => {
    classes.value = count;
    chosen = Math.min(chosen, count - 1);
    ofClass.replaceChildren(
      ...Array.from({ length: count }, (_, label) => {
        const radio = h("input", { type: "radio", name, value: label, checked: label === chosen });
        radio.addEventListener("change", () => (chosen = label));
        return h("label", {}, radio, symbol(label), ` ${label}`);
      }),
    );
  });
  act.add = (x, y) => act.addPoint(x, y, chosen, held.checked);

  const shape = h("select", { "data-name": "shape" });
  store.on("choices", ({ shapes }) => {
    shape.replaceChildren(...shapes.map((each) => h("option", { value: each }, t(`shape.${each}`, each))));
  });
  const field = (key, value, attributes) =>
    h("input", { type: "number", value, "data-name": key, ...attributes });
  const count = field("count", 60, { min: 2, max: 20000, step: 10 });
  const noise = field("noise", 0.2, { min: 0, max: 2, step: 0.05 });
  const part = field("part", 20, { min: 0, max: 90, step: 5 });
  const draw = () =>
    act.shape({
      name: shape.value,
      count: count.valueAsNumber,
      noise: noise.valueAsNumber,
      held_out: part.valueAsNumber / 100,
      classes: store.get("classes"),
    });
  const labelled = (key, element) => h("label", { class: "control" }, h("span", {}, t(key)), element);
  return panel(
    t("panel.points"),
    h("p", { class: "note" }, t("points.note")),
    h("div", { class: "row" },
      h("fieldset", { class: "plain" }, h("legend", {}, t("points.class")), ofClass),
      h("label", { class: "flag" }, held, ` ${t("word.held_out")}`),
      h("button", { type: "button", "data-action": "add", onclick: () => act.add(0, 0) }, t("button.add")),
      h("label", { class: "inline" }, h("span", {}, t("points.classes")), classes)),
    selectedRow(store, act, t),
    h("fieldset", { class: "shapes" }, h("legend", {}, t("points.shape")), labelled("points.kind", shape),
      labelled("points.count", count), labelled("points.noise", noise), labelled("points.part", part),
      h("button", { type: "button", "data-action": "draw", onclick: draw }, t("button.draw"))),
    uploadFold(act, t),
    fold(t("panel.keys"), false, null, h("p", { class: "note" }, t("plane.label"))),
  );
}

/** The selected point: another class, held out or not, deleted. */
function selectedRow(store, act, t) {
  const name = h("strong", { "data-name": "selected" });
  const label = h("select", { "data-name": "selected.class" });
  const held = h("input", { type: "checkbox", "data-name": "selected.held_out" });
  const change = () => act.change(store.get("selected"), Number(label.value), held.checked);
  label.addEventListener("change", change);
  held.addEventListener("change", change);
  const parts = [
    h("label", { class: "inline" }, h("span", {}, t("word.class")), label),
    h("label", { class: "flag" }, held, ` ${t("word.held_out")}`),
  ];
  function draw() {
    const points = store.get("points");
    const selected = store.get("selected") ?? null;
    for (const part of parts) part.hidden = selected === null;
    name.dataset.value = selected ?? "";
    name.textContent = selected === null ? t("points.none_selected") : `${t("word.point")} ${selected}`;
    if (selected === null || !points) return;
    label.value = points.label[selected];
    held.checked = points.held_out[selected];
  }
  store.on("classes", (count) => {
    label.replaceChildren(...Array.from({ length: count }, (_, k) => h("option", { value: k }, k)));
    draw();
  });
  for (const section of ["points", "moved", "selected"]) store.on(section, draw);
  return h("div", { class: "row selection" }, name, parts,
    h("button", { type: "button", "data-action": "delete", onclick: act.removeSelected }, t("button.delete")));
}

function uploadFold(act, t) {
  const text = h("textarea", {
    rows: 5,
    "aria-label": t("upload.label"),
    placeholder: "x,y,label\n0.5,-0.2,cat\n-0.4,0.7,dog",
    "data-name": "csv",
  });
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", "aria-label": t("upload.file"), "data-name": "csv-file" });
  file.addEventListener("change", async () => {
    if (file.files.length) act.upload(await file.files[0].text(), file.files[0].name);
    file.value = "";
  });
  return fold(
    t("panel.upload"),
    false,
    null,
    h("p", { class: "note" }, t("upload.note")),
    text,
    h("div", { class: "buttons" },
      h("button", { type: "button", "data-action": "upload", onclick: () => act.upload(text.value, "points.csv") }, t("button.upload")),
      file),
  );
}

export function stepsBar(store, act, t) {
  const button = (name, key, run) =>
    h("button", { type: "button", "data-action": name, onclick: run }, t(key));
  const start = button("start", "button.start", () => act.toggle());
  const count = h("input", { type: "number", min: 1, max: 1000, value: 1, "data-name": "steps-at-a-time" });
  const undo = button("undo", "button.undo", act.undo);
  const redo = button("redo", "button.redo", act.redo);
  const replay = h("input", { type: "range", min: 0, max: 0, value: 0, "data-name": "replay", "aria-label": t("steps.replay") });
  const at = h("output", {});
  replay.addEventListener("input", () => act.replay(Number(replay.value)));
  store.on("tools", (tools) => {
    // They keep the keyboard's focus when there is nothing more to undo.
    undo.setAttribute("aria-disabled", String(!tools.undo));
    redo.setAttribute("aria-disabled", String(!tools.redo));
    replay.max = Math.max(0, tools.replay.of);
    replay.disabled = tools.replay.of < 1;
    replay.value = Math.max(0, tools.replay.at);
    at.textContent = `${tools.replay.at + 1} / ${tools.replay.of + 1}`;
    replay.setAttribute("aria-valuetext", at.textContent);
  });
  act.stepsAtATime = () => Math.min(1000, Math.max(1, Math.round(count.valueAsNumber) || 1));
  act.onrunning = (running) => {
    start.textContent = running ? t("button.stop") : t("button.start");
  };
  return h(
    "div",
    { class: "bar", role: "toolbar", "aria-label": t("steps.bar") },
    button("step", "button.step", () => act.step()),
    start,
    h("label", { class: "inline" }, h("span", {}, t("steps.count")), count),
    undo,
    redo,
    h("label", { class: "inline replay" }, h("span", {}, t("steps.replay")), replay, at),
    button("compare", "button.compare", act.compare),
  );
}

/** Downloads, of each side where there are two, and the link. */
export function exportPanel(act, t, sides) {
  const button = (name, kind, key, side) =>
    h("button", { type: "button", "data-action": name, onclick: () => act.export(kind, side) }, t(key));
  const rows = Array.from({ length: sides }, (_, side) => {
    const own = side === 0 ? "" : `side${side}.`;
    return h("div", { class: "buttons" },
      sides > 1 ? h("span", {}, `${t("word.side")} ${"AB"[side]}`) : null,
      button(`${own}export-python`, "python", "export.python", side),
      button(`${own}export-toml`, "toml", "export.toml", side));
  });
  return panel(t("panel.export"), rows,
    h("div", { class: "buttons" },
      button("export-csv", "csv", "export.csv", 0), button("export-link", "link", "export.link", 0)));
}
