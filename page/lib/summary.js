// A session as a page that can be printed: every metric's mean, range and time covered, and what
// the numbers do not show. No score: there is none.

import { element, find, findDialog } from "./dom.js";
import { duration, fixed, isNumber, known, moment, NONE } from "./format.js";
import { ACTION_METRICS, EXPRESSION_METRICS, FACE_METRICS, VOICE_METRICS } from "./metrics.js";
import { hasWord, t } from "./words.js";

/** @import { Metric } from "./metrics.js" */
/** @import { SessionSummary } from "./wire.js" */

/**
 * A `session_summary`, or a stored session (whose `summary` may be null).
 * @typedef {object} Session
 * @property {string} session_id
 * @property {string | null} [subject_ref]
 * @property {number | null} [started_at]
 * @property {number | null} [ended_at]
 * @property {number | null} [consent_at]
 * @property {string | null} [notice_version]
 * @property {string} [state]
 * @property {any} [features]
 * @property {any} [summary]
 */

/** A statistic of one metric; one of an older booth has its time in seconds. */
/** @typedef {{mean: number, min: number, max: number, covered_ms?: number, covered_s?: number}} Statistic */

/** @type {[word: string, rows: Metric[]][]} */
const SECTIONS = [
  ["face_section", FACE_METRICS], ["expression_section", EXPRESSION_METRICS], ["actions_section", ACTION_METRICS], ["voice_section", VOICE_METRICS],
];

/** @param {Statistic} statistic */
function covered({ covered_ms, covered_s }) {
  if (known(covered_ms)) return duration(covered_ms);
  return known(covered_s) ? duration(covered_s * 1000) : NONE;
}

/** @param {Metric} metric @param {Record<string, Statistic>} metrics */
function row({ key, word, unit, digits, factor = 1, mean_unit = unit, mean_digits = digits }, metrics) {
  const statistic = metrics[key];
  /** @param {unknown} value @param {number} places */
  const number = (value, places) => fixed(places)(isNumber(value) ? value * factor : value);
  const cells = statistic && typeof statistic === "object"
    ? [number(statistic.mean, mean_digits), `${number(statistic.min, digits)} … ${number(statistic.max, digits)}`, covered(statistic)]
    : [NONE, NONE, NONE];
  const title = hasWord(word) ? t(word) : key;
  const head = element("th", { scope: "row", text: title }, mean_unit ? element("small", { text: t(mean_unit) }) : null);
  return element("tr", {}, head, ...cells.map((text) => element("td", { text })));
}

/**
 * Metrics that this page has no name for are shown under their own.
 * @param {Record<string, Statistic>} metrics
 * @returns {Metric[]}
 */
function unnamed(metrics) {
  const named = new Set(SECTIONS.flatMap(([, rows]) => rows.map(({ key }) => key)));
  return Object.keys(metrics).filter((key) => !named.has(key)).map((key) => ({ key, word: key, unit: "", digits: 2 }));
}

/** @param {string} word @param {Metric[]} rows @param {Record<string, Statistic>} metrics */
function table(word, rows, metrics) {
  const head = ["metric", "mean", "range", "covered"].map((name) => element("th", { scope: "col", text: t(name) }));
  return element("section", { class: "scroller", tabindex: "0", "aria-label": t(word) }, element("table", {},
    element("caption", { text: t(word) }), element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map((each) => row(each, metrics)))));
}

/** @param {Session} session @returns {[word: string, value: string][]} */
function facts(session) {
  /** @type {Partial<SessionSummary>} */
  const s = session.summary ?? session;
  const ended = session.ended_at ?? s.ended_at;
  const began = session.started_at ?? s.started_at;
  const off = Object.entries(session.features ?? {}).filter(([name, isOn]) => !isOn && name !== "preview");
  const consent = known(session.consent_at)
    ? `${moment(session.consent_at)} · ${t("notice_version", { version: session.notice_version })}`
    : t("consent_none");
  /** @type {[string, string | null | undefined][]} */
  const all = [
    ["subject_ref", session.subject_ref], ["session_id", session.session_id], ["started_at", known(began) ? moment(began) : null],
    ["ended_at", known(ended) ? moment(ended) : t(session.state ?? "running")],
    ["duration", known(ended) && known(began) ? duration(s.duration_ms ?? ended - began) : null],
    ["consent", consent],
    ["switched_off", off.map(([name]) => t(`switch_${name}`)).join(", ") || t("nothing")],
    ["frames", counted(s.frames_total, s.dropped_frames)], ["segments", counted(s.segments_total, s.dropped_segments)],
  ];
  return all.flatMap(([word, value]) => (known(value) ? [[word, value]] : []));
}

/** @param {number | undefined} total @param {number | undefined} dropped */
function counted(total, dropped) {
  return known(total) ? t("counted", { total, dropped: dropped ?? 0 }) : null;
}

/** @param {Session} session */
export function showSummary(session) {
  /** @type {Record<string, Statistic>} */
  const metrics = (session.summary ?? session).metrics ?? {};
  const rows = facts(session).map(([word, value]) => element("div", {}, element("dt", { text: t(word) }), element("dd", { text: value })));
  // The actions of the face are off by default: ten empty rows would be of no use.
  const hasActions = ACTION_METRICS.some(({ key }) => metrics[key]);
  const tables = SECTIONS.filter(([, each]) => each !== ACTION_METRICS || hasActions).map(([word, each]) => table(word, each, metrics));
  const others = unnamed(metrics);
  if (others.length > 0) tables.push(table("other_section", others, metrics));
  const isEmpty = Object.keys(metrics).length === 0;
  find("summary_body").replaceChildren(
    element("dl", { class: "facts" }, ...rows),
    ...(isEmpty ? [element("p", { class: "note", text: t("summary_empty") })] : tables),
    element("h3", { text: t("limits_title") }),
    element("ul", { class: "limits" }, ...["limit_1", "limit_2", "limit_3", "limit_4"].map((word) => element("li", { text: t(word) }))),
  );
  const dialog = findDialog("summary");
  if (!dialog.open) dialog.showModal();
}

find("summary_print").addEventListener("click", () => window.print());
