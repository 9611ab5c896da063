// The card of the voice: how loud, how high, how fast, how clear, and a trace of the last minutes.

import { Card } from "./card.js";
import { find } from "./dom.js";
import { fixed, known, percent, whole } from "./format.js";
import { Numbers } from "./numbers.js";
import { reasonNoVoice } from "./reason.js";
import { Trend } from "./trend.js";
import { t } from "./words.js";

/** -60 dB of full scale is an empty bar, 0 dB a full one. */
const QUIET_DBFS = -60;

/** Says why a metric is null, as the report does. */
function because(name) {
  return (report) => report.reasons?.[name];
}

const LOUDNESS = [{
  word: "volume", value: (r) => (known(r.volume_dbfs) ? 1 - r.volume_dbfs / QUIET_DBFS : null),
  format: (share) => fixed(1)((1 - share) * QUIET_DBFS), unit: "dBFS", bar: true, why: () => "digital_silence",
}];

const RATIOS = [
  { word: "speech_ratio", value: (r) => r.speech_ratio, format: percent, unit: "%", bar: true },
  { word: "clarity", value: (r) => r.clarity_score, format: percent, unit: "%", bar: true, why: because("clarity_score") },
];

const NUMBERS = [
  { word: "speech_rate", value: (r) => r.speech_rate, format: whole, unit: "bpm", why: because("speech_rate") },
  { word: "pitch", value: (r) => r.pitch_mean, format: whole, unit: "Hz", why: because("pitch_mean") },
  { word: "pitch_range", value: (r) => r.pitch_range, format: whole, unit: "Hz", why: because("pitch_range") },
  { word: "pauses", value: (r) => r.pause_count, why: because("pause_count") },
  { word: "longest_pause", value: (r) => r.longest_pause_ms, format: (ms) => fixed(1)(ms / 1000), unit: "unit_s", why: because("longest_pause_ms") },
  { word: "sound_quality", value: (r) => r.quality?.verdict, format: (verdict) => t(`sound_${verdict}`), why: (r) => (r.audio_detected ? null : "no_speech") },
  { word: "clipping", value: (r) => r.clipping_ratio, format: (share) => fixed(1)(share * 100), unit: "%" },
];

/** What needs the speaker's own baseline, or the switch. */
const FEELING = [
  { word: "voice_emotion", value: (r) => r.emotion, format: (label) => t(label), why: missing },
  { word: "voice_confidence", value: (r) => r.emotion_confidence, format: percent, unit: "%", bar: true },
  { word: "arousal", value: (r) => r.arousal, format: fixed(2), why: missing },
];

function missing(report) {
  return report.features && !report.features.voice_emotion ? "off" : "needs_15_s";
}

const LINES = [
  { word: "pitch", value: (r) => r.pitch_mean, scale: "hz", range: [50, 400], digits: 0, unit: "Hz" },
  { word: "volume", value: (r) => r.volume_dbfs, scale: "db", range: [QUIET_DBFS, 0], digits: 0, unit: "dBFS" },
];

export class VoiceCard {
  constructor() {
    this.card = new Card("voice");
    this.lists = [
      new Numbers(find("voice_levels"), [...LOUDNESS, ...RATIOS]),
      new Numbers(find("voice_numbers"), NUMBERS),
      new Numbers(find("voice_feeling"), FEELING),
    ];
    this.trend = new Trend(find("voice_trend"), { lines: LINES, height_px: 150, axes: true });
  }

  add(report) {
    this.trend.add(report);
  }

  show(report, context) {
    const reason = reasonNoVoice(report, context);
    const isShown = reason === null || reason === "old" || reason === "no_voice";
    const shown = isShown && report ? { features: context.features, ...report } : null;
    this.card.tell(reason, "voice_yes", { isOld: context.isOld && Boolean(report), tells: true });
    for (const list of this.lists) list.show(shown);
    this.trend.tell();
  }
}
