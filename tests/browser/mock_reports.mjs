// Documents as boothd sends them, with numbers that move, for the page tests. Each begins with an example
// that boothd's own code made (tests/page_examples.rs); schemas.mjs knows whether it still is one.

import { readFileSync } from "node:fs";

const EXAMPLES = JSON.parse(readFileSync(new URL("data/examples.json", import.meta.url), "utf8"));

const EXPRESSIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
const wave = (k, period, middle, swing) => middle + swing * Math.sin((2 * Math.PI * k) / period);

export const ALL_ON = { ...EXAMPLES.visual.features, face_actions: false, preview: false };

/** The state of the booth's stream, with everything of `more`. */
export const state = (more = {}) => ({ ...EXAMPLES.state, features: { ...ALL_ON }, allowed: { ...ALL_ON, face_actions: true }, ...more });

/** Null, and why. */
function without(report, names, reason) {
  for (const name of names) Object.assign(report, { [name]: null, reasons: { ...report.reasons, [name]: reason } });
  return report;
}

const GAZE = ["gaze", "gaze_direction", "eye_contact", "eye_contact_probability"];
const EXPRESSION = ["emotion_distribution", "dominant_emotion", "emotion_confidence"];

const common = (k, features) => ({ timestamp: Date.now(), sequence: k, features: { ...features } });

/** The `k`th frame; `features` decides what is null. */
export function visual(k, features, more = {}) {
  const distribution = Object.fromEntries(EXPRESSIONS.map((label) => [label, 0.03]));
  distribution.happy = wave(k, 40, 0.4, 0.2);
  distribution.neutral = 1 - 0.03 * 5 - distribution.happy;
  const dominant = distribution.happy > distribution.neutral ? "happy" : "neutral";
  const gaze = { yaw_deg: wave(k, 30, 3, 14), pitch_deg: wave(k, 22, -2, 6), confidence: 0.9 };
  const isContact = Math.abs(gaze.yaw_deg) < 11.7;
  const isShut = k % 17 === 0;
  const action = (period) => Math.max(0, wave(k, period, 0.2, 0.4));
  const report = {
    ...EXAMPLES.visual, ...common(k, features),
    head_pose_stability: wave(k, 60, 0.86, 0.1), horizontal_deviation: wave(k, 50, 0.1, 0.06),
    dominant_emotion: dominant, emotion_confidence: distribution[dominant], emotion_distribution: distribution, emotion_stability: wave(k, 70, 0.9, 0.06),
    eye_contact_ratio: wave(k, 80, 0.74, 0.2), eye_contact: isContact, eye_contact_probability: isContact ? 0.8 : 0.1,
    head_pose: { yaw_deg: wave(k, 36, 4, 11), pitch_deg: wave(k, 28, -3, 7), roll_deg: wave(k, 44, 1, 6) },
    gaze, gaze_direction: { x: (gaze.yaw_deg / 45) * 100, y: (gaze.pitch_deg / 45) * 100 },
    face_actions: {
      ...EXAMPLES.visual.face_actions, smile: action(40), upper_lip_raise: action(40) / 2, jaw_open: action(7), brow_up: action(33),
      eye_wide: isShut ? null : 0, eye_squint: isShut ? null : action(40) / 3, cheek_raise: action(40),
    },
    blink: isShut, blink_rate_per_min: null, mouth_open_ratio: wave(k, 9, 0.12, 0.1),
  };
  if (!features.face_emotion) without(report, EXPRESSION, "off").emotion_stability = null;
  if (!features.gaze) without(report, GAZE, "off").eye_contact_ratio = null;
  if (!features.head_pose) without(report, ["head_pose"], "off").head_pose_stability = null;
  if (!features.face_actions) without(report, ["face_actions"], "off");
  return { ...report, ...more };
}

/** A frame without a face. */
export const noFace = (k, features) => ({ ...EXAMPLES.no_face, ...common(k, features) });

/** A frame of a face with dark glasses. */
export const glasses = (k, features) => ({ ...EXAMPLES.glasses, ...common(k, features) });

/** A frame of a camera that hangs upside down. */
export const turned = (k, features) => ({ ...EXAMPLES.turned, ...common(k, features) });

/** The `k`th segment. */
export function audio(k, features, more = {}) {
  const report = {
    ...EXAMPLES.audio, ...common(k, features),
    speech_rate: wave(k, 24, 228, 26), pitch_mean: wave(k, 14, 168, 32), clarity_score: wave(k, 30, 0.68, 0.12),
    volume_dbfs: wave(k, 11, -24, 6), speech_ratio: wave(k, 17, 0.7, 0.2),
  };
  const feels = ["arousal", "emotion", "emotion_confidence"];
  if (!features.voice_emotion) without(report, feels, "off");
  else if (k <= 15) without(report, feels, "needs_15_s");
  return { ...report, ...more };
}

/** A segment without speech. */
export const silence = (k, features) => ({ ...EXAMPLES.silence, ...common(k, features) });

