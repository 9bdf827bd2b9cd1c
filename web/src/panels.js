// The panels of one side: losses, W with its gradients, settings, table, working, curves.

import * as Plot from "@observablehq/plot";

import { SYMBOLS, asNumber, filled, h, parse, percent, put, show, symbol, whenIdle } from "./dom.js";

/** A part that scrolls where it is wider than its place; the keyboard reaches it. */
export const scrolled = (label, attributes, ...children) =>
  h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label, ...attributes }, ...children);

/** A heading with what belongs below it. */
export const panel = (title, ...children) =>
  h("section", { class: "panel" }, h("h3", {}, title), ...children);

/** Whether there is room for what may as well be folded away. */
export const isWide = () => window.matchMedia("(min-width: 62rem)").matches;

/** A panel that can be folded away. */
export function fold(title, isOpen, toggled, ...children) {
  const element = h("details", { class: "panel" }, h("summary", {}, h("h3", {}, title)), ...children);
  element.open = isOpen;
  element.addEventListener("toggle", () => toggled?.(element.open));
  return element;
}

// --- losses --------------------------------------------------------------------------------------

export function lossesPanel(side, store, t) {
  const share = (value) => percent(value, t);
  const names = [
    ["data", "loss.data", show],
    ["penalty", "loss.penalty", show],
    ["total", "loss.total", show],
    ["accuracy", "loss.accuracy", share],
    ["validation_loss", "loss.validation", show],
    ["validation_accuracy", "loss.validation_accuracy", share],
    ["gap", "loss.gap", show],
    ["gradient_norm", "loss.gradient_norm", show],
    ["step_size", "loss.step_size", show],
    ["update_ratio", "loss.update_ratio", show],
    ["steps", "loss.steps", (value) => String(value ?? 0)],
  ];
  const cells = {};
  const figure = ([name, key]) => {
    cells[name] = h("dd", { "data-name": `side${side}.${name}` });
    return h("div", { class: `figure ${name}` }, h("dt", {}, t(key)), cells[name]);
  };
  const sum = h("dl", { class: "sum" }, names.slice(0, 3).map(figure));
  const rest = h("dl", { class: "figures" }, names.slice(3).map(figure));
  store.on(`side${side}.losses`, (losses) => {
    for (const [name, , text] of names) put(cells[name], losses[name], text(losses[name]));
  });
  return panel(t("panel.losses"), sum, rest);
}

// --- settings ------------------------------------------------------------------------------------

const TICKS = 1000; // of a slider

const toTick = ({ low, high, log }, value) =>
  log
    ? (TICKS * Math.log(Math.max(value, low) / low)) / Math.log(high / low)
    : (TICKS * (value - low)) / (high - low);

function fromTick({ low, high, log, integer }, tick) {
  const part = tick / TICKS;
  const value = log ? low * (high / low) ** part : low + part * (high - low);
  return integer ? Math.round(value) : Number(value.toPrecision(3));
}

