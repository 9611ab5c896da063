// The list of past interviews, as the booth has stored them.

import { get } from "../lib/api.js";
import { element, find, setText } from "../lib/dom.js";
import { duration, known, moment } from "../lib/format.js";
import { Kept } from "./kept.js";
import { showSummary } from "../lib/summary.js";
import { t } from "../lib/words.js";

const PAGE = 20;

export class SessionList {
  /** `token()` gives the token that is in use. */
  constructor(token) {
    this.token = token;
    this.sessions = [];
    this.kept = new Kept(token, () => find("sessions").open && this.open());
    find("open_sessions").addEventListener("click", () => this.open());
    find("sessions_more").addEventListener("click", () => this.read());
  }

  open() {
    this.sessions = [];
    find("session_list").replaceChildren();
    if (!find("sessions").open) find("sessions").showModal();
    this.read();
  }

  async read() {
    const before = this.sessions.at(-1)?.started_at;
    const note = find("sessions_note");
    setText(note, t("loading"));
    try {
      const answer = await get(`/sessions?limit=${PAGE}${known(before) ? `&before=${before}` : ""}`, this.token());
      this.sessions.push(...answer.sessions);
      find("sessions_more").hidden = answer.sessions.length < PAGE;
      setText(note, this.sessions.length === 0 ? t("sessions_none") : "");
    } catch (error) {
      find("sessions_more").hidden = true;
      setText(note, t(error.status === 401 || error.status === 403 ? "sessions_forbidden" : "sessions_failed"));
    }
    this.show();
  }

  /** Its summary, and under it what is kept; null where nothing is. */
  tell(session, kept = session) {
    showSummary(session);
    this.kept.show(kept);
  }

  show() {
    this.kept.redraw();
    find("session_list").replaceChildren(...this.sessions.map((session) => {
      const button = element("button", { type: "button" },
        element("b", { text: session.subject_ref ?? t("no_subject") }),
        element("span", { text: moment(session.started_at) }),
        element("small", { text: describe(session) }));
      button.addEventListener("click", () => this.tell(session));
      return element("li", {}, button);
    }));
  }
}

function describe(session) {
  const parts = [t(session.stream === "client" ? "mode_own" : "mode_booth"), t(`session_${session.state}`)];
  if (known(session.ended_at)) parts.push(duration(session.ended_at - session.started_at));
  return parts.join(" · ");
}
