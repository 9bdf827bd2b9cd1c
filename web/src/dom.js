// Elements, numbers and symbols.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element with attributes, listeners (onclick) and children. */
export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** An SVG element. */
export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** A number as the server sends it: strings are what is not finite. */
export const asNumber = (value) =>
  typeof value === "number" ? value : { inf: Infinity, "-inf": -Infinity }[value] ?? NaN;

/** A number to read. */
export function show(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const number = asNumber(value);
  if (Number.isNaN(number)) return "nan";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e6)
      ? number.toExponential(digits - 2)
      : String(Number(number.toPrecision(digits)));
  return text.replace(/-/g, "−");
}

/** A part as a percentage, written as is usual in the page's language. */
export const percent = (value, t) =>
  value === null || value === undefined
    ? "–"
    : filled(t("percent"), { number: (100 * asNumber(value)).toFixed(1) });

/** Write a number where tests and people read it: text, and data-value with all its digits. */
export function put(element, value, text = show(value)) {
  if (element.textContent !== text) element.textContent = text;
  mark(element, "data-value", value === null || value === undefined ? "" : value);
}

/** What was written into a field: a number, or the text, of which the program says that it is none. */
export function parse(text) {
  const plain = text.trim().replace(",", ".").replace("−", "-");
  const value = Number(plain);
  return plain !== "" && Number.isFinite(value) ? value : text;
}

/** Set an attribute if it is another one. */
export function mark(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** A sentence with values in its places, {name}. */
export const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** The outlines of the classes' symbols, about 12 units wide: told apart without colour. */
export const SYMBOLS = [
  "M5.5,0A5.5,5.5,0,1,1,-5.5,0A5.5,5.5,0,1,1,5.5,0Z",
  "M-5,-5H5V5H-5Z",
  "M0,-6.5L6,4.5H-6Z",
  "M0,-7L7,0L0,7L-7,0Z",
  "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  "M0,6.5L6,-4.5H-6Z",
];

/** A small picture of a class's symbol. */
export const symbol = (label) =>
  s(
    "svg",
    { class: `symbol class-${label}`, viewBox: "-8 -8 16 16", "aria-hidden": "true" },
    s("path", { d: SYMBOLS[label] }),
  );

/** Call a function at most once a frame, with its last arguments. */
export function eachFrame(draw) {
  let waiting = null;
  return (...given) => {
    if (waiting === null) {
      requestAnimationFrame(() => {
        const latest = waiting;
        waiting = null;
        draw(...latest);
      });
    }
    waiting = given;
  };
}

const PAUSE = 120; // milliseconds between drawings of what may wait

/** Call a function after the next frame, and not too often, with its last arguments. */
export function whenIdle(draw) {
  let waiting = null;
  let last = 0;
  function now() {
    const latest = waiting;
    waiting = null;
    draw(...latest);
    last = performance.now();
  }
  return (...given) => {
    if (waiting === null) {
      const wait = Math.max(0, last + PAUSE - performance.now());
      requestAnimationFrame(() => setTimeout(now, wait));
    }
    waiting = given;
  };
}
