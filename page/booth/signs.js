// The signs under the header: what must not be overlooked, and what happened lately.

import { announce } from "../lib/announce.js";
import { element, find, setText } from "../lib/dom.js";
import { duration } from "../lib/format.js";
import { hasWord, t } from "../lib/words.js";

const SIGNS = [
  ["sign_unchosen", (now) => now.state?.profile === "unchosen", "warn"],
  ["sign_demo", (now) => now.isDemo, "warn"],
  ["sign_preview", (now) => now.isPreviewed, "warn"],
  ["sign_paused", (now) => now.state?.paused, "warn"],
  ["sign_eu", (now) => now.state?.profile === "eu", "calm"],
  ["sign_consent", (now) => now.state?.require_consent, "calm"],
];

/** Shown while they hold; each change is told once. */
export function showSigns(now) {
  const wanted = SIGNS.filter(([, holds]) => holds(now));
  const list = find("signs");
  const names = wanted.map(([name]) => t(name)).join("\n");
  if (list.dataset.shown === names) return;
  list.dataset.shown = names;
  list.hidden = wanted.length === 0;
  list.replaceChildren(...wanted.map(([name, , kind]) => element("li", { class: kind, text: t(name) })));
}

/** Where the connection is, with the time that it has been away. */
export function showLink(link, detail, lostAt) {
  const pill = find("link");
  pill.dataset.state = link;
  const away = lostAt === null ? "" : ` · ${duration(performance.now() - lostAt)}`;
  setText(pill, t(`link_${link}`) + (link === "live" ? "" : away));
  pill.title = detail?.retry_ms ? t("retry_in", { time: duration(detail.retry_ms) }) : "";
}

function showNotice(id, text) {
  setText(find(`${id}_text`), text);
  find(id).hidden = text === "";
  if (text) announce(text);
}

for (const id of ["gap", "problem"]) {
  find(`${id}_close`).addEventListener("click", () => (find(id).hidden = true));
}

let gap = null;

function writeGap() {
  const parts = [t("gap_away", { time: duration(gap.away_ms) })];
  if (gap.hasRestarted) parts.push(t("gap_restarted"));
  for (const [kind, count] of Object.entries(gap.counts)) parts.push(t(`gap_${kind}`, { count }));
  showNotice("gap", parts.join(t("comma")));
}

/** Live again after a loss. */
export function tellBack({ away_ms }) {
  gap = { away_ms, hasRestarted: false, counts: {} };
  writeGap();
}

/** How many reports of a kind were not received; null where a restart began the count anew. */
export function tellMissed({ kind, count, hasRestarted }) {
  gap.hasRestarted ||= hasRestarted;
  if (count !== null) gap.counts[kind] = count;
  writeGap();
}

/** Something that the booth or a device refused: in the reader's words where there are some. */
export function tellProblem({ code, message }) {
  const word = `error_${code}`;
  showNotice("problem", hasWord(word) ? t(word) : message);
}

export const forgetProblem = () => showNotice("problem", "");
