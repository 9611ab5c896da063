// Why a card has no numbers. The first reason that holds is the one that is shown.

/** @import { AudioReport, Features, StateOf, VisualReport } from "./wire.js" */

/**
 * What a card depends on beside its report.
 * @typedef {object} Context
 * @property {StateOf | null} state of the stream, where it is known
 * @property {Features | undefined} features what is analysed, where it is known
 * @property {boolean} isOld reports should have come meanwhile
 * @property {boolean} [hasDevice] false: there is no device here
 */

/**
 * The word for why nothing can be shown at all, or null.
 * @param {"video" | "audio"} media
 * @param {unknown} report
 * @param {Context} context
 */
export function reasonNothing(media, report, { state, features, isOld, hasDevice }) {
  if (state?.profile === "unchosen") return "waits_for_policy";
  if (features && !features[media]) return media === "video" ? "off_video" : "off_audio";
  if (state?.paused) return "paused";
  if (state && !state.analysing && state.require_consent && !state.session) return "waits_for_consent";
  if (hasDevice === false) return media === "video" ? "no_camera" : "no_microphone";
  if (!report) return "no_data";
  return isOld ? "old" : null;
}

/**
 * The same for a card of the face.
 * @param {VisualReport | null} report
 * @param {Context} context
 * @param {keyof Features} feature the switch that the card depends on
 */
export function reasonNoFace(report, context, feature) {
  const nothing = reasonNothing("video", report, context);
  if (nothing || !report) return nothing;
  if (context.features && !context.features[feature]) return "off";
  if (report.quality?.verdict === "turned") return "turned";
  if (report.face_detected) return null;
  return report.quality?.verdict === "still_picture" ? "still_picture" : "no_face";
}

/**
 * The same for the gaze, which also needs eyes that are seen.
 * @param {VisualReport | null} report
 * @param {Context} context
 */
export function reasonNoGaze(report, context) {
  const reason = reasonNoFace(report, context, "gaze");
  if (reason) return reason;
  return report?.reasons?.gaze === "eyes_covered" ? "eyes_covered" : null;
}

/**
 * The same for the expression, which also needs a picture good enough.
 * @param {VisualReport | null} report
 * @param {Context} context
 */
export function reasonNoExpression(report, context) {
  const reason = reasonNoFace(report, context, "face_emotion");
  if (reason || !report) return reason;
  const verdict = report.reasons?.dominant_emotion ?? report.quality?.verdict;
  return verdict && verdict !== "good" && !report.emotion_distribution ? verdict : null;
}

/**
 * The same for the actions of the face, which also need a face that is seen from the front, and its rest.
 * @param {VisualReport | null} report
 * @param {Context} context
 */
export function reasonNoActions(report, context) {
  const reason = reasonNoFace(report, context, "face_actions");
  if (reason || report?.face_actions) return reason;
  return report?.reasons?.face_actions ?? "no_data";
}

/**
 * The same for the voice. Silence has a volume; only what needs speech is missing.
 * @param {AudioReport | null} report
 * @param {Context} context
 */
export function reasonNoVoice(report, context) {
  return reasonNothing("audio", report, context) ?? (report?.audio_detected ? null : "no_voice");
}
