// What the booth has stored of a session, under its summary: its metrics over time, all of it as a
// file, and erasing it, with a receipt.

import { erase, get, isForbidden, messageOf, save } from "../lib/api.js";
import { find, findDialog, setText } from "../lib/dom.js";
import { PastTrend } from "../lib/past.js";
import { t } from "../lib/words.js";

/** @import { PastLine } from "../lib/past.js" */
/** @import { Column } from "../lib/trend.js" */
/** @import { History, Series } from "../lib/wire.js" */

/** More points than a chart has pixels are of no use. */
const POINTS = 800;

/** @param {string} word @param {string} column @returns {PastLine} */
const share = (word, column) => ({ word, column });
/** @param {string} word @param {string} column @returns {PastLine} */
const angle = (word, column) => ({ word, column, scale: "deg", range: [-45, 45], digits: 0, unit: "deg" });

/**
 * Charts by the half of the history that they show.
 * @type {[host: string, half: "video" | "audio", lines: PastLine[]][]}
 */
const CHARTS = [
  ["stored_expression", "video", [share("happy", "happy"), share("neutral", "neutral"), share("emotion_stability", "emotion_stability")]],
  ["stored_actions", "video", [share("action_smile", "smile"), share("action_brow_up", "brow_up"), share("action_brow_down", "brow_down"), share("action_jaw_open", "jaw_open")]],
  ["stored_motion", "video", [angle("head_yaw", "head_yaw_deg"), angle("gaze_yaw", "gaze_yaw_deg")]],
  ["stored_contact", "video", [share("eye_contact_ratio", "eye_contact_ratio"), share("face_present", "face_present_ratio"), share("head_stability", "head_pose_stability")]],
  ["stored_voice", "audio", [
    { word: "pitch", column: "pitch_mean", scale: "Hz", range: [60, 420], digits: 0, unit: "Hz" },
    { word: "volume", column: "volume_dbfs", scale: "dBFS", range: [-70, 0], digits: 0, unit: "dBFS" },
  ]],
];

/**
 * Columns of `lines`, with a break where seconds are missing.
 * @param {Series} series
 * @param {PastLine[]} lines
 * @param {number} stepS
 */
function columnsOf({ columns, rows }, lines, stepS) {
  const places = lines.map((line) => columns.indexOf(line.column));
  /** @type {Column[]} */
  const points = [[], ...lines.map(() => [])];
  /** @param {number} second @param {(number | null)[] | null} row */
  const add = (second, row) => {
    points[0].push(second);
    places.forEach((place, k) => points[k + 1].push(row?.[place] ?? null));
  };
  rows.forEach((row, k) => {
    const [second, last] = [row[0] ?? 0, rows[k - 1]?.[0] ?? 0];
    if (k > 0 && second - last > 2 * stepS) add(last + stepS, null);
    add(second, row);
  });
  return points;
}

export class StoredSession {
  /**
   * @param {() => string | null} token gives the token that is in use
   * @param {() => void} onErased called when a session is gone
   */
  constructor(token, onErased) {
    this.token = token;
    this.onErased = onErased;
    /** @type {{session_id: string} | null} */
    this.session = null;
    /** @type {[chart: PastTrend, half: "video" | "audio", lines: PastLine[]][] | null} */
    this.charts = null;
    for (const format of ["json", "csv"]) {
      find(`export_${format}`).addEventListener("click", () => this.save(format));
    }
    find("erase").addEventListener("click", () => findDialog("confirm_erase").showModal());
    find("confirm_erase_no").addEventListener("click", () => findDialog("confirm_erase").close());
    find("confirm_erase_yes").addEventListener("click", () => this.erase());
    find("receipt_close").addEventListener("click", () => findDialog("receipt").close());
  }

  /** @param {{session_id: string} | null} session one that the booth has stored; null hides it */
  async show(session) {
    this.session = session;
    find("stored").hidden = session === null;
    if (session === null) return;
    this.charts ??= CHARTS.map(([host, half, lines]) => [new PastTrend(find(host), lines), half, lines]);
    this.note(t("loading"));
    try {
      /** @type {History} */
      const history = await get(`${pathOf(session)}/history?points=${POINTS}`, this.token());
      if (this.session !== session) return;
      this.draw(history);
      const isEmpty = history.video.rows.length + history.audio.rows.length === 0;
      this.note([
        isEmpty ? t("history_none") : "",
        history.step_s > 1 ? t("history_step", { seconds: history.step_s }) : "",
        history.lost_rows > 0 ? t("history_lost", { count: history.lost_rows }) : "",
      ].filter(Boolean).join(" "));
    } catch (error) {
      // Readers who may not read it see nothing of it.
      find("stored").hidden = isForbidden(error);
      this.note(t("history_failed"));
    }
  }

  /** @param {History} history */
  draw(history) {
    const last_s = Math.max(history.video.rows.at(-1)?.[0] ?? 0, history.audio.rows.at(-1)?.[0] ?? 0);
    for (const [chart, half, lines] of this.charts ?? []) {
      const points = columnsOf(history[half], lines, history.step_s);
      // What was switched off all the time has no chart.
      chart.host.hidden = points.slice(1).every((line) => line.every((value) => value === null));
      chart.fit(110);
      chart.put(points, 0, Math.max(1, last_s) * 1000);
    }
  }

  /** @param {string} text */
  note(text) {
    setText(find("stored_note"), text);
  }

  /** @param {string} format */
  async save(format) {
    if (!this.session) return;
    try {
      await save(`${pathOf(this.session)}/export?format=${format}`, this.token(), `boothd-session.${format}`);
    } catch {
      this.note(t("export_failed"));
    }
  }

  async erase() {
    findDialog("confirm_erase").close();
    if (!this.session) return;
    try {
      const receipt = await erase(this.session.session_id, this.token());
      findDialog("summary").close();
      setText(find("receipt_text"), t("receipt_text", { rows: receipt.rows, number: receipt.receipt_id }));
      findDialog("receipt").showModal();
      this.session = null;
      this.onErased();
    } catch (error) {
      this.note(messageOf(error));
    }
  }

  redraw() {
    for (const [chart] of this.charts ?? []) chart.redraw();
  }
}

/** @param {{session_id: string}} session */
const pathOf = ({ session_id }) => `/sessions/${encodeURIComponent(session_id)}`;
