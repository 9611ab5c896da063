// The card of the voice: how loud, how high, how fast, how clear, and a trace of the last minutes.

import { Card } from "./card.js";
import { find } from "./dom.js";
import { fixed, isNumber, percent } from "./format.js";
import { VOICE_METRICS } from "./metrics.js";
import { Numbers } from "./numbers.js";
import { reasonNoVoice } from "./reason.js";
import { Trend } from "./trend.js";
import { t } from "./words.js";

/** @import { Metric } from "./metrics.js" */
/** @import { Row } from "./numbers.js" */
/** @import { Context } from "./reason.js" */
/** @import { Line } from "./trend.js" */
/** @import { AudioReport } from "./wire.js" */

/** @param {AudioReport} report @param {string} key @returns {unknown} */
const valueOf = (report, key) => /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (report))[key];

/**
 * A metric as a row of the card; the report has the reason where it is null.
 * @param {Metric} metric
 * @returns {Row<AudioReport>}
 */
function rowOf({ key, word, unit, digits, factor = 1, bar }) {
  /** @param {unknown} value */
  const format = (value) => fixed(digits)(isNumber(value) ? value * factor : value);
  const share = bar && ((/** @type {number} */ value) => (value - bar[0]) / (bar[1] - bar[0]));
  return { word, value: (report) => valueOf(report, key), format, unit, bar: share, why: because(key) };
}

/** @param {string} key @returns {(report: AudioReport) => string | undefined} */
const because = (key) => (report) => report.reasons?.[key];

/** @param {Metric["list"]} list */
const rowsOf = (list) => VOICE_METRICS.filter((metric) => metric.list === list).map(rowOf);

/** @type {Row<AudioReport>} */
const QUALITY = {
  word: "sound_quality", value: (r) => r.quality?.verdict, format: (verdict) => t(`sound_${verdict}`),
  why: (r) => (r.audio_detected ? null : "no_speech"),
};

/** @type {Row<AudioReport>[]} */
const STATE = [
  { word: "voice_emotion", value: (r) => r.emotion, format: (label) => t(label), why: because("emotion") },
  { word: "voice_confidence", value: (r) => r.emotion_confidence, format: percent, unit: "%", bar: true },
];

/** @type {Line<AudioReport>[]} */
const LINES = [
  { word: "pitch", value: (r) => r.pitch_mean, scale: "hz", range: [50, 400], digits: 0, unit: "Hz" },
  { word: "volume", value: (r) => r.volume_dbfs, scale: "db", range: [-60, 0], digits: 0, unit: "dBFS" },
];

export class VoiceCard {
  constructor() {
    this.card = new Card("voice");
    this.lists = [
      new Numbers(find("voice_levels"), rowsOf("levels")),
      new Numbers(find("voice_numbers"), [...rowsOf("numbers"), QUALITY]),
      new Numbers(find("voice_state_numbers"), [...STATE, ...rowsOf("state")]),
    ];
    this.trend = new Trend(find("voice_trend"), { lines: LINES, height_px: 150, axes: true });
  }

  /** @param {AudioReport} report */
  add(report) {
    this.trend.add(report);
  }

  /** @param {AudioReport | null} report @param {Context} context */
  show(report, context) {
    const reason = reasonNoVoice(report, context);
    const isShown = reason === null || reason === "old" || reason === "no_voice";
    this.card.update(reason, "voice_yes", { isOld: context.isOld && Boolean(report), isAnnounced: true });
    for (const list of this.lists) list.show(isShown ? report : null);
    this.trend.describe();
  }
}
