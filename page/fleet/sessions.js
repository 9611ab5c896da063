// Sessions of all booths, newest first; a summary is shown as the booth's page shows it. Never in
// the order of a metric: there is no ranking of persons.

import { isForbidden, statusOf } from "../lib/api.js";
import { element, find, findInput, setText } from "../lib/dom.js";
import { duration, known, moment } from "../lib/format.js";
import { showSummary } from "../lib/summary.js";
import { t } from "../lib/words.js";
import { get, query, save } from "./api.js";
import { Erasing } from "./erase.js";

/** @import { Token } from "./api.js" */
/** @import { SessionRow } from "./wire.js" */

const PAGE = 50;
const TYPING_MS = 250;

/** @param {SessionRow} session */
function describe(session) {
  const { started_at: from, ended_at: to } = session;
  const time = known(from) && known(to) ? t("for_time", { time: duration(to - from) }) : t(known(from) ? "session_no_end" : "session_no_start");
  return [`${session.site} / ${session.booth}`, session.session_id, time].join(" · ");
}

/** @param {SessionRow} session @returns {any} what the booth sent when it began */
const startedOf = (session) => session.started ?? {};

/**
 * As the booth's own list has it.
 * @param {SessionRow} session
 */
function asStored(session) {
  const { features, consent_at, notice_version, subject_ref } = startedOf(session);
  const state = known(session.ended_at) ? "ended" : "running";
  return { ...session, state, features, consent_at, notice_version, subject_ref };
}

export class Sessions {
  /** @param {() => Token} token */
  constructor(token) {
    this.token = token;
    /** @type {SessionRow[]} */
    this.sessions = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.erasing = new Erasing(token, () => this.readAnew());
    find("session_filter").addEventListener("submit", (event) => event.preventDefault());
    find("session_q").addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.readAnew(), TYPING_MS);
    });
    find("sessions_more").addEventListener("click", () => this.read());
    find("sessions_csv").addEventListener("click", () => this.save());
  }

  open() {
    this.readAnew();
    this.erasing.read();
  }

  readAnew() {
    this.sessions = [];
    this.read();
  }

  asked() {
    return { q: findInput("session_q").value.trim() };
  }

  async read() {
    const note = find("sessions_note");
    setText(note, t("loading"));
    try {
      const before = this.sessions.at(-1)?.listed_at;
      /** @type {{sessions: SessionRow[]}} */
      const { sessions } = await get(`/sessions${query({ ...this.asked(), before, limit: PAGE })}`, this.token());
      this.sessions.push(...sessions);
      find("sessions_more").hidden = sessions.length < PAGE;
      setText(note, this.sessions.length === 0 ? t("sessions_none") : "");
    } catch (error) {
      find("sessions_more").hidden = true;
      setText(note, t(isForbidden(error) ? "sessions_forbidden" : "sessions_failed"));
    }
    this.show();
  }

  show() {
    find("interview_list").replaceChildren(...this.sessions.map((session) => {
      const button = element("button", { type: "button", text: t("summary") });
      button.addEventListener("click", () => showSummary(asStored(session)));
      const title = `${moment(session.listed_at)} · ${startedOf(session).subject_ref ?? t("no_subject")}`;
      const erase = element("button", { type: "button", class: "danger", text: t("erase"), "aria-label": `${t("erase")}: ${title}` });
      erase.addEventListener("click", () => this.erasing.ask(session));
      return element("li", {}, element("b", { text: title }), element("small", { text: describe(session) }), element("span", { class: "row" }, button, erase));
    }));
    this.erasing.show();
  }

  async save() {
    try {
      await save(`/sessions.csv${query({ ...this.asked(), limit: 1000 })}`, this.token(), "sessions.csv");
    } catch (error) {
      setText(find("sessions_note"), t(statusOf(error) === 403 ? "sessions_forbidden" : "csv_failed"));
    }
  }
}