export function settingsPanel(side, store, act, t) {
  const groups = h("div", { class: "settings" });
  let made = "";
  let controls = [];

  function build(form) {
    const boxes = new Map();
    controls = form.map((control) => {
      const group = control.group ?? control.path[0];
      if (!boxes.has(group)) {
        boxes.set(group, h("fieldset", {}, h("legend", {}, t(`field.${group}`))));
      }
      const [element, update] = make(control);
      boxes.get(group).append(element);
      return update;
    });
    groups.replaceChildren(...boxes.values());
  }

  function make(control) {
    const { path, kind } = control;
    const name = `side${side}.${path.join(".")}`;
    const isKind = path.length === 1 && kind === "choice";
    const label = isKind ? t("word.kind") : t(`field.${path.at(-1)}`);
    if (kind === "choice") return choice(control, name, label);
    if (kind === "flag") {
      const box = h("input", { type: "checkbox", "data-name": name });
      box.addEventListener("change", async () => {
        const answer = await act.set(path, box.checked);
        if (answer?.error) box.checked = !box.checked;
      });
      return [h("label", { class: "control flag" }, box, ` ${label}`), (now) => (box.checked = now.value)];
    }
    return number(control, name, label);
  }

  function choice({ path, choices }, name, label) {
    const option = (value) => h("option", { value }, t(`choice.${value}`, value));
    const list = h("select", { "data-name": name }, ...choices.map(option));
    let held = null;
    list.addEventListener("change", async () => {
      const answer = await act.set(path, list.value);
      if (answer?.error) list.value = held;
    });
    const update = (now) => (list.value = held = now.value);
    return [h("label", { class: "control" }, h("span", {}, label), list), update];
  }

  function number(control, name, label) {
    const { path } = control;
    const field = h("input", { type: "text", inputmode: "decimal", "data-name": name });
    const slider = h("input", { type: "range", min: 0, max: TICKS, "aria-label": label, "data-name": `${name}.slider` });
    const automatic = h("input", { type: "checkbox", "data-name": `${name}.automatic` });
    let held = null;
    const write = (now) => {
      held = now.value;
      const text = held === null ? "" : String(Number(asNumber(held).toPrecision(6)));
      field.dataset.value = held === null ? "" : String(held);
      if (field !== document.activeElement) field.value = text;
      field.placeholder = held === null ? t("word.automatic") : "";
      if (slider !== document.activeElement && held !== null) slider.value = toTick(now, held);
      slider.setAttribute("aria-valuetext", held === null ? t("word.automatic") : text);
      automatic.checked = held === null;
    };
    const rewrite = () => write({ ...control, value: held });
    field.addEventListener("change", async () => {
      const answer = await act.set(path, parse(field.value));
      if (answer?.error) field.value = field.dataset.value;
    });
    field.addEventListener("blur", rewrite);
    slider.addEventListener("input", () => act.set(path, fromTick(control, Number(slider.value))));
    automatic.addEventListener("change", async () => {
      const wish = automatic.checked ? null : fromTick(control, Number(slider.value));
      await act.set(path, wish);
      rewrite();
    });
    const element = h(
      "div",
      { class: "control number" },
      h("label", {}, h("span", {}, label), field),
      slider,
      control.optional ? h("label", { class: "flag" }, automatic, ` ${t("word.automatic")}`) : null,
    );
    return [element, write];
  }

  store.on(`side${side}.form`, (form) => {
    const shape = JSON.stringify(form.map(({ path, choices, optional }) => [path, choices, optional]));
    if (shape !== made) {
      const name = groups.contains(document.activeElement)
        ? document.activeElement.dataset.name
        : null;
      build(form);
      made = shape;
      if (name) groups.querySelector(`[data-name="${name}"]`)?.focus();
    }
    form.forEach((control, place) => controls[place](control));
  });
  return panel(t("panel.settings"), groups);
}

// --- table of points -----------------------------------------------------------------------------

const COLUMN = 4.1; // rem

export function tablePanel(side, store, act, t) {
  const head = h("tr", {});
  const body = h("tbody", {});
  const mean = h("td", { "data-name": `side${side}.mean` });
  const place = h("span", { class: "note" });
  let columns = 0;

  function drawHead(classes) {
    columns = 4 + classes + 1;
    const names = ["#", "x", "y", t("word.class")];
    for (let label = 0; label < classes; label += 1) names.push(`s${label}`);
    names.push("L");
    head.replaceChildren(...names.map((name) => h("th", { scope: "col" }, name)));
    body.replaceChildren();
    // Columns of a fixed width: no number is measured when it changes.
    head.closest("table").style.minWidth = `${COLUMN * columns}rem`;
  }

  function line() {
    const row = h("tr", {}, ...Array.from({ length: columns }, () => h("td", {})));
    row.cells[0].append(h("button", { type: "button", class: "link" }));
    row.addEventListener("click", () => act.select(row.point));
    return row;
  }

  const draw = whenIdle((rows) => {
    const classes = store.get("classes");
    if (columns !== 5 + classes) drawHead(classes);
    while (body.rows.length > rows.rows.length) body.lastChild.remove();
    while (body.rows.length < rows.rows.length) body.append(line());
    rows.rows.forEach(([point, x, y, label, held, ...rest], number) => {
      const row = body.rows[number];
      row.point = point;
      const button = row.cells[0].firstChild;
      if (button.textContent !== String(point)) {
        button.textContent = String(point);
        button.setAttribute("aria-label", `${t("word.point")} ${point}`);
      }
      row.classList.toggle("held-out", held);
      row.classList.toggle("selected", store.get("selected") === point);
      put(row.cells[1], x, show(x, 3));
      put(row.cells[2], y, show(y, 3));
      put(row.cells[3], label, `${label}${held ? ` (${t("word.held_out_short")})` : ""}`);
      rest.forEach((value, k) => put(row.cells[4 + k], value, show(value, 3)));
      row.cells[4 + label].classList.add("right");
      for (let k = 0; k < classes; k += 1) row.cells[4 + k].classList.toggle("right", k === label);
    });
    const last = rows.first + rows.rows.length;
    place.textContent = `${rows.first + 1}–${last} / ${rows.count}`;
    previous.disabled = rows.first === 0;
    next.disabled = last >= rows.count;
  });

  const turn = (change) => () => {
    const { first, order } = store.get(`side${side}.rows`);
    act.table(Math.max(0, first + change), order);
  };
  const previous = h("button", { type: "button", onclick: turn(-100) }, t("button.previous"));
  const next = h("button", { type: "button", onclick: turn(100) }, t("button.next"));
  const order = h(
    "select",
    { "aria-label": t("table.order") },
    h("option", { value: "number" }, t("table.by_number")),
    h("option", { value: "loss" }, t("table.by_loss")),
  );
  order.addEventListener("change", () => act.table(0, order.value));
  store.on(`side${side}.rows`, (rows) => {
    put(mean, rows.mean);
    draw(rows);
  });
  store.on("selected", (selected) => {
    for (const row of body.rows) row.classList.toggle("selected", row.point === selected);
  });
  return fold(
    t("panel.table"),
    isWide(),
    null,
    h("div", { class: "buttons" }, order, previous, next, place),
    scrolled(
      t("panel.table"),
      { class: "scroll rows" },
      h(
        "table",
        { class: "points" },
        h("thead", {}, head),
        body,
      ),
    ),
    h("table", { class: "mean" }, h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, t("table.mean")), mean))),
  );
}

