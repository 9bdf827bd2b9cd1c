// Part one: points in the plane.

import { h } from "./dom.js";
import {
  curvePanel,
  landscapePanel,
  lossesPanel,
  settingsPanel,
  tablePanel,
  weightsPanel,
  workingPanel,
} from "./panels.js";
import { Plane } from "./plane.js";
import { exportPanel, pointsPanel, stepsBar } from "./tools.js";

const LINK_WAIT = 600; // milliseconds without a request before the link is made anew

/** Draw part one; `page` has send, t, tell (a sentence) and keepLink. */
export function mountPoints(el, store, page) {
  const { t } = page;
  const act = actions(store, page);
  const sides = h("div", { class: "sides" });
  const bar = stepsBar(store, act, t);
  el.append(
    h("h2", { class: "hidden" }, t("tab.points")),
    bar,
    sides,
    h("div", { class: "shared" }, pointsPanel(store, act, t), exportPanel(act, t)),
  );
  let count = 0;
  let scope = null;
  store.on("sides", (all) => {
    if (all.length === count || all.length === 0) return;
    count = all.length;
    scope?.drop();
    scope = store.scope();
    sides.replaceChildren(...all.map((_, number) => side(number, scope, act, t, count)));
    sides.classList.toggle("two", count > 1);
  });
  return act;
}

function side(number, store, act, t, count) {
  const own = act.of(number);
  const plane = new Plane(number, store, act, t);
  const status = h("p", { class: "status", role: "status", "data-name": `side${number}.status` });
  store.on(`side${number}.status`, ({ level, text }) => {
    status.className = `status ${level}`;
    if (status.textContent !== text) status.textContent = text;
  });
  const title = count > 1 ? `${t("word.side")} ${"AB"[number]}` : t("word.side_alone");
  return h(
    "section",
    { class: "side", "aria-label": title },
    count > 1 ? h("h3", { class: "side-name" }, title) : null,
    h("div", { class: "see" }, plane.element, status, lossesPanel(number, store, t), curvePanel(number, store, t),
      landscapePanel(number, store, own, t), workingPanel(number, store, t)),
    h("div", { class: "do" }, weightsPanel(number, store, own, t), settingsPanel(number, store, own, t),
      tablePanel(number, store, own, t)),
  );
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

  async function run() {
    while (running) {
      const answer = await ask({ do: "step", count: act.stepsAtATime(), running: true });
      const levels = store.get("sides").map((each) => each.status.level);
      if (!answer || answer.error || levels.includes("error")) act.stop();
      await new Promise(requestAnimationFrame);
    }
  }

  const act = {
    /** A point is drawn at its new place at once; the answer may correct it. */
    async move(point, x, y) {
      const points = store.get("points");
      const before = { point, x: points.x[point], y: points.y[point] };
      const rest = { label: points.label[point], held_out: points.held_out[point] };
      store.merge({ moved: { point, x, y, ...rest } });
      const answer = await ask({ do: "move", point, x, y }, "move");
      if (answer?.error) store.merge({ moved: { ...before, ...rest } });
    },
    addPoint: (x, y, label, held_out) => ask({ do: "add", x, y, label, held_out }),
    remove: (point) => ask({ do: "delete", point }),
    removeSelected() {
      const selected = store.get("selected");
      if (selected === null) page.tell(page.t("points.choose_first"));
      else ask({ do: "delete", point: selected });
    },
    change: (point, label, held_out) => ask({ do: "change", point, label, held_out }),
    select: (point) => ask({ do: "select", point }, "select"),
    classes: (count) => ask({ do: "classes", count }),
    shape: (options) => ask({ do: "shape", ...options }),
    upload: (text, name) => ask({ do: "upload", text, name }),
    step: () => ask({ do: "step", count: act.stepsAtATime() }),
    search: (local) => ask({ do: "search", local }),
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
    async export(kind) {
      const answer = await send({ do: "export", kind, side: 0 });
      if (answer?.file) page.take(answer.file, kind);
    },
    /** The actions of one side. */
    of: (side) => ({
      weight: (row, column, value) => ask({ do: "weight", side, row, column, value }, `weight${row},${column}`),
      randomize: () => ask({ do: "randomize", side }),
      zero: () => ask({ do: "zero", side }),
      double: () => ask({ do: "double", side }),
      next: () => ask({ do: "numerical", side, what: "next" }),
      all: () => ask({ do: "numerical", side, what: "all" }),
      set: (path, value) => ask({ do: "set", side, path, value }, `set${path.join(".")}`),
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
