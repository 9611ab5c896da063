// The signs under the header: what must not be overlooked, and what happened lately.

import { announce } from "../lib/announce.js";
import { element, find, setText } from "../lib/dom.js";
import { duration } from "../lib/format.js";
import { hasWord, t } from "../lib/words.js";

/** @import { StateOf } from "../lib/wire.js" */

/**
 * What the signs depend on.
 * @typedef {object} Now
 * @property {StateOf | null} state
 * @property {boolean} isDemo
 * @property {boolean} isPreviewed
 */

/** @type {[word: string, holds: (now: Now) => boolean | undefined, kind: string][]} */
const SIGNS = [
  ["sign_unchosen", (now) => now.state?.profile === "unchosen", "warn"],
  ["sign_demo", (now) => now.isDemo, "warn"],
  ["sign_preview", (now) => now.isPreviewed, "warn"],
  ["sign_paused", (now) => now.state?.paused, "warn"],
  ["sign_eu", (now) => now.state?.profile === "eu", "calm"],
  ["sign_consent", (now) => now.state?.require_consent, "calm"],
];

/**
 * Shown while they hold.
 * @param {Now} now
 */
export function showSigns(now) {
  const wanted = SIGNS.filter(([, holds]) => holds(now));
  const list = find("signs");
  const names = wanted.map(([name]) => t(name)).join("\n");
  if (list.dataset.shown === names) return;
  list.dataset.shown = names;
  list.hidden = wanted.length === 0;
  list.replaceChildren(...wanted.map(([name, , kind]) => element("li", { class: kind, text: t(name) })));
}

/**
 * The state of the connection, with the time since it was lost.
 * @param {string} link
 * @param {{retry_ms?: number} | null} detail
 * @param {number | null} lostAt
 */
export function showLink(link, detail, lostAt) {
  const pill = find("link");
  pill.dataset.state = link;
  const away = lostAt === null ? "" : ` · ${duration(performance.now() - lostAt)}`;
  setText(pill, t(`link_${link}`) + (link === "live" ? "" : away));
  pill.title = detail?.retry_ms ? t("retry_in", { time: duration(detail.retry_ms) }) : "";
}

/** @param {string} id @param {string} text */
function showNotice(id, text) {
  setText(find(`${id}_text`), text);
  find(id).hidden = text === "";
  if (text) announce(text);
}

for (const id of ["gap", "problem"]) {
  find(`${id}_close`).addEventListener("click", () => (find(id).hidden = true));
}

/** @typedef {{away_ms: number, hasRestarted: boolean, counts: Record<string, number>}} Gap */

/** @type {Gap} */
let gap = { away_ms: 0, hasRestarted: false, counts: {} };

function writeGap() {
  const parts = [t("gap_away", { time: duration(gap.away_ms) })];
  if (gap.hasRestarted) parts.push(t("gap_restarted"));
  for (const [kind, count] of Object.entries(gap.counts)) parts.push(t(`gap_${kind}`, { count }));
  showNotice("gap", parts.join(t("comma")));
}

/**
 * Live again after a loss.
 * @param {{away_ms: number}} detail
 */
export function showBack({ away_ms }) {
  gap = { away_ms, hasRestarted: false, counts: {} };
  writeGap();
}

/**
 * How many reports of a kind were not received; null where a restart began the count anew.
 * @param {{kind: string, count: number | null, hasRestarted: boolean}} detail
 */
export function showMissed({ kind, count, hasRestarted }) {
  gap.hasRestarted ||= hasRestarted;
  if (count !== null) gap.counts[kind] = count;
  writeGap();
}

/**
 * Something that the booth or a device refused: in the reader's words where there are some.
 * @param {{code: string, message: string}} problem
 */
export function showProblem({ code, message }) {
  const word = `error_${code}`;
  showNotice("problem", hasWord(word) ? t(word) : message);
}

export const forgetProblem = () => showNotice("problem", "");
