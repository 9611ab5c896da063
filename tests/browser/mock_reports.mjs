// Reports as the daemon writes them, with numbers that move, for the page tests.

const EXPRESSIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
const wave = (k, period, middle, swing) => middle + swing * Math.sin((2 * Math.PI * k) / period);

export const ALL_ON = { video: true, audio: true, face_emotion: true, face_actions: false, gaze: true, head_pose: true, voice_emotion: true, preview: false };

function performance_metrics() {
  return { analysis_time_ms: 31.2, total_time_ms: 44.9, timestamp: Date.now() };
}

/** The `k`th frame; `features` decides what is null. */
export function visual(k, features, more = {}) {
  const distribution = Object.fromEntries(EXPRESSIONS.map((label) => [label, 0.03]));
  distribution.happy = wave(k, 40, 0.4, 0.2);
  distribution.neutral = 1 - 0.03 * 5 - distribution.happy;
  const dominant = distribution.happy > distribution.neutral ? "happy" : "neutral";
  const emotion = features.face_emotion;
  const gaze = features.gaze ? { yaw_deg: wave(k, 30, 3, 14), pitch_deg: wave(k, 22, -2, 6), confidence: 0.9 } : null;
  const action = (period) => Math.max(0, wave(k, period, 0.2, 0.4));
  const face_actions = features.face_actions ? {
    smile: action(40), mouth_stretch: 0, upper_lip_raise: action(40) / 2, jaw_open: action(7), lip_pucker: 0, brow_up: action(33), brow_down: 0,
    eye_wide: k % 17 === 0 ? null : 0, eye_squint: k % 17 === 0 ? null : action(40) / 3, cheek_raise: action(40),
  } : null;
  return {
    face_actions, timestamp: Date.now(), processing_time: 31.2, face_detected: true,
    head_pose_stability: features.head_pose ? wave(k, 60, 0.86, 0.1) : null, horizontal_deviation: wave(k, 50, 0.1, 0.06),
    gaze_direction: gaze && { x: (gaze.yaw_deg / 45) * 100, y: (gaze.pitch_deg / 45) * 100 },
    dominant_emotion: emotion ? dominant : null, emotion_confidence: emotion ? distribution[dominant] : null,
    emotion_distribution: emotion ? distribution : null, emotion_stability: emotion ? wave(k, 70, 0.9, 0.06) : null,
    eye_contact_ratio: gaze && wave(k, 80, 0.74, 0.2), performance_metrics: performance_metrics(),
    head_pose: features.head_pose ? { yaw_deg: wave(k, 36, 4, 11), pitch_deg: wave(k, 28, -3, 7), roll_deg: wave(k, 44, 1, 6) } : null,
    gaze, eye_contact: gaze && Math.abs(gaze.yaw_deg) < 11.7, eye_contact_probability: gaze && 0.8, face_box: { x: 0.3, y: 0.2, width: 0.3, height: 0.4 }, face_count: 1,
    blink: k % 17 === 0, blink_rate_per_min: null, mouth_open_ratio: wave(k, 9, 0.12, 0.1), face_present_ratio: 1, cached: false,
    sequence: k, dropped_frames: 0, quality: { brightness: 0.52, sharpness: 88, face_px: 84, verdict: "good", covered: [] }, reasons: {}, demo_source: true,
    features, session_id: null, ...more,
  };
}

/** A frame in which nobody is. */
export function nobody(k, features) {
  const nulls = ["head_pose_stability", "horizontal_deviation", "gaze_direction", "dominant_emotion", "emotion_confidence",
    "emotion_distribution", "emotion_stability", "eye_contact_ratio", "head_pose", "face_actions", "gaze", "eye_contact", "eye_contact_probability", "face_box", "blink", "mouth_open_ratio"];
  return visual(k, features, { face_detected: false, face_count: 0, ...Object.fromEntries(nulls.map((name) => [name, null])) });
}

/** The `k`th segment. */
export function audio(k, features, more = {}) {
  const feels = features.voice_emotion && k > 15;
  return {
    timestamp: Date.now(), processing_time: 12.5, audio_detected: true, speech_rate: wave(k, 24, 228, 26), pitch_mean: wave(k, 14, 168, 32),
    pitch_variance: 640, volume_mean: 0.06, clarity_score: wave(k, 30, 0.68, 0.12), emotion: feels ? "activated" : null,
    emotion_confidence: feels ? 0.72 : null, performance_metrics: performance_metrics(), pitch_range: 94, pitch_median: 161,
    volume_dbfs: wave(k, 11, -24, 6), spectral_centroid_hz: 1450, speech_ratio: wave(k, 17, 0.7, 0.2), pause_count: 2, longest_pause_ms: 640,
    articulation_rate: 4.1, arousal: feels ? 0.41 : null, clipping_ratio: 0, quality: { verdict: "good", offset: 0.0001 }, reasons: {}, sequence: k, dropped_segments: 0, demo_source: true,
    features, session_id: null, ...more,
  };
}

