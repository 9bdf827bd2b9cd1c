// Part two: images.

import { h } from "./dom.js";

/** Draw part two in an element; `send` asks the program, `t` looks words up. */
export function mountImages(el, store, send, t) {
  el.append(h("h2", {}, t("tab.images")));
}
