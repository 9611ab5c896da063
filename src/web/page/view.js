// Puts reports and health on the page. What is null is shown as "–", never as 0.

import { t } from "./words.js";

const NONE = "–";
const EXPRESSIONS = ["neutral", "happy", "surprise", "sad", "angry", "fear", "disgust"];
const find = (id) => document.getElementById(id);

const known = (value) => value !== null && value !== undefined;
const fixed = (digits) => (value) => value.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1");
const percent = (value) => `${Math.round(value * 100)}`;
const degrees = (value) => `${fixed(0)(value)}°`;
const angles = (...values) => (values.every(known) ? values.map(degrees).join(" / ") : null);
const yesNo = (value) => t(value ? "yes" : "no");
const whole = fixed(0);

function element(name, text, className) {
  const made = document.createElement(name);
  if (known(text)) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Rows of [word, value, format, unit]. */
function showNumbers(list, rows) {
  list.replaceChildren(...rows.map(([word, value, format = String, unit = ""]) => {
    const row = element("div");
    const shown = element("dd", known(value) ? format(value) : NONE);
    if (known(value) && unit) shown.append(element("small", unit));
    row.append(element("dt", t(word)), shown);
    return row;
  }));
}

function showExpression(distribution, dominant) {
  find("expression").replaceChildren(...EXPRESSIONS.map((label) => {
    const share = distribution?.[label];
    const item = element("li", null, label === dominant ? "top" : "");
    const bar = element("b");
    const fill = element("i");
    fill.style.setProperty("--share", share ?? 0);
    bar.append(fill);
    item.append(element("span", t(label)), bar, element("span", known(share) ? `${percent(share)}%` : NONE));
    return item;
  }));
}

function expressionNote(report, features) {
  if (!features?.face_emotion && features) return t("off");
  const verdict = report?.quality?.verdict;
  return verdict && verdict !== "good" ? t(verdict) : "";
}

/** The line under a title: whether somebody is there, and whether that is news. */
function showState(name, report, isThere, isOld) {
  const state = find(`${name}_state`);
  state.dataset.state = isThere && !isOld ? "yes" : "none";
  state.textContent = t(!report ? "no_data" : isOld ? "old" : `${name}_${isThere ? "yes" : "no"}`);
  find(name).classList.toggle("stale", Boolean(report) && isOld);
}

export function showFace(report, features, isOld) {
  const r = report ?? {};
  showState("face", report, r.face_detected, isOld);
  showExpression(r.emotion_distribution, r.dominant_emotion);
  find("expression_note").textContent = expressionNote(report, features);
  const pose = r.head_pose ?? {};
  const gaze = r.gaze ?? {};
  showNumbers(find("face_numbers"), [
    ["head_pose", angles(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)],
    ["gaze", angles(gaze.yaw_deg, gaze.pitch_deg)],
    ["eye_contact", r.eye_contact, yesNo],
    ["eye_contact_ratio", r.eye_contact_ratio, percent, "%"],
    ["head_stability", r.head_pose_stability, fixed(2)],
    ["emotion_stability", r.emotion_stability, fixed(2)],
    ["blink", r.blink, yesNo],
    ["blink_rate", r.blink_rate_per_min, whole, t("per_min")],
    ["mouth", r.mouth_open_ratio, fixed(2)],
    ["face_count", r.face_count],
    ["latency", r.performance_metrics?.total_time_ms, whole, "ms"],
  ]);
}

export function showVoice(report, isOld) {
  const r = report ?? {};
  showState("voice", report, r.audio_detected, isOld);
  // -60 dB of full scale is an empty bar, 0 dB a full one.
  const level = known(r.volume_dbfs) ? Math.min(1, Math.max(0, 1 + r.volume_dbfs / 60)) : 0;
  find("level").style.setProperty("--share", level);
  showNumbers(find("voice_numbers"), [
    ["volume", r.volume_dbfs, fixed(1), "dBFS"],
    ["speech_ratio", r.speech_ratio, percent, "%"],
    ["pitch", r.pitch_mean, whole, "Hz"],
    ["pitch_range", r.pitch_range, whole, "Hz"],
    ["speech_rate", r.speech_rate, whole, t("syllables")],
    ["clarity", r.clarity_score, fixed(2)],
    ["pauses", r.pause_count],
    ["longest_pause", r.longest_pause_ms, whole, "ms"],
    ["voice_emotion", r.emotion, t],
    ["arousal", r.arousal, fixed(2)],
    ["clipping", r.clipping_ratio, (value) => fixed(1)(value * 100), "%"],
    ["latency", r.performance_metrics?.total_time_ms, whole, "ms"],
  ]);
}

function stageItem([name, stage]) {
  const item = element("li", `${t(name)} · ${t(stage.state)}`);
  item.dataset.state = stage.state;
  const source = [stage.demo ? t("demo_clip") : null, stage.source].filter(Boolean).join(" · ");
  if (source) item.append(element("small", source));
  const counts = [["dropped", stage.dropped_total], ["restarts", stage.restarts_total], ["errors", stage.errors_total]]
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${t(word)} ${count}`);
  if (counts.length) item.append(element("small", counts.join(" · ")));
  if (stage.error) item.append(element("small", stage.error, "bad"));
  return item;
}

function duration(seconds) {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min ${s} s` : `${s} s`;
}

/** `health` is null when it could not be read. */
export function showHealth(health) {
  const note = find("health_note");
  note.classList.toggle("bad", !health);
  if (!health) {
    note.textContent = t("health_lost");
    return;
  }
  const stages = ["camera", "microphone", "vision", "speech"].map((name) => [name, health[name]]);
  find("stages").replaceChildren(...stages.map(stageItem));
  find("booth").textContent = health.booth_id;
  note.textContent = `${t("uptime")} ${duration(health.uptime_s)} · boothd ${health.version}`;
}

export function showLink(state) {
  find("link").dataset.state = state;
  find("link").textContent = t(state);
}

export function showDemo(isDemo) {
  find("demo").hidden = !isDemo;
  find("demo").textContent = t("demo");
}

/** The form for the token; `isWrong` says why it is asked for again. */
export function showEntry(isShown, isWrong) {
  find("entry").hidden = !isShown;
  find("entry_error").hidden = !isWrong;
  find("entry_error").textContent = t("token_wrong");
  if (isShown) find("token").focus();
}