/** What /health says; `stages` changes some of it. */
export function health(features, stages = {}) {
  const stage = (state, more = {}) => ({
    state, source: null, demo: false, last_media_ms_ago: 120, restarts_total: 0, dropped_total: 0, overruns_total: 0, errors_total: 0, error: null, ...more,
  });
  return {
    status: "healthy", version: "0.1.0", booth_id: "booth-12", uptime_s: 4210, demo: true, features, connections: 1, models: {},
    camera: stage("running", { demo: true, source: "face_640x480.mjpeg" }), microphone: stage("running", { demo: true, source: "speech_16k.wav" }),
    vision: stage("running", { dropped_total: 3 }), speech: stage("running"), store: stage("running"), ...stages,
  };
}

const statistic = (mean, min, max) => ({ count: 1200, mean, variance: 0.01, min, max, covered_ms: 598_000 });

/** What a session's summary holds. */
export const METRICS = {
  face_present_ratio: statistic(0.98, 0, 1), "head_pose.yaw_deg": statistic(3.4, -21, 25), "head_pose.pitch_deg": statistic(-2.1, -14, 9),
  "head_pose.roll_deg": statistic(0.8, -8, 12), head_pose_stability: statistic(0.83, 0.31, 0.98), horizontal_deviation: statistic(0.09, 0, 0.3),
  "gaze.yaw_deg": statistic(2.9, -31, 28), "gaze.pitch_deg": statistic(-3, -18, 11), eye_contact_ratio: statistic(0.71, 0, 1),
  mouth_open_ratio: statistic(0.14, 0, 0.6), neutral: statistic(0.55, 0.1, 0.9), happy: statistic(0.28, 0, 0.8), emotion_stability: statistic(0.9, 0.6, 1),
  speech_ratio: statistic(0.62, 0, 1), speech_rate: statistic(231, 140, 310), articulation_rate: statistic(3.9, 2.3, 5.2), pause_count: statistic(0.8, 0, 3), longest_pause_ms: statistic(520, 310, 1400), pitch_mean: statistic(167, 120, 240), volume_dbfs: statistic(-24.6, -51, -12),
  clarity_score: statistic(0.66, 0.2, 0.9), arousal: statistic(0.12, -0.6, 0.7), clipping_ratio: statistic(0, 0, 0.01), unheard: statistic(1, 0, 2),
};

/** Ten minutes of a session, a gap of half a minute in them. */
export function history(session_id) {
  const video = { columns: ["offset_s", "happy", "neutral", "emotion_stability", "head_yaw_deg", "gaze_yaw_deg", "head_pose_stability", "eye_contact_ratio", "face_present_ratio"], rows: [] };
  const audio = { columns: ["offset_s", "pitch_mean", "volume_dbfs"], rows: [] };
  for (let s = 0; s < 600; s += 1) {
    if (s > 300 && s < 330) continue;
    const wave = (period) => Math.sin((s / period) * 2 * Math.PI);
    const happy = 0.4 + 0.3 * wave(97);
    video.rows.push([s, happy, 0.9 - happy, 0.8 + 0.1 * wave(41), 8 * wave(60), 12 * wave(23), 0.85 + 0.1 * wave(70), 0.7 + 0.2 * wave(120), 1]);
    audio.rows.push([s, s % 9 < 3 ? null : 190 + 40 * wave(13), -28 + 8 * wave(17)]);
  }
  return { session_id, step_s: 1, lost_rows: 0, video, audio };
}

/** A frame of somebody with dark glasses. */
export function glasses(k, features) {
  const nulls = ["gaze_direction", "gaze", "eye_contact", "eye_contact_probability", "blink", "dominant_emotion", "emotion_confidence", "emotion_distribution"];
  const quality = { brightness: 0.52, sharpness: 88, face_px: 84, verdict: "occluded", covered: ["eyes"] };
  const reasons = Object.fromEntries(nulls.map((name) => [name, "eyes_covered"]));
  return visual(k, features, { ...Object.fromEntries(nulls.map((name) => [name, null])), quality, reasons });
}

/** A frame of a camera that hangs upside down. */
export function turned(k, features) {
  const quality = { brightness: 0.52, sharpness: 88, face_px: 84, verdict: "turned", covered: [] };
  return { ...nobody(k, features), face_detected: true, face_count: 1, quality };
}
