// The card of the expression: 7 probabilities, the strongest of them, and how steady it is.

import { Card } from "./card.js";
import { element, find, setShare, setText } from "./dom.js";
import { NONE, percent, share } from "./format.js";
import { EXPRESSIONS } from "./metrics.js";
import { Numbers } from "./numbers.js";
import { reasonNoExpression } from "./reason.js";
import { Trend } from "./trend.js";
import { t } from "./words.js";

/** @import { Row } from "./numbers.js" */
/** @import { Context } from "./reason.js" */
/** @import { Line } from "./trend.js" */
/** @import { VisualReport } from "./wire.js" */

/** @type {Row<VisualReport>[]} */
const ROWS = [
  { word: "emotion_confidence", value: (r) => r.emotion_confidence, format: percent, unit: "%", bar: true },
  { word: "emotion_stability", value: (r) => r.emotion_stability, format: percent, unit: "%", bar: true },
];

/** @type {Line<VisualReport>[]} */
const LINES = [
  { word: "emotion_confidence", value: (r) => r.emotion_confidence },
  { word: "emotion_stability", value: (r) => r.emotion_stability },
];

export class ExpressionCard {
  constructor() {
    this.card = new Card("expression");
    this.bars = EXPRESSIONS.map((label) => ({ label, ...makeBar() }));
    find("expression_bars").replaceChildren(...this.bars.map((bar) => bar.line));
    this.numbers = new Numbers(find("expression_numbers"), ROWS);
    this.trend = new Trend(find("expression_trend"), { lines: LINES });
  }

  /** @param {VisualReport} report */
  add(report) {
    this.trend.add(report);
  }

  /** @param {VisualReport | null} report @param {Context} context */
  show(report, context) {
    const reason = reasonNoExpression(report, context);
    const shown = reason === null || reason === "old" ? report : null;
    this.card.update(reason, "face_yes", { isOld: context.isOld && Boolean(report) });
    const dominant = shown?.dominant_emotion;
    setText(find("dominant"), dominant ? t(dominant) : NONE);
    for (const { label, line, name, fill, number } of this.bars) {
      const probability = shown?.emotion_distribution?.[label];
      line.classList.toggle("strongest", label === dominant);
      setText(name, t(label));
      setShare(fill, probability);
      setText(number, share(probability));
    }
    this.numbers.show(shown);
    this.trend.describe();
  }
}

/** A line with a name, a bar and a number; also of the card of the actions. */
export function makeBar() {
  const [name, fill, number] = [element("span"), element("i"), element("span", { class: "number" })];
  const bar = element("b", { class: "bar", "aria-hidden": "true" }, fill);
  return { name, fill, number, line: element("li", {}, name, bar, number) };
}
