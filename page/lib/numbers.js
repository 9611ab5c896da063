// A list of named numbers. The rows are made once; a report only changes their text.

import { element, setShare, setText } from "./dom.js";
import { known, NONE } from "./format.js";
import { t } from "./words.js";

/**
 * One row.
 * @template R
 * @typedef {object} Row
 * @property {string} word names it
 * @property {(report: R) => unknown} value null where it is not known
 * @property {(value: any) => string} [format]
 * @property {string} [unit]
 * @property {boolean | ((value: any) => number)} [bar] draws the value, or what this makes of it, as 0..1 beneath the row
 * @property {(report: R) => string | null | undefined} [why] the word for why it is not known
 */

/** @template R */
export class Numbers {
  /**
   * @param {Element} list
   * @param {Row<R>[]} rows
   */
  constructor(list, rows) {
    this.rows = rows.map((row) => ({ ...row, ...makeRow(Boolean(row.bar)) }));
    list.replaceChildren(...this.rows.map((row) => row.line));
  }

  /** @param {R | null} report */
  show(report) {
    for (const row of this.rows) {
      const value = report ? row.value(report) : null;
      setText(row.name, t(row.word));
      const unit = row.unit ? t(row.unit) : "";
      setText(row.number, known(value) ? (row.format ?? String)(value) : NONE);
      const why = report && row.why ? row.why(report) : null;
      setText(row.unitNode, known(value) ? unit : why ? t(why) : "");
      if (row.bar) setShare(row.fill, typeof row.bar === "function" && known(value) ? row.bar(value) : value);
    }
  }
}

/** @param {boolean} hasBar */
function makeRow(hasBar) {
  const name = element("dt");
  const number = element("span");
  const unitNode = element("small");
  const fill = element("i");
  const bar = hasBar ? element("b", { class: "bar", "aria-hidden": "true" }, fill) : null;
  const line = element("div", {}, name, element("dd", {}, element("span", { class: "value" }, number, unitNode), bar));
  return { line, name, number, unitNode, fill };
}
