// Lines over a time that has passed, as Trend draws them live.

import { setText } from "./dom.js";
import { duration, fixed, known, NONE } from "./format.js";
import { Trend } from "./trend.js";
import { t } from "./words.js";

/** @import { Column, Line } from "./trend.js" */

/**
 * A line of a column of a history.
 * @typedef {Omit<Line<never>, "value"> & {column: string}} PastLine
 */

/** @extends {Trend<never>} */
export class PastTrend extends Trend {
  /**
   * @param {HTMLElement} host
   * @param {PastLine[]} lines
   */
  constructor(host, lines) {
    super(host, { lines: lines.map((line) => ({ ...line, value: () => null })), height_px: 110, axes: true });
  }

  newest() {
    return (this.until ?? 0) / 1000;
  }

  span_s() {
    return ((this.until ?? 0) - (this.from ?? 0)) / 1000 || 1;
  }

  /**
   * @param {Column[]} points seconds, then one column a line
   * @param {number} from ms on the same clock
   * @param {number} until
   */
  put(points, from, until) {
    this.points = points;
    this.from = from;
    this.until = until;
    this.plot.setData(points);
    this.describe();
  }

  describe() {
    const parts = this.lines.map((line, k) => {
      const unit = line.unit ? ` (${t(line.unit)})` : "";
      setText(this.words[k], t(line.word) + unit);
      const values = this.points[k + 1].filter(known);
      const format = fixed(line.digits ?? 2);
      return `${t(line.word)} ${values.length > 0 ? `${format(Math.min(...values))} … ${format(Math.max(...values))}` : NONE}`;
    });
    const span = duration((this.until ?? 0) - (this.from ?? 0));
    setText(this.span, this.until ? span : "");
    this.frame.setAttribute("aria-label", t("history_label", { span, values: parts.join(", ") }));
  }
}
