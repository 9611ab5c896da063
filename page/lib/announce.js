// Announcements to a screen reader beside what it reads: politely, and not more often than a person
// can listen.

import { find } from "./dom.js";

const AT_LEAST_MS = 4000;

let waiting = "";
let announcedAt = -AT_LEAST_MS;
/** @type {ReturnType<typeof setTimeout> | null} */
let timer = null;

function announceNow() {
  timer = null;
  announcedAt = performance.now();
  find("announcer").textContent = waiting;
}

/**
 * Announces this next; of several in a short time only the last, since the others are old by then.
 * @param {string} text
 */
export function announce(text) {
  waiting = text;
  timer ??= setTimeout(announceNow, Math.max(0, announcedAt + AT_LEAST_MS - performance.now()));
}
