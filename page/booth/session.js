// The bar of the interview: what runs, since when, for whom, and the buttons.

import { askConsent } from "./consent.js";
import { find, setText } from "../lib/dom.js";
import { stopwatch } from "../lib/format.js";
import { t } from "../lib/words.js";

export class SessionBar {
  /** `on.start(consent)`, `on.pause(isPaused)`, `on.end()`. */
  constructor(on) {
    this.on = on;
    this.shown = {};
    find("start").addEventListener("click", () => this.start());
    find("pause").addEventListener("click", () => this.on.pause(!this.shown.isPaused));
    find("end").addEventListener("click", () => find("confirm_end").showModal());
    find("confirm_end_yes").addEventListener("click", () => {
      find("confirm_end").close();
      this.on.end();
    });
    find("confirm_end_no").addEventListener("click", () => find("confirm_end").close());
    setInterval(() => this.tick(), 1000);
  }

  async start() {
    const consent = await askConsent(this.shown.state);
    if (consent) this.on.start(consent);
  }

  /** `state` is that of the stream, `isRunning` and `isPaused` what its session does, `now` the booth's clock. */
  show({ state, isRunning, isPaused, isLive, role, isOwn, now }) {
    this.shown = { state, isRunning, isPaused, now };
    const mayAct = role === null || role === "operator" || (isOwn && role !== "viewer");
    const isUnchosen = state?.profile === "unchosen";
    const canAct = isLive && role !== null && mayAct;
    find("session").dataset.state = isRunning ? (isPaused ? "paused" : "running") : "none";
    find("start").hidden = isRunning || !mayAct;
    find("pause").hidden = find("end").hidden = !isRunning || !mayAct;
    setText(find("pause"), t(isPaused ? "resume" : "pause"));
    for (const id of ["start", "pause", "end"]) find(id).disabled = !canAct || isUnchosen;
    const why = isUnchosen ? "locked_unchosen" : canAct ? null : "locked_role";
    setText(find("session_why"), !isLive ? t("locked_not_connected") : why ? t(why) : "");
    this.tick();
  }

  tick() {
    const { state, isRunning, isPaused, now } = this.shown;
    const session = state?.session;
    const subject = session?.subject_ref ? ` · ${session.subject_ref}` : "";
    const word = isRunning ? (isPaused ? "session_paused" : "session_running") : "session_none";
    setText(find("session_state"), t(word) + subject);
    const began = isRunning ? session?.started_at : null;
    setText(find("session_clock"), began ? stopwatch(now() - began) : "");
  }
}
