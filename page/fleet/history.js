// Charts of a booth's minutes, drawn by the booth page's own Trend.

import { element, find, findSelect, setText } from "../lib/dom.js";
import { PastTrend } from "../lib/past.js";
import { t } from "../lib/words.js";
import { get, pathOf, query, save } from "./api.js";

/** @import { PastLine } from "../lib/past.js" */
/** @import { Column } from "../lib/trend.js" */
/** @import { BoothKey, Token } from "./api.js" */
/** @import { History as Minutes } from "./wire.js" */

/** @typedef {{at: number[], means: Record<string, (number | null)[]>}} Series */

const SPANS_H = [1, 24, 168, 720];
const HOUR_MS = 3_600_000;

/** @type {PastLine[]} */
const VIDEO = [
  { word: "face_present", column: "face_present_ratio" }, { word: "eye_contact_ratio", column: "eye_contact_ratio" },
  { word: "head_stability", column: "head_pose_stability_ratio" },
];
/** @type {PastLine[]} */
const AUDIO = [
  { word: "speech_ratio", column: "speech_ratio" }, { word: "clarity", column: "clarity_ratio" },
  { word: "volume", column: "volume_dbfs", scale: "dBFS", range: [-60, 0], digits: 0, unit: "dBFS" },
];

/**
 * A series with a `null` where a step is missing, so that the line breaks there.
 * @param {Series} series
 * @param {{column: string}[]} lines
 * @param {number} stepMs
 */
function columnsOf(series, lines, stepMs) {
  /** @type {Column[]} */
  const columns = [[], ...lines.map(() => [])];
  /** @param {number} at @param {number | null} k */
  const add = (at, k) => {
    columns[0].push(at / 1000);
    lines.forEach((line, n) => columns[n + 1].push(k === null ? null : series.means[line.column]?.[k] ?? null));
  };
  series.at.forEach((at, k) => {
    if (k > 0 && at - series.at[k - 1] > stepMs) add(series.at[k - 1] + stepMs, null);
    add(at, k);
  });
  return columns;
}

export class History {
  /** @param {() => Token} token */
  constructor(token) {
    this.token = token;
    /** @type {BoothKey | null} */
    this.booth = null;
    this.video = new PastTrend(find("history_video"), VIDEO);
    this.audio = new PastTrend(find("history_audio"), AUDIO);
    this.work = new PastTrend(find("history_work"), [
      { word: "processing_video", column: "processing_ms", scale: "ms", range: this.range, digits: 0, unit: "ms" },
      { word: "processing_audio", column: "audio_ms", scale: "ms", range: this.range, digits: 0, unit: "ms" },
    ]);
    find("history_span").addEventListener("change", () => this.read());
    find("history_csv").addEventListener("click", () => this.save());
    this.translate();
  }

  /**
   * From zero to a little above the longest.
   * @param {unknown} _plot
   * @param {number | null} _min
   * @param {number | null} max
   * @returns {[number, number]}
   */
  range(_plot, _min, max) {
    return [0, Math.max(10, (max ?? 0) * 1.1)];
  }

  span() {
    const until = Date.now();
    return { from: until - Number(findSelect("history_span").value) * HOUR_MS, until };
  }

  /** @param {BoothKey | null} [booth] */
  async read(booth = this.booth) {
    this.booth = booth;
    if (booth === null) return;
    const { from, until } = this.span();
    try {
      /** @type {Minutes} */
      const { step_ms, video, audio } = await get(`${pathOf(booth)}/history${query({ from, until })}`, this.token());
      if (this.booth !== booth) return;
      setText(find("history_note"), video.at.length + audio.at.length === 0 ? t("history_none") : "");
      this.video.put(columnsOf(video, VIDEO, step_ms), from, until);
      this.audio.put(columnsOf(audio, AUDIO, step_ms), from, until);
      this.work.put(together(video, audio, step_ms), from, until);
    } catch {
      setText(find("history_note"), t("list_failed"));
    }
  }

  async save() {
    if (this.booth === null) return;
    const { from, until } = this.span();
    try {
      await save(`${pathOf(this.booth)}/history.csv${query({ from, until })}`, this.token(), `${this.booth.booth}.csv`);
    } catch {
      setText(find("history_note"), t("csv_failed"));
    }
  }

  redraw() {
    for (const chart of [this.video, this.audio, this.work]) chart.redraw();
  }

  translate() {
    const select = findSelect("history_span");
    const chosen = select.value || "1";
    select.replaceChildren(...SPANS_H.map((h) => element("option", { value: String(h), text: t(`span_${h}`) })));
    select.value = chosen;
    this.redraw();
  }
}

/**
 * Both kinds' analysis times on one axis.
 * @param {Series} video
 * @param {Series} audio
 * @param {number} stepMs
 */
function together(video, audio, stepMs) {
  const at = [...new Set([...video.at, ...audio.at])].sort((a, b) => a - b);
  /** @param {Series} series @param {number} time */
  const of = (series, time) => series.means.processing_ms?.[series.at.indexOf(time)] ?? null;
  const series = { at, means: { processing_ms: at.map((time) => of(video, time)), audio_ms: at.map((time) => of(audio, time)) } };
  return columnsOf(series, [{ column: "processing_ms" }, { column: "audio_ms" }], stepMs);
}
