// A list of named numbers. The rows are made once; a report only changes their text.

import { element, setShare, setText } from "./dom.js";
import { known, NONE } from "./format.js";
import { t } from "./words.js";

/**
 * One row: `word` names it, `value(report)` reads it (null: not known), `format` and `unit` write
 * it, `bar` draws 0..1 beneath it, `why(report)` names the word that says why it is not known.
 */
export class Numbers {
  constructor(list, rows) {
    this.rows = rows.map((row) => ({ ...row, ...makeRow(row) }));
    list.replaceChildren(...this.rows.map((row) => row.line));
  }

  show(report) {
    for (const row of this.rows) {
      const value = report ? row.value(report) : null;
      setText(row.name, t(row.word));
      const unit = row.unit ? t(row.unit) : "";
      setText(row.number, known(value) ? (row.format ?? String)(value) : NONE);
      const why = report && row.why ? row.why(report) : null;
      setText(row.unitNode, known(value) ? unit : why ? t(why) : "");
      if (row.bar) setShare(row.fill, value);
    }
  }
}

function makeRow({ bar }) {
  const name = element("dt");
  const number = element("span");
  const unitNode = element("small");
  const line = element("div", {}, name, element("dd", {}, element("span", { class: "value" }, number, unitNode)));
  const fill = element("i");
  if (bar) line.lastChild.append(element("b", { class: "bar", "aria-hidden": "true" }, fill));
  return { line, name, number, unitNode, fill };
}
