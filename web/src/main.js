// The page: it draws what the program computes, and sends what the user does.
//
// Tests find numbers by data-name, with all their digits in data-value ("" where there is none):
//
//   side0.data side0.penalty side0.total side0.accuracy side0.validation_loss side0.gap side0.steps
//   side0.validation_accuracy side0.gradient_norm side0.step_size side0.update_ratio
//   side0.W.ROW.COLUMN (a field; ROW 0 is x, 1 is y, 2 is the bias; COLUMN is the class), and of
//   each entry .gradient, .numerical, .error and .kink; side0.worst
//   side0.loss side0.loss.margin side0.penalty.strength ... (fields of the form; .slider beside)
//   side0.mean (of the table), side0.working, side0.status, side0.curve, side0.landscape
//   selected, selected.class, selected.held_out, classes, held_out, shape, count, noise, part, csv
//   steps-at-a-time, replay, language
//
// and buttons by data-action:
//
//   step start undo redo compare add delete draw upload tab-points tab-images search local
//   side0.randomize side0.zero side0.double side0.next side0.all side0.W.ROW.COLUMN.less (.more)
//   export-python export-toml export-csv export-link
//
// The second of two sides has side1 in each name (side1.search, side1.export-python).
// Points are path.point in the order of their numbers, in svg.plane.

import { socketChannel, widgetChannel } from "./channels.js";
import { h } from "./dom.js";
import { mountImages } from "./images.js";
import { mountPoints } from "./points_page.js";
import { Requests } from "./requests.js";
import { Store } from "./store.js";

const TOLD = 8000; // milliseconds for which a sentence stays

