// Making and finding elements. Text goes in as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function findAs(id, type) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} #${id}`);
}

/** @param {string} id */
export const find = (id) => findAs(id, HTMLElement);
/** @param {string} id */
export const findButton = (id) => findAs(id, HTMLButtonElement);
/** @param {string} id */
export const findDialog = (id) => findAs(id, HTMLDialogElement);
/** @param {string} id */
export const findForm = (id) => findAs(id, HTMLFormElement);
/** @param {string} id */
export const findInput = (id) => findAs(id, HTMLInputElement);
/** @param {string} id */
export const findSelect = (id) => findAs(id, HTMLSelectElement);

/** @typedef {Record<string, string | number | boolean | null | undefined>} Properties */
/** @typedef {Node | string | null | undefined} Child */

/**
 * @template {Element} T
 * @param {T} made
 * @param {Properties} properties
 * @param {Child[]} children
 * @returns {T}
 */
function fill(made, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") made.textContent = String(value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * An element with attributes (`text` is its text) and children.
 * @template {keyof HTMLElementTagNameMap} N
 * @param {N} name
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[N]}
 */
export function element(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/**
 * The same for a drawing.
 * @template {keyof SVGElementTagNameMap} N
 * @param {N} name
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[N]}
 */
export function drawing(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

/**
 * Changes the page only where the text is another one.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A `0..1` share as the length of a bar; the style sheet draws it.
 * @param {HTMLElement} node
 * @param {unknown} share
 */
export function setShare(node, share) {
  node.style.setProperty("--share", String(Math.min(1, Math.max(0, Number(share) || 0))));
}