// --- the loss of one point -----------------------------------------------------------------------

export function workingPanel(side, store, t) {
  const content = scrolled(t("panel.working"), { "data-name": `side${side}.working` });
  store.on(`side${side}.working`, (working) => {
    if (!working) {
      content.replaceChildren(h("p", { class: "note" }, t("working.none")));
      return;
    }
    const title = filled(t("working.title"), {
      point: working.point,
      label: working.label,
      loss: t(`choice.${working.name}`, working.name),
    });
    content.replaceChildren(workingTable(working, title, store.get("classes"), t));
  });
  return fold(t("panel.working"), true, null, content);
}

/** The working of a loss as a table: a row for each class, a column for each step. */
export function workingTable(working, title, classes, t, names = null) {
  const steps = working.lines.filter((line) => line.kind !== "loss");
  const heads = steps.map((line) => h("th", { scope: "col" }, t(`working.${line.kind}`)));
  const rows = Array.from({ length: classes }, (_, label) => {
    const isRight = label === working.label;
    const picture = names === null && label < SYMBOLS.length ? symbol(label) : null;
    const name = ` ${names?.[label] ?? label}${isRight ? " ✓" : ""}`;
    const cells = steps.map((line) => workingCell(line, label));
    return h("tr", { class: isRight ? "right" : null }, h("th", { scope: "row" }, picture, name), cells);
  });
  const results = working.lines.filter((line) => line.kind === "loss").map((line) => {
    const text = `${line.text[0]} = ${show(line.values[0])}`;
    const cell = { colspan: steps.length, class: "result", "data-value": line.values[0] };
    return h("tr", {}, h("th", { scope: "row" }, t("working.loss")), h("td", cell, text));
  });
  const head = h("tr", {}, h("th", { scope: "col" }, t("word.class")), heads);
  return h(
    "table",
    { class: "working" },
    h("caption", {}, title),
    h("thead", {}, head),
    h("tbody", {}, rows),
    h("tfoot", {}, results),
  );
}

/** What a step makes of a class's score: how, and its value. */
function workingCell(line, label) {
  const place = line.classes.indexOf(label);
  if (place < 0) return h("td", {});
  const value = line.values[place];
  const isPlain = line.kind === "scores" || line.kind === "targets";
  const how = isPlain ? null : h("span", { class: "term" }, `${line.text[place]} =`);
  return h("td", { "data-value": value, "data-kind": line.kind }, how, h("strong", {}, ` ${show(value)}`));
}

// --- curves and landscape ------------------------------------------------------------------------

const CURVES = [
  ["total", "loss.total", "none"],
  ["data", "loss.data", "6 3"],
  ["penalty", "loss.penalty", "2 3"],
  ["validation", "loss.validation", "9 3 2 3"],
];

const CURVE_HEIGHT = 180; // pixels
const LABEL = 15; // pixels from one name to the next

