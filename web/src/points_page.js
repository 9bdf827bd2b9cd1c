// Part one: points in the plane.

import { h } from "./dom.js";
import {
  curvePanel,
  landscapePanel,
  lossesPanel,
  settingsPanel,
  tablePanel,
  workingPanel,
} from "./panels.js";
import { Plane } from "./plane.js";
import { exportPanel, pointsPanel, stepsBar } from "./tools.js";
import { weightsPanel } from "./weights.js";

const SPOKEN_AFTER = 800; // milliseconds without news before a screen reader is told of it
const LINK_WAIT = 600; // milliseconds without a request before the link is made anew

/** Draw part one; `page` has send, t, tell (a sentence) and keepLink. */
export function mountPoints(el, store, page) {
  const { t } = page;
  const act = actions(store, page);
  const sides = h("div", { class: "sides" });
  const shared = h("div", { class: "shared" });
  const points = pointsPanel(store, act, t);
  el.append(h("h2", { class: "hidden" }, t("tab.points")), stepsBar(store, act, t), sides, shared);
  el.addEventListener("keydown", (event) => undoKeys(event, act));
  let count = 0;
  let scope = null;
  store.on("sides", (all) => {
    if (all.length === count || all.length === 0) return;
    count = all.length;
    scope?.drop();
    scope = store.scope();
    const drawn = all.map((_, number) => side(number, scope, act, t, count));
    sides.replaceChildren(...drawn);
    sides.classList.toggle("two", count > 1);
    // One side has points and downloads among its own parts, two share them below.
    if (count === 1) drawn[0].querySelector(".do").prepend(points);
    const exports = exportPanel(act, t, count);
    if (count === 1) drawn[0].querySelector(".more > :first-child").append(exports);
    shared.replaceChildren(...(count > 1 ? [points, exports] : []));
  });
  return act;
}

/** Ctrl+Z and Ctrl+Shift+Z, except in fields that have their own. */
function undoKeys(event, act) {
  const isKey = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if (!isKey || event.target.matches("input[type=text], input[type=number], textarea")) return;
  event.preventDefault();
  if (event.shiftKey) act.redo();
  else act.undo();
}

function side(number, store, act, t, count) {
  const own = act.of(number);
  const plane = new Plane(number, store, act, t);
  const status = h("p", { class: "status", "data-name": `side${number}.status` });
  const said = h("p", { class: "hidden", role: "status" });
  const say = afterPause((text) => (said.textContent = text));
  store.on(`side${number}.status`, ({ level, text }) => {
    status.className = `status ${level}`;
    if (status.textContent !== text) status.textContent = text;
    say(text);
  });
  const title = count > 1 ? `${t("word.side")} ${"AB"[number]}` : t("word.side_alone");
  return h(
    "section",
    { class: "side", "aria-label": title },
    count > 1 ? h("h3", { class: "side-name" }, title) : null,
    h("div", { class: "see" }, plane.element, status, said, lossesPanel(number, store, t),
      workingPanel(number, store, t), curvePanel(number, store, t)),
    h("div", { class: "do" }, weightsPanel(number, store, own, t), settingsPanel(number, store, own, t)),
    h("div", { class: "more" },
      h("div", {}, landscapePanel(number, store, own, t)),
      h("div", {}, tablePanel(number, store, own, t))),
  );
}

/** Call a function with its last argument once nothing new has come for a while. */
function afterPause(call) {
  let timer = null;
  return (argument) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(argument), SPOKEN_AFTER);
  };
}

function actions(store, page) {
  const { send } = page;
  let running = false;
  let idle = null;

  /** Ask, and make the link anew once nothing happens for a while. */
  function ask(message, key) {
    clearTimeout(idle);
    idle = setTimeout(() => !running && page.keepLink(), LINK_WAIT);
    return send(message, key);
  }

  /** A point is drawn as it is wished to be at once; the answer may correct it. */
  async function alter(point, wish, message, key) {
    const points = store.get("points");
    const before = { point };
    for (const part of ["x", "y", "label", "held_out"]) before[part] = points[part][point];
    store.merge({ moved: { ...before, ...wish } });
    const answer = await ask(message, key);
    if (answer?.error) store.merge({ moved: before });
  }

  async function run() {
    while (running) {
      const answer = await ask({ do: "step", count: act.stepsAtATime(), running: true });
      const levels = store.get("sides").map((each) => each.status.level);
      if (!answer || answer.error || levels.includes("error")) act.stop();
      await new Promise(requestAnimationFrame);
    }
  }

  const act = {
    move: (point, x, y) => alter(point, { x, y }, { do: "move", point, x, y }, "move"),
    addPoint: (x, y, label, held_out) => ask({ do: "add", x, y, label, held_out }),
    remove: (point) => ask({ do: "delete", point }),
    removeSelected() {
      const selected = store.get("selected");
      if (selected === null) page.tell(page.t("points.choose_first"));
      else ask({ do: "delete", point: selected });
    },
    change: (point, label, held_out) => alter(point, { label, held_out }, { do: "change", point, label, held_out }),
    select: (point) => ask({ do: "select", point }, "select"),
    classes: (count) => ask({ do: "classes", count }),
    shape: (options) => ask({ do: "shape", ...options }),
    upload: (text, name) => ask({ do: "upload", text, name }),
    step: () => ask({ do: "step", count: act.stepsAtATime() }),
    undo: () => ask({ do: "undo" }),
    redo: () => ask({ do: "redo" }),
    replay: (at) => ask({ do: "replay", at }, "replay"),
    compare: () => ask({ do: "compare", on: store.get("sides").length === 1 }),
    toggle() {
      if (running) act.stop();
      else {
        running = true;
        act.onrunning(true);
        run();
      }
    },
    stop() {
      running = false;
      act.onrunning(false);
      if (store.get("sides").some((each) => each.landscape)) ask({ do: "landscape", on: true });
    },
    async export(kind, side) {
      const answer = await send({ do: "export", kind, side });
      if (answer?.file) page.take(answer.file, kind);
    },
    /** The actions of one side. */
    of: (side) => ({
      weight: (row, column, value) => ask({ do: "weight", side, row, column, value }, `weight${side},${row},${column}`),
      search: (local, draws) => ask({ do: "search", side, local, draws }),
      randomize: () => ask({ do: "randomize", side }),
      zero: () => ask({ do: "zero", side }),
      double: () => ask({ do: "double", side }),
      next: () => ask({ do: "numerical", side, what: "next" }),
      all: () => ask({ do: "numerical", side, what: "all" }),
      set: (path, value) => ask({ do: "set", side, path, value }, `set${side},${path.join(".")}`),
      table: (first, order) => ask({ do: "table", first, order }, "table"),
      select: (point) => act.select(point),
      landscape: (on) => ask({ do: "landscape", on }),
    }),
    lost() {
      if (running) {
        running = false;
        act.onrunning(false);
      }
    },
  };
  return act;
}
