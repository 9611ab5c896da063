// A session as a page that can be printed: every metric's mean, range and time covered, and what
// the numbers do not say. No score: there is none.

import { element, find } from "./dom.js";
import { duration, fixed, known, moment, NONE } from "./format.js";
import { ACTIONS, EXPRESSIONS } from "./expression.js";
import { hasWord, t } from "./words.js";

/** [name in the summary, word, unit, factor, digits], by section. */
const FACE = [
  ["face_present_ratio", "face_present", "%", 100, 0], ["head_pose.yaw_deg", "head_yaw", "deg", 1, 1],
  ["head_pose.pitch_deg", "head_pitch", "deg", 1, 1], ["head_pose.roll_deg", "head_roll", "deg", 1, 1],
  ["head_pose_stability", "head_stability", "%", 100, 0], ["horizontal_deviation", "deviation", "%", 100, 0],
  ["gaze.yaw_deg", "gaze_yaw", "deg", 1, 1], ["gaze.pitch_deg", "gaze_pitch", "deg", 1, 1],
  ["eye_contact_ratio", "eye_contact_ratio", "%", 100, 0], ["blink_rate_per_min", "blink_rate", "per_min", 1, 1],
  ["mouth_open_ratio", "mouth", "%", 100, 0],
];
const EXPRESSION = [
  ...EXPRESSIONS.map((label) => [label, label, "%", 100, 0]), ["emotion_stability", "emotion_stability", "%", 100, 0],
];
const FACE_ACTIONS = ACTIONS.map((name) => [`face_actions.${name}`, `action_${name}`, "%", 100, 0]);
const VOICE = [
  ["speech_ratio", "speech_ratio", "%", 100, 0], ["speech_rate", "speech_rate", "bpm", 1, 0],
  ["articulation_rate", "articulation_rate", "per_s", 1, 1], ["pitch_mean", "pitch", "Hz", 1, 0],
  ["pitch_median", "pitch_median", "Hz", 1, 0], ["pitch_range", "pitch_range", "Hz", 1, 0],
  ["pitch_variance", "pitch_variance", "Hz²", 1, 0], ["volume_dbfs", "volume", "dBFS", 1, 1],
  ["volume_mean", "volume_linear", "", 1, 3], ["clarity_score", "clarity", "%", 100, 0],
  ["spectral_centroid_hz", "centroid", "Hz", 1, 0], ["arousal", "arousal", "", 1, 2],
  ["pause_count", "pauses", "per_segment", 1, 1], ["longest_pause_ms", "longest_pause", "ms", 1, 0],
  ["clipping_ratio", "clipping", "%", 100, 1],
];
const SECTIONS = [["face_section", FACE], ["expression_section", EXPRESSION], ["actions_section", FACE_ACTIONS], ["voice_section", VOICE]];

const COVERED = [["covered_ms", 1], ["covered_s", 1000]];

function coveredMs(statistic) {
  const found = COVERED.find(([field]) => known(statistic[field]));
  return found ? statistic[found[0]] * found[1] : null;
}

function row([name, word, unit, factor, digits], metrics) {
  const statistic = metrics[name];
  const number = (value) => (known(value) ? fixed(digits)(value * factor) : NONE);
  const covered = statistic ? coveredMs(statistic) : null;
  const cells = statistic && typeof statistic === "object"
    ? [number(statistic.mean), `${number(statistic.min)} … ${number(statistic.max)}`, known(covered) ? duration(covered) : NONE]
    : [NONE, NONE, NONE];
  const title = hasWord(word) ? t(word) : name;
  const head = element("th", { scope: "row", text: title }, unit ? element("small", { text: hasWord(unit) ? t(unit) : unit }) : null);
  return element("tr", {}, head, ...cells.map((text) => element("td", { text })));
}

/** Metrics that this page has no name for are shown under their own. */
function unnamed(metrics) {
  const named = new Set(SECTIONS.flatMap(([, rows]) => rows.map(([name]) => name)));
  return Object.keys(metrics).filter((name) => !named.has(name)).map((name) => [name, name, "", 1, 2]);
}

function table(word, rows, metrics) {
  const head = ["metric", "mean", "range", "covered"].map((name) => element("th", { scope: "col", text: t(name) }));
  return element("section", { class: "scroller", tabindex: "0", "aria-label": t(word) }, element("table", {},
    element("caption", { text: t(word) }), element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map((each) => row(each, metrics)))));
}

function facts(session) {
  const s = session.summary ?? session;
  const ended = session.ended_at ?? s.ended_at;
  const began = session.started_at ?? s.started_at;
  const off = Object.entries(session.features ?? {}).filter(([name, isOn]) => !isOn && name !== "preview");
  return [
    ["subject_ref", session.subject_ref], ["session_id", session.session_id], ["started_at", known(began) ? moment(began) : null],
    ["ended_at", known(ended) ? moment(ended) : t(session.state ?? "running")],
    ["duration", known(ended) && known(began) ? duration(s.duration_ms ?? ended - began) : null],
    ["consent", known(session.consent_at) ? `${moment(session.consent_at)} · ${t("notice_version", { version: session.notice_version })}` : t("consent_none")],
    ["switched_off", off.map(([name]) => t(`switch_${name}`)).join(", ") || t("nothing")],
    ["frames", counted(s.frames_total, s.dropped_frames)], ["segments", counted(s.segments_total, s.dropped_segments)],
  ].filter(([, value]) => known(value));
}

function counted(total, dropped) {
  return known(total) ? t("counted", { total, dropped: dropped ?? 0 }) : null;
}

/** Shows a `session_summary`, or a stored session (whose `summary` may be null). */
export function showSummary(session) {
  const metrics = (session.summary ?? session).metrics ?? {};
  const rows = facts(session).map(([word, value]) => element("div", {}, element("dt", { text: t(word) }), element("dd", { text: value })));
  // The actions of the face are off by default: ten empty rows would say nothing.
  const hasActions = FACE_ACTIONS.some(([name]) => metrics[name]);
  const tables = SECTIONS.filter(([, each]) => each !== FACE_ACTIONS || hasActions).map(([word, each]) => table(word, each, metrics));
  const others = unnamed(metrics);
  if (others.length > 0) tables.push(table("other_section", others, metrics));
  const isEmpty = Object.keys(metrics).length === 0;
  find("summary_body").replaceChildren(
    element("dl", { class: "facts" }, ...rows),
    ...(isEmpty ? [element("p", { class: "note", text: t("summary_empty") })] : tables),
    element("h3", { text: t("limits_title") }),
    element("ul", { class: "limits" }, ...["limit_1", "limit_2", "limit_3", "limit_4"].map((word) => element("li", { text: t(word) }))),
  );
  if (!find("summary").open) find("summary").showModal();
}

find("summary_print").addEventListener("click", () => window.print());