const FONT = { fontSize: "12px", background: "transparent", overflow: "visible" };

/** A chart of Observable Plot with words for those who do not see it. */
export function chart(options, label) {
  const drawn = Plot.plot({ style: FONT, ...options });
  drawn.setAttribute("role", "img");
  for (const part of drawn.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label");
  drawn.setAttribute("aria-label", label);
  return drawn;
}

export function curvePanel(side, store, t) {
  const content = h("div", { class: "chart", "data-name": `side${side}.curve` });
  const draw = whenIdle((curve) => {
    if (curve.steps.length === 0) {
      content.replaceChildren(h("p", { class: "note" }, t("curve.none")));
      return;
    }
    content.replaceChildren(lossChart(curve, t));
  });
  store.on(`side${side}.curve`, (curve) => {
    content.dataset.value = String(curve.steps.length);
    draw(curve);
  });
  return fold(t("panel.curve"), true, null, content);
}

/** Move the names at the ends of curves apart where they would overlap. */
export function spread(ends, least) {
  ends.sort((one, other) => one.value - other.value);
  for (let k = 1; k < ends.length; k += 1) {
    ends[k].value = Math.max(ends[k].value, ends[k - 1].value + least);
  }
}

/** Names of ticks: there are no parts of steps. */
const whole = (value) => (Number.isInteger(value) ? show(value) : "");

/** The curves of the loss and its terms, told apart by dashes and by their names. */
export function lossChart(curve, t, { x = "steps", label = null } = {}) {
  const marks = [Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.3 })];
  const ends = [];
  let highest = 0;
  for (const [name, key, dashes] of CURVES) {
    const values = curve[name];
    if (!values) continue;
    const places = curve[x]
      .map((step, k) => ({ step, value: asNumber(values[k]) }))
      .filter(({ value }) => Number.isFinite(value));
    const style = {
      x: "step",
      y: "value",
      stroke: "currentColor",
      strokeWidth: name === "total" ? 2 : 1.3,
      strokeDasharray: dashes,
    };
    marks.push(Plot.line(places, style));
    highest = Math.max(highest, ...places.map(({ value }) => value));
    if (places.length) ends.push({ ...places.at(-1), text: t(key) });
  }
  spread(ends, (highest * LABEL) / CURVE_HEIGHT);
  const end = { x: "step", y: "value", text: "text", textAnchor: "start", dx: 6, fill: "currentColor" };
  marks.push(Plot.text(ends, end));
  const options = {
    height: CURVE_HEIGHT + 50,
    width: 460,
    marginRight: 104,
    marginBottom: label === null ? 30 : 44,
    x: { label: label ?? t("loss.steps"), ticks: 5, zero: true, tickFormat: whole },
    y: { label: t("word.loss"), ticks: 5, nice: true, zero: true },
    marks,
  };
  return chart(options, `${t("panel.curve")}: ${curve[x].length}`);
}

export function landscapePanel(side, store, act, t) {
  const content = h("div", { class: "chart", "data-name": `side${side}.landscape` });
  const draw = whenIdle((landscape) => {
    if (!landscape || landscape.levels.length === 0) {
      content.replaceChildren(h("p", { class: "note" }, t("landscape.none")));
      return;
    }
    const lines = landscape.levels.flatMap(({ value, lines: each }) =>
      each.map((line) => Plot.line(line, { stroke: "currentColor", strokeOpacity: 0.45, title: () => show(value) })),
    );
    const path = landscape.path.map(([a, b]) => ({ a, b }));
    const [left, right, bottom, top] = landscape.box;
    const options = {
      width: 460,
      height: 400,
      x: { domain: [left, right], label: t("landscape.first"), ticks: 5 },
      y: { domain: [bottom, top], label: t("landscape.second"), ticks: 5 },
      marks: [
        ...lines,
        Plot.line(path, { x: "a", y: "b", stroke: "var(--strong)", strokeWidth: 2 }),
        Plot.dot(path, { x: "a", y: "b", r: 2, fill: "var(--strong)" }),
        Plot.dot(path.slice(-1), { x: "a", y: "b", symbol: "star", r: 8, fill: "var(--strong)" }),
      ],
    };
    content.replaceChildren(chart(options, t("panel.landscape")));
  });
  store.on(`side${side}.landscape`, draw);
  return fold(t("panel.landscape"), Boolean(store.get(`side${side}.landscape`)), act.landscape, h("p", { class: "note" }, t("landscape.note")), content);
}
