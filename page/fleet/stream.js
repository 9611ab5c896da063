// What changes, asked for each second. A stream would hold one of the six connections that a browser
// has to a host, so that the seventh tab would hang. After a loss it asks again, with more patience
// each time.

import { query } from "./api.js";
import { at } from "../lib/base.js";

const EVERY_MS = 1000;

/** A tab that nobody sees asks for its title's and its alerts' sake only. */
const HIDDEN_EVERY_MS = 15_000;

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** An answer comes at once; a connection that gives none is dead. */
const ANSWER_WITHIN_MS = 10_000;

export class Stream {
  /** `on`: `{link(name, code), hello(data), changes(data), live(data)}`. */
  constructor(on) {
    this.on = on;
    this.token = null;
    this.booth = null;
    this.retryMs = FIRST_RETRY_MS;
    this.aborter = null;
    this.forget();
    document.addEventListener("visibilitychange", () => !document.hidden && this.token !== null && this.restart());
  }

  forget() {
    Object.assign(this, { run: null, revision: 0, liveAt: { video: 0, audio: 0 } });
  }

  open(token) {
    this.token = token;
    this.forget();
    this.on.link("connecting");
    this.restart();
  }

  close() {
    this.token = null;
    this.aborter?.abort();
    clearTimeout(this.timer);
  }

  /** Live reports of this booth from now on; null: of none. */
  look(booth) {
    this.booth = booth;
    this.liveAt = { video: 0, audio: 0 };
    if (this.token !== null) this.restart();
  }

  restart() {
    this.aborter?.abort();
    clearTimeout(this.timer);
    this.aborter = new AbortController();
    this.ask(this.aborter);
  }

  async ask(aborter) {
    const { run, revision: after, liveAt, booth } = this;
    const live = booth && { ...booth, video_after: liveAt.video, audio_after: liveAt.audio };
    try {
      const signal = AbortSignal.any([aborter.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const where = at(`api/v1/fleet/changes${query({ run, after, ...live })}`);
      const answer = await fetch(where, { signal, cache: "no-store", headers: { Authorization: `Bearer ${this.token}` } });
      const said = answer.ok || answer.status === 401 || answer.status === 403 ? await answer.json() : null;
      if (this.aborter !== aborter || aborter.signal.aborted) return;
      if (said === null) throw new Error(`HTTP ${answer.status}`);
      if (answer.ok) this.take(said, aborter);
      else this.on.link("locked", said.code);
    } catch {
      if (this.aborter === aborter && !aborter.signal.aborted) this.lost(aborter);
    }
  }

  take(said, aborter) {
    this.retryMs = FIRST_RETRY_MS;
    Object.assign(this, { run: said.run, revision: said.revision });
    this.on.link("live");
    this.tell("hello", { role: said.role });
    this.tell("changes", said);
    for (const report of said.live) {
      this.liveAt[report.kind] = report.at;
      this.tell("live", report);
    }
    this.later(said.has_more ? 0 : document.hidden ? HIDDEN_EVERY_MS : EVERY_MS, aborter);
  }

  /** What one booth has sent must not end the page's view of the others. */
  tell(name, data) {
    try {
      this.on[name](data);
    } catch (error) {
      console.error(error);
    }
  }

  later(ms, aborter) {
    this.timer = setTimeout(() => this.ask(aborter), ms);
  }

  lost(aborter) {
    if (this.token === null) return;
    this.on.link("lost");
    this.later(this.retryMs * (0.5 + Math.random() / 2), aborter);
    this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
  }
}
