// The bar of the interview: whether one runs, since when, for whom, and the buttons.

import { find, findButton, findDialog, setText } from "../lib/dom.js";
import { stopwatch } from "../lib/format.js";
import { t } from "../lib/words.js";
import { askConsent } from "./consent.js";

/** @import { Role, StateOf } from "../lib/wire.js" */
/** @import { Consent } from "./consent.js" */

/**
 * What the bar shows.
 * @typedef {object} Shown
 * @property {StateOf | null} state of the stream
 * @property {boolean} isRunning
 * @property {boolean} isPaused
 * @property {() => number} now by the booth's clock, ms since 1970
 */

/**
 * What the buttons do.
 * @typedef {object} Orders
 * @property {(consent: Consent) => void} start
 * @property {(isPaused: boolean) => void} pause
 * @property {() => void} end
 */

export class SessionBar {
  /** @param {Orders} on */
  constructor(on) {
    this.on = on;
    /** @type {Shown} */
    this.shown = { state: null, isRunning: false, isPaused: false, now: () => Date.now() };
    find("start").addEventListener("click", () => this.start());
    find("pause").addEventListener("click", () => this.on.pause(!this.shown.isPaused));
    const confirmation = findDialog("confirm_end");
    find("end").addEventListener("click", () => confirmation.showModal());
    find("confirm_end_yes").addEventListener("click", () => {
      confirmation.close();
      this.on.end();
    });
    find("confirm_end_no").addEventListener("click", () => confirmation.close());
    setInterval(() => this.tick(), 1000);
  }

  async start() {
    const consent = await askConsent(this.shown.state);
    if (consent) this.on.start(consent);
  }

  /** @param {Shown & {isLive: boolean, role: Role | null, isOwn: boolean}} shown */
  show({ state, isRunning, isPaused, isLive, role, isOwn, now }) {
    this.shown = { state, isRunning, isPaused, now };
    const mayAct = role === null || role === "operator" || (isOwn && role !== "viewer");
    const isUnchosen = state?.profile === "unchosen";
    const canAct = isLive && role !== null && mayAct;
    find("session").dataset.state = isRunning ? (isPaused ? "paused" : "running") : "none";
    find("start").hidden = isRunning || !mayAct;
    find("pause").hidden = find("end").hidden = !isRunning || !mayAct;
    setText(find("pause"), t(isPaused ? "resume" : "pause"));
    for (const id of ["start", "pause", "end"]) findButton(id).disabled = !canAct || isUnchosen;
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