/** Draw the page in an element and connect it; `memory` keeps session and link for a reload. */
export function mount(el, channel, memory) {
  const store = new Store();
  const requests = new Requests(channel, answered);
  const send = (message, key) => requests.send(message, key);
  const t = (key, fallback) => store.get("words")[key] ?? fallback ?? key;
  const problem = h("div", { class: "problem", role: "alert" });
  const lost = h("div", { class: "lost", role: "alert", hidden: true });
  const content = h("div", { class: "content" });
  el.classList.add("halfspaces-page");
  el.replaceChildren(problem, lost, content);
  const own = memory.isAlone ? "" : `-${Math.random().toString(36).slice(2)}`;
  let drawnIn = null;
  let act = null;
  let silence = null;

  function tell(sentence) {
    problem.textContent = sentence;
    clearTimeout(silence);
    silence = setTimeout(() => (problem.textContent = ""), TOLD);
  }

  function answered(answer, key) {
    // Nobody asked for the link: neither its error nor its success is news. An error of `open`
    // stays when the page opens without its link.
    const isAsked = key !== "link" && key !== undefined;
    if (answer.error && key !== "link") tell(answer.error);
    else if (isAsked && key !== "open") problem.textContent = "";
    if (!answer.show) return;
    const { session, ...sections } = answer.show;
    if (session) memory.session = session;
    store.merge(sections);
    const language = store.get("language"); // what is pushed may come before it
    if (language && language !== drawnIn) draw();
  }

  function draw() {
    drawnIn = store.get("language");
    store.listeners.clear();
    const points = tabPanel("points");
    const images = tabPanel("images");
    images.hidden = true;
    content.replaceChildren(header(points, images), h(memory.isAlone ? "main" : "div", {}, points, images));
    const page = memory.isAlone ? document.documentElement : el;
    page.lang = t("language.tag");
    act = mountPoints(points, store, { send, t, tell, keepLink, take });
  }

  // A notebook may show several pages: their ids differ.
  const tabPanel = (name) =>
    h("div", { class: "tab", id: `tab-${name}${own}`, role: "tabpanel", "aria-labelledby": `to-${name}${own}` });

  function header(points, images) {
    const languages = h(
      "select",
      { "aria-label": t("word.language"), "data-name": "language" },
      ...Object.entries(store.get("languages")).map(([value, name]) => h("option", { value, lang: value }, name)),
    );
    languages.value = drawnIn;
    languages.addEventListener("change", () => {
      memory.remember?.(languages.value);
      send({ do: "language", language: languages.value });
    });
    let mounted = false;
    const tabs = [];
    const tab = (name, panel, other) => {
      const button = h(
        "button",
        { type: "button", role: "tab", id: `to-${name}${own}`, "aria-controls": `tab-${name}${own}`, "data-action": `tab-${name}` },
        t(`tab.${name}`),
      );
      button.addEventListener("click", () => {
        for (const each of tabs) {
          each.setAttribute("aria-selected", each === button ? "true" : "false");
          each.tabIndex = each === button ? 0 : -1;
        }
        panel.hidden = false;
        other.hidden = true;
        if (name === "images" && !mounted) {
          mounted = true;
          mountImages(images, store, send, t);
        }
      });
      button.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const next = tabs[(tabs.indexOf(button) + 1) % tabs.length];
        next.focus();
        next.click();
      });
      tabs.push(button);
      return button;
    };
    const one = tab("points", points, images);
    const two = tab("images", images, points);
    one.setAttribute("aria-selected", "true");
    two.setAttribute("aria-selected", "false");
    two.tabIndex = -1;
    return h(
      "header",
      {},
      h("h1", {}, "halfspaces"),
      h("div", { class: "tabs", role: "tablist", "aria-label": t("word.parts") }, one, two),
      languages,
    );
  }

  async function keepLink() {
    const answer = await send({ do: "export", kind: "link" }, "link");
    if (answer?.file) memory.link = answer.file.text;
  }

  /** Give a file to the user: a download, or the address of the link in the clipboard. */
  async function take(file, kind) {
    if (kind === "link") {
      memory.link = file.text;
      const address = memory.address();
      try {
        await navigator.clipboard.writeText(address);
        tell(t("export.copied"));
      } catch {
        tell(`${t("export.copy_it")} ${address}`);
      }
      return;
    }
    const blob = new Blob([file.text], { type: "text/plain;charset=utf-8" });
    const link = h("a", { href: URL.createObjectURL(blob), download: file.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  channel.onopen = () => {
    lost.hidden = true;
    const language = drawnIn ?? memory.language();
    const { session, link: run } = memory;
    send({ do: "open", session, run, language }, "open").then((answer) => {
      if (answer?.error) send({ do: "open", session: null, run: null, language }, "open");
    });
  };
  channel.onclose = () => {
    requests.drop();
    act?.lost();
    lost.textContent = t("word.lost", "The connection to halfspaces is lost; trying again.");
    lost.hidden = false;
  };
  channel.onmessage = (answer) => requests.receive(answer);
  window.addEventListener("hashchange", () => {
    if (memory.isOther?.()) send({ do: "open", session: null, run: memory.link, language: drawnIn });
  });
  channel.connect();
}

/** What a reload of the browser's page goes on with: its session, and the link in its address. */
function browserMemory() {
  const get = (name) => sessionStorage.getItem(`halfspaces.${name}`);
  const put = (name, value) => sessionStorage.setItem(`halfspaces.${name}`, value);
  const fragment = () => (window.location.hash.startsWith("#run=") ? window.location.hash.slice(1) : null);
  const memory = {
    isAlone: true,
    get session() {
      return get("session");
    },
    set session(value) {
      put("session", value);
    },
    get link() {
      return fragment();
    },
    set link(value) {
      put("link", value);
      history.replaceState(null, "", `#${value}`);
    },
    isOther: () => fragment() !== null && fragment() !== get("link"),
    address: () => window.location.href,
    remember: (language) => put("language", language),
    language() {
      const wanted = navigator.languages.map((each) => each.slice(0, 2));
      return get("language") ?? wanted.find((each) => ["en", "zh", "ko"].includes(each)) ?? "en";
    },
  };
  if (memory.isOther()) sessionStorage.removeItem("halfspaces.session"); // another run was opened
  return memory;
}

/** In a notebook the kernel has the session. */
function widgetMemory() {
  const memory = { isAlone: false, session: null, link: null, language: () => "en" };
  memory.address = () => `#${memory.link}`;
  return memory;
}

const root = document.getElementById("halfspaces");
if (root) mount(root, socketChannel(), browserMemory());

export default {
  render({ model, el }) {
    mount(el, widgetChannel(model), widgetMemory());
  },
};
