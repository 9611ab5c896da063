// What a screen reader is told besides what it reads: politely, and not more often than a person
// can listen.

import { find } from "./dom.js";

const AT_LEAST_MS = 4000;

let waiting = null;
let saidAt = -AT_LEAST_MS;
let timer = null;

function say() {
  timer = null;
  saidAt = performance.now();
  find("announcer").textContent = waiting;
}

/** Says this next; of several in a short time only the last, since the others are old by then. */
export function announce(text) {
  waiting = text;
  timer ??= setTimeout(say, Math.max(0, saidAt + AT_LEAST_MS - performance.now()));
}