/** What /health answers; `parts` changes some of it: fields of a component, or a whole value. */
export function health(features, { findings = [], ...parts } = {}) {
  const { camera } = EXAMPLES.health;
  const made = {
    ...EXAMPLES.health, booth_id: "booth-12", demo: true, features: { ...features },
    camera: { ...camera, demo: true, source: "face_640x480.mjpeg", last_media_ms_ago: 120 },
    microphone: { ...EXAMPLES.health.microphone, demo: true, source: "speech_16k.wav", last_media_ms_ago: 120 },
    vision: { ...EXAMPLES.health.vision, dropped_total: 3 },
    findings: findings.map((finding) => ({ alert: true, ...finding })),
  };
  for (const [name, part] of Object.entries(parts)) made[name] = { ...(made[name] ?? camera), ...part };
  return made;
}

const statistic = (mean, min, max) => ({ ...Object.values(EXAMPLES.session_summary.metrics)[0], mean, min, max });

/** What a session's summary holds, and a metric that the page does not know. */
const METRICS = {
  ...EXAMPLES.session_summary.metrics,
  face_present_ratio: statistic(0.98, 0, 1), "head_pose.yaw_deg": statistic(3.4, -21, 25), "head_pose.pitch_deg": statistic(-2.1, -14, 9),
  "head_pose.roll_deg": statistic(0.8, -8, 12), head_pose_stability: statistic(0.83, 0.31, 0.98), horizontal_deviation: statistic(0.09, 0, 0.3),
  "gaze.yaw_deg": statistic(2.9, -31, 28), "gaze.pitch_deg": statistic(-3, -18, 11), eye_contact_ratio: statistic(0.71, 0, 1),
  mouth_open_ratio: statistic(0.14, 0, 0.6), neutral: statistic(0.55, 0.1, 0.9), happy: statistic(0.28, 0, 0.8), emotion_stability: statistic(0.9, 0.6, 1),
  speech_ratio: statistic(0.62, 0, 1), speech_rate: statistic(231, 140, 310), articulation_rate: statistic(3.9, 2.3, 5.2), pause_count: statistic(0.8, 0, 3), longest_pause_ms: statistic(520, 310, 1400), pitch_mean: statistic(167, 120, 240), volume_dbfs: statistic(-24.6, -51, -12),
  clarity_score: statistic(0.66, 0.2, 0.9), arousal: statistic(0.12, -0.6, 0.7), clipping_ratio: statistic(0, 0, 0.01), unnamed: statistic(1, 0, 2),
};

/** What `session_started` holds, of a session that a `start_session` with `consent` begins. */
export const started = (session_id, consent, more = {}) =>
  ({ ...EXAMPLES.session_started, subject_ref: null, ...consent, session_id, started_at: Date.now(), ...more });

/** What `session_summary` holds. */
export const summary = (session, features) => ({
  ...EXAMPLES.session_summary, ...session, ended_at: Date.now(), features: { ...features },
  duration_ms: 600_000, frames_total: 1200, dropped_frames: 4, segments_total: 598, dropped_segments: 0, metrics: METRICS,
});

/** The same as the list of sessions has it. */
export function record(ended) {
  const { session_id, subject_ref, started_at, ended_at, notice_version, consent_at, features } = ended;
  return { ...EXAMPLES.session, session_id, subject_ref, started_at, ended_at, notice_version, consent_at, features, summary: ended };
}

export const receipt = (session_id) => ({ ...EXAMPLES.receipt, erased_at: Date.now(), session_ids: [session_id] });

/** Rows of a series whose columns are the booth's own; those that `values` does not name are not known. */
const rowOf = ({ columns }, values) => columns.map((column) => values[column] ?? null);

/** Ten minutes of a session, a gap of half a minute in them. */
export function history(session_id) {
  const { video, audio } = EXAMPLES.history;
  const rows = { video: [], audio: [] };
  for (let s = 0; s < 600; s += 1) {
    if (s > 300 && s < 330) continue;
    const turn = (period) => Math.sin((s / period) * 2 * Math.PI);
    const happy = 0.4 + 0.3 * turn(97);
    rows.video.push(rowOf(video, {
      offset_s: s, happy, neutral: 0.9 - happy, emotion_stability: 0.8 + 0.1 * turn(41), head_yaw_deg: 8 * turn(60), gaze_yaw_deg: 12 * turn(23),
      head_pose_stability: 0.85 + 0.1 * turn(70), eye_contact_ratio: 0.7 + 0.2 * turn(120), face_present_ratio: 1,
    }));
    rows.audio.push(rowOf(audio, { offset_s: s, pitch_mean: s % 9 < 3 ? null : 190 + 40 * turn(13), volume_dbfs: -28 + 8 * turn(17) }));
  }
  return { ...EXAMPLES.history, session_id, step_s: 1, video: { ...video, rows: rows.video }, audio: { ...audio, rows: rows.audio } };
}
