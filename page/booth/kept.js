// What the booth keeps of a session, under its summary: its metrics over time, all of it as a file,
// and erasing it, with a receipt.

import { erase, get, save } from "../lib/api.js";
import { find, setText } from "../lib/dom.js";
import { PastTrend } from "../lib/past.js";
import { t } from "../lib/words.js";

/** More points than a chart has pixels are of no use. */
const POINTS = 800;

const share = (word, column) => ({ word, column });
const angle = (word, column) => ({ word, column, scale: "deg", range: [-45, 45], digits: 0, unit: "deg" });

/** Charts by the half of the history that they show. */
const CHARTS = [
  ["kept_expression", "video", [share("happy", "happy"), share("neutral", "neutral"), share("emotion_stability", "emotion_stability")]],
  ["kept_actions", "video", [share("action_smile", "smile"), share("action_brow_up", "brow_up"), share("action_brow_down", "brow_down"), share("action_jaw_open", "jaw_open")]],
  ["kept_motion", "video", [angle("head_yaw", "head_yaw_deg"), angle("gaze_yaw", "gaze_yaw_deg")]],
  ["kept_contact", "video", [share("eye_contact_ratio", "eye_contact_ratio"), share("face_present", "face_present_ratio"), share("head_stability", "head_pose_stability")]],
  ["kept_voice", "audio", [
    { word: "pitch", column: "pitch_mean", scale: "Hz", range: [60, 420], digits: 0, unit: "Hz" },
    { word: "volume", column: "volume_dbfs", scale: "dBFS", range: [-70, 0], digits: 0, unit: "dBFS" },
  ]],
];

/** Columns of `lines`, with a break where seconds are missing. */
function columnsOf({ columns, rows }, lines, stepS) {
  const places = lines.map((line) => columns.indexOf(line.column));
  const points = [[], ...lines.map(() => [])];
  const add = (second, row) => {
    points[0].push(second);
    places.forEach((place, k) => points[k + 1].push(row?.[place] ?? null));
  };
  rows.forEach((row, k) => {
    const last = rows[k - 1]?.[0];
    if (k > 0 && row[0] - last > 2 * stepS) add(last + stepS, null);
    add(row[0], row);
  });
  return points;
}

export class Kept {
  /** `token()` gives the token that is in use; `onErased()` is called when a session is gone. */
  constructor(token, onErased) {
    Object.assign(this, { token, onErased, session: null });
    for (const format of ["json", "csv"]) {
      find(`export_${format}`).addEventListener("click", () => this.save(format));
    }
    find("erase").addEventListener("click", () => find("confirm_erase").showModal());
    find("confirm_erase_no").addEventListener("click", () => find("confirm_erase").close());
    find("confirm_erase_yes").addEventListener("click", () => this.erase());
    find("receipt_close").addEventListener("click", () => find("receipt").close());
  }

  /** Of a session that the booth has stored; null hides it. */
  async show(session) {
    this.session = session;
    find("kept").hidden = session === null;
    if (session === null) return;
    this.charts ??= CHARTS.map(([host, half, lines]) => [new PastTrend(find(host), lines), half, lines]);
    this.say(t("loading"));
    const draw = (history) => this.charts.forEach(([chart, half, lines]) => {
      const points = columnsOf(history[half], lines, history.step_s);
      const last_s = Math.max(history.video.rows.at(-1)?.[0] ?? 0, history.audio.rows.at(-1)?.[0] ?? 0);
      // What was switched off all the time has no chart.
      chart.frame.parentElement.hidden = points.slice(1).every((line) => line.every((value) => value === null));
      chart.fit(110);
      chart.put(points, 0, Math.max(1, last_s) * 1000);
    });
    try {
      const history = await get(`${this.path()}/history?points=${POINTS}`, this.token());
      if (this.session !== session) return;
      draw(history);
      const isEmpty = history.video.rows.length + history.audio.rows.length === 0;
      this.say([
        isEmpty ? t("history_none") : "",
        history.step_s > 1 ? t("history_step", { seconds: history.step_s }) : "",
        history.lost_rows > 0 ? t("history_lost", { count: history.lost_rows }) : "",
      ].filter(Boolean).join(" "));
    } catch (error) {
      // Who may not read it sees nothing of it.
      find("kept").hidden = error.status === 401 || error.status === 403;
      this.say(t("history_failed"));
    }
  }

  path() {
    return `/sessions/${encodeURIComponent(this.session.session_id)}`;
  }

  say(text) {
    setText(find("kept_note"), text);
  }

  async save(format) {
    try {
      await save(`${this.path()}/export?format=${format}`, this.token(), `boothd-session.${format}`);
    } catch {
      this.say(t("export_failed"));
    }
  }

  async erase() {
    find("confirm_erase").close();
    try {
      const receipt = await erase(this.session.session_id, this.token());
      find("summary").close();
      setText(find("receipt_text"), t("receipt_text", { rows: receipt.rows, number: receipt.receipt_id }));
      find("receipt").showModal();
      this.session = null;
      this.onErased();
    } catch (error) {
      this.say(error.message);
    }
  }

  redraw() {
    this.charts?.forEach(([chart]) => chart.redraw());
  }
}
