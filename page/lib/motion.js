// The cards of the head and of the eyes: where they point now, and how that was lately.

import { Card } from "./card.js";
import { Dial } from "./dial.js";
import { find, setText } from "./dom.js";
import { degrees, isNumber, NONE, percent, share, whole, yesNo } from "./format.js";
import { Numbers } from "./numbers.js";
import { reasonNoFace, reasonNoGaze } from "./reason.js";
import { Trend } from "./trend.js";
import { t } from "./words.js";

/** @import { Angles } from "./dial.js" */
/** @import { Row } from "./numbers.js" */
/** @import { Context } from "./reason.js" */
/** @import { Line } from "./trend.js" */
/** @import { VisualReport } from "./wire.js" */

/** What the default of `eye_contact.cone_deg` is to the side and upwards; the card's words are the booth's own verdict. */
const CONE_DEG = { yaw: 11.7, pitch: 17.7 };

/** Reasons that leave other numbers of the card to be shown. */
const SHOWN = [null, "old", "off", "eyes_covered"];

/** @type {Row<VisualReport>[]} */
const HEAD_ROWS = [
  { word: "yaw", value: (r) => r.head_pose?.yaw_deg, format: degrees },
  { word: "pitch_head", value: (r) => r.head_pose?.pitch_deg, format: degrees },
  { word: "roll", value: (r) => r.head_pose?.roll_deg, format: degrees },
  { word: "head_stability", value: (r) => r.head_pose_stability, format: percent, unit: "%", bar: true, why: (r) => (r.head_pose ? "needs_3_frames" : null) },
  { word: "deviation", value: (r) => r.horizontal_deviation, format: percent, unit: "%", bar: true },
  { word: "face_count", value: (r) => r.face_count },
];

/** @type {Pick<Line<VisualReport>, "scale" | "range" | "digits" | "unit">} */
const ANGLE = { scale: "deg", range: [-45, 45], digits: 0, unit: "deg" };

/** @type {Line<VisualReport>[]} */
const HEAD_LINES = [
  { word: "yaw", value: (r) => r.head_pose?.yaw_deg, ...ANGLE },
  { word: "pitch_head", value: (r) => r.head_pose?.pitch_deg, ...ANGLE },
  { word: "roll", value: (r) => r.head_pose?.roll_deg, ...ANGLE },
];

/** @type {Row<VisualReport>[]} */
const GAZE_ROWS = [
  { word: "yaw", value: (r) => r.gaze?.yaw_deg, format: degrees, why: shut },
  { word: "pitch_head", value: (r) => r.gaze?.pitch_deg, format: degrees, why: shut },
  { word: "gaze_confidence", value: (r) => r.gaze?.confidence, format: percent, unit: "%", bar: true },
  { word: "eye_contact_ratio", value: (r) => r.eye_contact_ratio, format: percent, unit: "%", bar: true },
  { word: "blink", value: (r) => r.blink, format: yesNo, why: () => "needs_5_frames" },
  { word: "blink_rate", value: (r) => r.blink_rate_per_min, format: whole, unit: "per_min", why: () => "needs_8_fps" },
  { word: "mouth", value: (r) => r.mouth_open_ratio, format: percent, unit: "%" },
];

/** @type {Line<VisualReport>[]} */
const GAZE_LINES = [{ word: "eye_contact_ratio", value: (r) => r.eye_contact_ratio }];

/** @param {VisualReport} report */
function shut(report) {
  return report.blink ? "eyes_shut" : null;
}

/**
 * "12° left, 3° up", as the picture shows it.
 * @param {Angles | null | undefined} angles
 */
function direction(angles) {
  if (!isNumber(angles?.yaw_deg) || !isNumber(angles.pitch_deg)) return NONE;
  const [x, y] = [Math.round(angles.yaw_deg), Math.round(angles.pitch_deg)];
  const side = x === 0 ? t("straight") : t(x > 0 ? "to_left" : "to_right", { deg: Math.abs(x) });
  return y === 0 ? side : `${side} · ${t(y > 0 ? "upwards" : "downwards", { deg: Math.abs(y) })}`;
}

/**
 * The booth's flag and its probability as one statement. The flag is a wider cone with hysteresis, so
 * it may stand while contact is improbable: then neither is certain.
 * @param {VisualReport | null} report
 * @returns {"contact_unknown" | "contact_no" | "contact_unsure" | "contact_yes"}
 */
function contactWord(report) {
  const { eye_contact: isMade, eye_contact_probability: probability } = report ?? {};
  if (typeof isMade !== "boolean") return "contact_unknown";
  if (isNumber(probability) && isMade !== probability >= 0.5) return "contact_unsure";
  return isMade ? "contact_yes" : "contact_no";
}

export class HeadCard {
  constructor() {
    this.card = new Card("motion");
    this.dial = new Dial(find("motion_dial"), { range_deg: 45, hasRoll: true });
    this.numbers = new Numbers(find("motion_numbers"), HEAD_ROWS);
    this.trend = new Trend(find("motion_trend"), { lines: HEAD_LINES });
  }

  /** @param {VisualReport} report */
  add(report) {
    this.trend.add(report);
  }

  /** @param {VisualReport | null} report @param {Context} context */
  show(report, context) {
    const reason = reasonNoFace(report, context, "head_pose");
    const shown = SHOWN.includes(reason) || reason === "no_face" ? report : null;
    this.card.update(reason, "face_yes", { isOld: context.isOld && Boolean(report), isAnnounced: true });
    const words = direction(shown?.head_pose);
    setText(find("motion_words"), words);
    this.dial.show(shown?.head_pose ?? null, `${t("motion")}: ${words}`);
    this.numbers.show(shown);
    this.trend.describe();
  }
}

export class GazeCard {
  constructor() {
    this.card = new Card("gaze");
    this.dial = new Dial(find("gaze_dial"), { range_deg: 45, cone_deg: CONE_DEG });
    this.numbers = new Numbers(find("gaze_numbers"), GAZE_ROWS);
    this.trend = new Trend(find("gaze_trend"), { lines: GAZE_LINES });
  }

  /** @param {VisualReport} report */
  add(report) {
    this.trend.add(report);
  }

  /** @param {VisualReport | null} report @param {Context} context */
  show(report, context) {
    const reason = reasonNoGaze(report, context);
    const shown = SHOWN.includes(reason) ? report : null;
    const contact = contactWord(shown);
    this.card.update(reason, contact, {
      isOld: context.isOld && Boolean(report),
      isNeutral: contact !== "contact_yes",
      values: { probability: share(shown?.eye_contact_probability) },
    });
    const words = direction(shown?.gaze);
    setText(find("gaze_words"), words);
    this.dial.show(shown?.gaze ?? null, `${t("gaze")}: ${words}`, contact === "contact_yes");
    this.numbers.show(shown);
    this.trend.describe();
  }
}
