// The last minutes of a few numbers as lines, drawn by uPlot (vendor/uplot.js, a classic script).

import { element, setText } from "./dom.js";
import { fixed, isNumber, known, NONE } from "./format.js";
import { t } from "./words.js";

/** @typedef {(number | null)[]} Column */

/**
 * What is used of uPlot.
 * @typedef {object} Plot
 * @property {(columns: Column[]) => void} setData
 * @property {(size: {width: number, height: number}) => void} setSize
 * @property {(rebuildPaths: boolean) => void} redraw
 */

/** @type {new (options: object, columns: Column[], host: Element) => Plot} */
const UPlot = /** @type {any} */ (globalThis).uPlot;

const WINDOW_S = 300;

/** A young trace does not hide at the edge of an empty window. */
const YOUNG_WINDOW_S = 60;

/** At 2 reports a second a window is 600 points; more often comes nothing that is seen. */
const MAX_POINTS = 1500;

/** A little more than 0..1, so that a line at its end is seen whole. */
const SCALE_OF_RATIO = [-0.04, 1.04];

/** @param {unknown} value */
const numberOf = (value) => (isNumber(value) ? value : null);

/**
 * @template R
 * @typedef {object} Line
 * @property {string} word names it
 * @property {(report: R) => unknown} value
 * @property {string} [scale] lines of one scale share an axis; `ratio` where it is not given
 * @property {[number, number] | ((plot: unknown, min: number | null, max: number | null) => [number, number])} [range] the ends of its axis, 0..1 where they are not given
 * @property {number} [digits]
 * @property {string} [unit]
 */

/** @template R */
export class Trend {
  /**
   * @param {HTMLElement} host
   * @param {object} options
   * @param {Line<R>[]} options.lines
   * @param {number} [options.height_px]
   * @param {boolean} [options.axes] the numbers beside the picture
   */
  constructor(host, { lines, height_px = 72, axes = false }) {
    this.host = host;
    this.lines = lines;
    /** @type {Column[]} seconds, then a column each line */
    this.points = [[], ...lines.map(() => [])];
    this.swatches = lines.map((_, k) => element("i", { class: `line line_${k + 1}` }));
    this.words = lines.map(() => element("span"));
    this.frame = element("div", { class: "trend_frame", role: "img" });
    const keys = lines.map((_, k) => element("li", {}, this.swatches[k], this.words[k]));
    this.span = element("li", { class: "span" });
    host.replaceChildren(element("ul", { class: "keys" }, ...keys, this.span), this.frame);
    this.plot = new UPlot(this.options(height_px, axes), this.points, this.frame);
    new ResizeObserver(() => this.fit(height_px)).observe(this.frame);
    this.fit(height_px);
  }

  /** @param {number} height_px @param {boolean} axes */
  options(height_px, axes) {
    /** @type {Record<string, object>} */
    const scales = { x: { time: false, range: () => [this.newest() - this.span_s(), this.newest()] } };
    for (const line of this.lines) scales[line.scale ?? "ratio"] = { range: line.range ?? SCALE_OF_RATIO };
    const names = Object.keys(scales).slice(1);
    /** @param {number} k */
    const colour = (k) => () => getComputedStyle(this.swatches[k]).color;
    const quiet = () => getComputedStyle(this.frame).color;
    const rule = () => getComputedStyle(this.frame).outlineColor;
    /** @param {string} scale @param {number} k */
    const axis = (scale, k) => ({
      scale, side: k === 0 ? 3 : 1, size: 44, stroke: quiet, font: "11px system-ui",
      grid: { show: k === 0, stroke: rule, width: 1 }, ticks: { show: false }, border: { show: false },
    });
    return {
      width: 300, height: height_px, scales, legend: { show: false }, cursor: { show: false },
      padding: axes ? [8, 0, 4, 0] : [4, 0, 4, 0],
      axes: [{ show: false }, ...(axes ? names.map(axis) : [])],
      series: [{}, ...this.lines.map((line, k) => ({
        scale: line.scale ?? "ratio", stroke: colour(k), width: 1.75, spanGaps: false, points: { show: false },
      }))],
    };
  }

  newest() {
    return this.points[0].at(-1) ?? WINDOW_S;
  }

  span_s() {
    const age_s = this.newest() - (this.points[0][0] ?? this.newest());
    return Math.min(WINDOW_S, Math.max(YOUNG_WINDOW_S, age_s));
  }

  /** @param {number} height_px */
  fit(height_px) {
    const width = Math.floor(this.frame.clientWidth);
    if (width > 0) this.plot.setSize({ width, height: height_px });
  }

  /**
   * A report that came now.
   * @param {R | null} report null leaves a gap
   */
  add(report) {
    const now_s = performance.now() / 1000;
    while ((this.points[0][0] ?? now_s) < now_s - WINDOW_S || this.points[0].length >= MAX_POINTS) {
      this.points.forEach((column) => column.shift());
    }
    this.points[0].push(now_s);
    this.lines.forEach((line, k) => this.points[k + 1].push(numberOf(report && line.value(report))));
    this.plot.setData(this.points);
    this.describe();
  }

  clear() {
    this.points = [[], ...this.lines.map(() => [])];
    this.plot.setData(this.points);
    this.describe();
  }

  /** The legend, and the picture in words. */
  describe() {
    const parts = this.lines.map((line, k) => {
      setText(this.words[k], line.unit ? `${t(line.word)} (${t(line.unit)})` : t(line.word));
      const value = this.points[k + 1].at(-1);
      const unit = line.unit ? ` ${t(line.unit)}` : "";
      return `${t(line.word)} ${known(value) ? fixed(line.digits ?? 2)(value) + unit : NONE}`;
    });
    const time = `${Math.ceil(this.span_s() / 60)} ${t("unit_min")}`;
    setText(this.span, t("trend_span", { time }));
    this.frame.setAttribute("aria-label", t("trend_label", { time, values: parts.join(", ") }));
  }

  /** After another theme or language. */
  redraw() {
    this.describe();
    this.plot.redraw(false);
  }
}
