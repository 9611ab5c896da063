// The two things that the page can show: the booth's own stream, or this computer's camera and
// microphone. Both speak to the page in the same way.

import { RealtimeMultimodalAnalyzer } from "./analyzer.js";
import { addressHere, Connection, makeSessionId } from "./connection.js";
import { find, setText } from "../lib/dom.js";
import { t } from "../lib/words.js";

/** @import { Features, ServerMessage } from "../lib/wire.js" */
/** @import { StateDetail } from "./analyzer.js" */
/** @import { Listener } from "./connection.js" */
/** @import { Consent } from "./consent.js" */

/**
 * What the page listens with.
 * @typedef {Required<Listener> & {problem: (problem: {code: string, message: string}) => void}} PageListener
 */

/** Watches the booth. */
export class BoothSource {
  /** @param {PageListener} on */
  constructor(on) {
    this.connection = new Connection({ url: addressHere(), sessionId: makeSessionId("page"), watch: "booth", on });
  }

  /** @param {string} token @param {string | null} session */
  open(token, session) {
    if (session) this.connection.sessionId = session;
    this.connection.open(token);
  }

  close() {
    this.connection.close();
  }

  /** @param {Partial<Features>} features */
  configure(features) {
    this.connection.send("configure", { features });
  }

  /** @param {Consent} consent */
  start(consent) {
    this.connection.send("start_session", { ...consent, consent_at: this.connection.atBooth(consent.consent_at) });
  }

  /** The booth's time, ms since 1970. */
  now() {
    return this.connection.atBooth(Date.now());
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    this.connection.send(isPaused ? "pause_session" : "resume_session");
  }

  end() {
    this.connection.send("end_session");
  }

  show() {
    // The booth's devices are in the dots and the health card.
  }
}

/** Sends this computer's camera and microphone. */
export class OwnSource {
  /** @param {PageListener} on */
  constructor(on) {
    this.on = on;
    this.video = /** @type {HTMLVideoElement} */ (find("own_video"));
    /** @type {RealtimeMultimodalAnalyzer | null} */
    this.analyzer = null;
    this.token = "";
    /** @type {string | null} */
    this.session = null;
    /** @type {string | null} */
    this.sessionId = null;
    find("own").hidden = false;
  }

  /** @param {string} token @param {string | null} session */
  open(token, session) {
    this.analyzer?.close();
    this.token = token;
    this.session = session;
    this.sessionId ??= session ?? makeSessionId("own");
    const analyzer = new RealtimeMultimodalAnalyzer({ token, sessionId: this.sessionId });
    /** @param {string} type @param {(detail: any) => void} act */
    const on = (type, act) => analyzer.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail));
    on("state", (detail) => this.changed(detail));
    on("message", (message) => this.receive(message));
    on("back", (detail) => this.on.back(detail));
    on("missed", (detail) => this.on.missed(detail));
    on("error", (detail) => this.on.problem(detail));
    this.analyzer = analyzer;
    analyzer.connect();
  }

  close() {
    this.analyzer?.close();
  }

  /**
   * A session that has ended keeps its name: the next interview gets another.
   * @param {ServerMessage} message
   */
  receive(message) {
    this.on.message(message);
    if (message.type !== "session_summary") return;
    this.sessionId = null;
    this.open(this.token, this.session);
  }

  /** @param {StateDetail} detail */
  changed(detail) {
    const { state } = detail;
    if (state === "connecting" || state === "lost" || state === "locked") this.on.link(state, detail);
    else if (this.analyzer?.connection.isLive) this.on.link("live");
    this.show();
  }

  /** @param {Partial<Features>} features */
  configure(features) {
    this.analyzer?.connection.send("configure", { features });
  }

  now() {
    return this.analyzer?.connection.atBooth(Date.now()) ?? Date.now();
  }

  /** @param {Consent} consent */
  start(consent) {
    this.analyzer?.start(consent, this.video);
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    if (isPaused) this.analyzer?.pause();
    else this.analyzer?.resume();
  }

  end() {
    this.analyzer?.stop();
  }

  show() {
    const isOpen = Boolean(this.analyzer?.stream);
    this.video.hidden = !isOpen;
    find("own_empty").hidden = isOpen;
    setText(find("own_counts"), isOpen ? t("own_counts", this.analyzer?.counts) : "");
    find("own_state").dataset.state = isOpen ? "yes" : "none";
    setText(find("own_state"), t(isOpen ? "own_open" : "own_closed"));
    this.video.setAttribute("aria-label", t("own_video"));
  }
}
