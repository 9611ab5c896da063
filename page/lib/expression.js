// The card of the expression: 7 probabilities, the strongest of them, and how steady it is.

import { Card } from "./card.js";
import { element, find, setShare, setText } from "./dom.js";
import { known, NONE, percent } from "./format.js";
import { Numbers } from "./numbers.js";
import { reasonNoExpression } from "./reason.js";
import { Trend } from "./trend.js";
import { t } from "./words.js";

/** In the order that they are read: the calm ones first. */
export const EXPRESSIONS = ["neutral", "happy", "surprise", "sad", "angry", "fear", "disgust"];

/** The actions of the face, from the brows to the jaw. */
export const ACTIONS = [
  "brow_up", "brow_down", "eye_wide", "eye_squint", "cheek_raise", "smile", "mouth_stretch", "upper_lip_raise", "lip_pucker", "jaw_open",
];

const ROWS = [
  { word: "emotion_confidence", value: (r) => r.emotion_confidence, format: percent, unit: "%", bar: true },
  { word: "emotion_stability", value: (r) => r.emotion_stability, format: percent, unit: "%", bar: true },
];

const LINES = [
  { word: "emotion_confidence", value: (r) => r.emotion_confidence },
  { word: "emotion_stability", value: (r) => r.emotion_stability },
];

export class ExpressionCard {
  constructor() {
    this.card = new Card("expression");
    this.bars = EXPRESSIONS.map((label) => makeBar(label));
    find("expression_bars").replaceChildren(...this.bars.map((bar) => bar.line));
    this.numbers = new Numbers(find("expression_numbers"), ROWS);
    this.trend = new Trend(find("expression_trend"), { lines: LINES });
  }

  add(report) {
    this.trend.add(report);
  }

  show(report, context) {
    const reason = reasonNoExpression(report, context);
    const shown = reason === null || reason === "old" ? report : null;
    this.card.tell(reason, "face_yes", { isOld: context.isOld && Boolean(report) });
    const dominant = shown?.dominant_emotion;
    setText(find("dominant"), dominant ? t(dominant) : NONE);
    for (const { label, line, name, fill, number } of this.bars) {
      const share = shown?.emotion_distribution?.[label];
      line.classList.toggle("strongest", label === dominant);
      setText(name, t(label));
      setShare(fill, share);
      setText(number, known(share) ? `${percent(share)}%` : NONE);
    }
    this.numbers.show(shown);
    this.trend.tell();
  }
}

/** A line with a name, a bar and a number; also of the card of the actions. */
export function makeBar(label) {
  const [name, fill, number] = [element("span"), element("i"), element("span", { class: "number" })];
  const bar = element("b", { class: "bar", "aria-hidden": "true" }, fill);
  return { label, name, fill, number, line: element("li", {}, name, bar, number) };
}
