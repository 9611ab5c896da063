// The list of past interviews, as the booth has stored them.

import { get, isForbidden } from "../lib/api.js";
import { element, find, findDialog, setText } from "../lib/dom.js";
import { duration, known, moment } from "../lib/format.js";
import { showSummary } from "../lib/summary.js";
import { t } from "../lib/words.js";
import { StoredSession } from "./stored.js";

/** @import { Session } from "../lib/summary.js" */
/** @import { SessionRecord, Sessions } from "../lib/wire.js" */

const PAGE = 20;

export class SessionList {
  /** @param {() => string | null} token gives the token that is in use */
  constructor(token) {
    this.token = token;
    /** @type {SessionRecord[]} */
    this.sessions = [];
    this.stored = new StoredSession(token, () => findDialog("sessions").open && this.open());
    find("open_sessions").addEventListener("click", () => this.open());
    find("sessions_more").addEventListener("click", () => this.read());
  }

  open() {
    this.sessions = [];
    find("session_list").replaceChildren();
    const dialog = findDialog("sessions");
    if (!dialog.open) dialog.showModal();
    this.read();
  }

  async read() {
    const before = this.sessions.at(-1)?.started_at;
    const note = find("sessions_note");
    setText(note, t("loading"));
    try {
      /** @type {Sessions} */
      const answer = await get(`/sessions?limit=${PAGE}${known(before) ? `&before=${before}` : ""}`, this.token());
      this.sessions.push(...answer.sessions);
      find("sessions_more").hidden = answer.sessions.length < PAGE;
      setText(note, this.sessions.length === 0 ? t("sessions_none") : "");
    } catch (error) {
      find("sessions_more").hidden = true;
      setText(note, t(isForbidden(error) ? "sessions_forbidden" : "sessions_failed"));
    }
    this.show();
  }

  /**
   * The summary of a session, and under it what is stored.
   * @param {Session} session
   * @param {Session | null} [stored] null where nothing is
   */
  showOne(session, stored = session) {
    showSummary(session);
    this.stored.show(stored);
  }

  show() {
    this.stored.redraw();
    find("session_list").replaceChildren(...this.sessions.map((session) => {
      const button = element("button", { type: "button" },
        element("b", { text: session.subject_ref ?? t("no_subject") }),
        element("span", { text: moment(session.started_at) }),
        element("small", { text: describe(session) }));
      button.addEventListener("click", () => this.showOne(session));
      return element("li", {}, button);
    }));
  }
}

/** @param {SessionRecord} session */
function describe(session) {
  const parts = [t(session.stream === "client" ? "mode_own" : "mode_booth"), t(`session_${session.state}`)];
  if (known(session.ended_at)) parts.push(duration(session.ended_at - session.started_at));
  return parts.join(" · ");
}
