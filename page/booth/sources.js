// The two things that the page can show: the booth's own stream, or this computer's camera and
// microphone. Both speak to the page in the same way.

import { RealtimeMultimodalAnalyzer } from "./analyzer.js";
import { addressHere, Connection, makeSessionId } from "./connection.js";
import { find, setText } from "../lib/dom.js";
import { t } from "../lib/words.js";

/** Watches the booth. `on` is a Connection's. */
export class BoothSource {
  constructor(on) {
    this.connection = new Connection({ url: addressHere(), sessionId: makeSessionId("page"), watch: "booth", on });
  }

  open(token, session) {
    if (session) this.connection.sessionId = session;
    this.connection.open(token);
  }

  close() {
    this.connection.close();
  }

  configure(features) {
    this.connection.send("configure", { features });
  }

  start(consent) {
    this.connection.send("start_session", { ...consent, consent_at: this.connection.atBooth(consent.consent_at) });
  }

  /** The booth's time, ms since 1970. */
  now() {
    return this.connection.atBooth(Date.now());
  }

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

/** Sends this computer's camera and microphone. `on` is a Connection's and `problem({code, message})`. */
export class OwnSource {
  constructor(on) {
    this.on = on;
    this.analyzer = null;
    find("own").hidden = false;
  }

  open(token, session) {
    this.analyzer?.close();
    Object.assign(this, { token, session });
    this.sessionId ??= session ?? makeSessionId("own");
    const analyzer = new RealtimeMultimodalAnalyzer({ token, sessionId: this.sessionId });
    analyzer.addEventListener("state", ({ detail }) => this.changed(detail));
    analyzer.addEventListener("message", ({ detail }) => this.heard(detail));
    analyzer.addEventListener("back", ({ detail }) => this.on.back(detail));
    analyzer.addEventListener("missed", ({ detail }) => this.on.missed(detail));
    analyzer.addEventListener("error", ({ detail }) => this.on.problem(detail));
    this.analyzer = analyzer;
    analyzer.connect();
  }

  close() {
    this.analyzer?.close();
  }

  /** A session that has ended keeps its name: the next interview gets another. */
  heard(message) {
    this.on.message(message);
    if (message.type !== "session_summary") return;
    this.sessionId = null;
    this.open(this.token, this.session);
  }

  changed(detail) {
    const isLink = ["connecting", "lost", "locked"].includes(detail.state);
    if (isLink) this.on.link(detail.state, detail);
    else if (this.analyzer.connection.isLive) this.on.link("live");
    this.show();
  }

  configure(features) {
    this.analyzer.connection.send("configure", { features });
  }

  now() {
    return this.analyzer?.connection.atBooth(Date.now()) ?? Date.now();
  }

  start(consent) {
    this.analyzer.start(consent, find("own_video"));
  }

  pause(isPaused) {
    if (isPaused) this.analyzer.pause();
    else this.analyzer.resume();
  }

  end() {
    this.analyzer.stop();
  }

  show() {
    const isOpen = Boolean(this.analyzer?.stream);
    find("own_video").hidden = !isOpen;
    find("own_empty").hidden = isOpen;
    const { frames_sent, frames_dropped, chunks_sent, chunks_dropped } = this.analyzer?.counts ?? {};
    const sent = isOpen ? t("own_counts", { frames_sent, frames_dropped, chunks_sent, chunks_dropped }) : "";
    setText(find("own_counts"), sent);
    find("own_state").dataset.state = isOpen ? "yes" : "none";
    setText(find("own_state"), t(isOpen ? "own_open" : "own_closed"));
    find("own_video").setAttribute("aria-label", t("own_video"));
  }
}
