// Making and finding elements. Text goes in as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

export const find = (id) => document.getElementById(id);

function fill(made, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") made.textContent = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An element with attributes (`text` is its text) and children. */
export function element(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** The same for a drawing. */
export function drawing(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

/** Touches the page only when there is something new to say. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A `0..1` share as the length of a bar; the style sheet draws it. */
export function setShare(node, share) {
  node.style.setProperty("--share", Math.min(1, Math.max(0, Number(share) || 0)));
}
