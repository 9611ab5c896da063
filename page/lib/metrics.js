// The metrics by the names that they have in reports and summaries, in the order in which the pages
// show them: one row each. What to show of a metric is here; a new one is a new row.

/**
 * @typedef {object} Metric
 * @property {string} key its name in a summary; of the voice's also in a report
 * @property {string} word names it to people (lang/)
 * @property {string} unit a word of lang/, or the unit itself
 * @property {number} digits behind the point
 * @property {number} [factor] from the metric's own unit to `unit`
 * @property {"levels" | "numbers" | "state"} [list] the list of the voice's card in which it is shown live
 * @property {[from: number, to: number]} [bar] ends of the bar beneath it, in the metric's own unit
 * @property {number} [mean_digits] digits of a mean, where they differ
 * @property {string} [mean_unit] unit of a mean, where it differs
 */

/** In the order that they are read: the calm ones first. */
export const EXPRESSIONS = ["neutral", "happy", "surprise", "sad", "angry", "fear", "disgust"];

/** The actions of the face, from the brows to the jaw. */
export const ACTIONS = /** @type {const} */ ([
  "brow_up", "brow_down", "eye_wide", "eye_squint", "cheek_raise", "smile", "mouth_stretch", "upper_lip_raise", "lip_pucker", "jaw_open",
]);

/** @param {string} key @param {string} word @returns {Metric} */
const ratio = (key, word) => ({ key, word, unit: "%", factor: 100, digits: 0 });
/** @param {string} key @param {string} word @returns {Metric} */
const angle = (key, word) => ({ key, word, unit: "deg", digits: 1 });

/** @type {Metric[]} */
export const FACE_METRICS = [
  ratio("face_present_ratio", "face_present"),
  angle("head_pose.yaw_deg", "head_yaw"),
  angle("head_pose.pitch_deg", "head_pitch"),
  angle("head_pose.roll_deg", "head_roll"),
  ratio("head_pose_stability", "head_stability"),
  ratio("horizontal_deviation", "deviation"),
  angle("gaze.yaw_deg", "gaze_yaw"),
  angle("gaze.pitch_deg", "gaze_pitch"),
  ratio("eye_contact_ratio", "eye_contact_ratio"),
  { key: "blink_rate_per_min", word: "blink_rate", unit: "per_min", digits: 1 },
  ratio("mouth_open_ratio", "mouth"),
];

/** @type {Metric[]} */
export const EXPRESSION_METRICS = [...EXPRESSIONS.map((label) => ratio(label, label)), ratio("emotion_stability", "emotion_stability")];

/** @type {Metric[]} */
export const ACTION_METRICS = ACTIONS.map((name) => ratio(`face_actions.${name}`, `action_${name}`));

/** @type {Metric[]} */
export const VOICE_METRICS = [
  { key: "volume_dbfs", word: "volume", unit: "dBFS", digits: 1, list: "levels", bar: [-60, 0] },
  { key: "speech_ratio", word: "speech_ratio", unit: "%", factor: 100, digits: 0, list: "levels", bar: [0, 1] },
  { key: "clarity_score", word: "clarity", unit: "%", factor: 100, digits: 0, list: "levels", bar: [0, 1] },
  { key: "speech_rate", word: "speech_rate", unit: "bpm", digits: 0, list: "numbers" },
  { key: "articulation_rate", word: "articulation_rate", unit: "per_s", digits: 1 },
  { key: "pitch_mean", word: "pitch", unit: "Hz", digits: 0, list: "numbers" },
  { key: "pitch_median", word: "pitch_median", unit: "Hz", digits: 0 },
  { key: "pitch_range", word: "pitch_range", unit: "Hz", digits: 0, list: "numbers" },
  { key: "harmonics_to_noise_db", word: "harmonics_to_noise", unit: "dB", digits: 1, list: "numbers" },
  { key: "pitch_variance", word: "pitch_variance", unit: "Hz²", digits: 0 },
  { key: "pause_count", word: "pauses", unit: "", digits: 0, list: "numbers", mean_unit: "per_segment", mean_digits: 1 },
  { key: "longest_pause_ms", word: "longest_pause", unit: "unit_s", factor: 0.001, digits: 1, list: "numbers" },
  { key: "clipping_ratio", word: "clipping", unit: "%", factor: 100, digits: 1, list: "numbers" },
  { key: "volume_mean", word: "volume_linear", unit: "", digits: 3 },
  { key: "spectral_centroid_hz", word: "centroid", unit: "Hz", digits: 0 },
  { key: "arousal", word: "arousal", unit: "", digits: 2, list: "state" },
];
