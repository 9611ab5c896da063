// Polls what has changed, each second. A stream would hold one of the six connections that a browser
// has to a host, so that the seventh tab would hang. After a loss it polls again, with a longer wait
// each time.

import { at } from "../lib/base.js";
import { query } from "./api.js";

/** @import { BoothKey, Token } from "./api.js" */
/** @import { Changes, LiveReport, Role } from "./wire.js" */

/** @typedef {"connecting" | "live" | "lost" | "locked"} Link */

/**
 * @typedef {object} Listener
 * @property {(name: Link, code?: string) => void} link `locked` has the code of the refusal
 * @property {(role: Role) => void} role what the token may do
 * @property {(changes: Changes) => void} changes
 * @property {(report: LiveReport) => void} live
 */

const EVERY_MS = 1000;

/** A hidden tab polls for the sake of its alerts only. */
const HIDDEN_EVERY_MS = 15_000;

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** An answer comes at once; a connection that gives none is dead. */
const ANSWER_WITHIN_MS = 10_000;

export class Stream {
  /** @param {Listener} on */
  constructor(on) {
    this.on = on;
    /** @type {Token} */
    this.token = null;
    /** @type {BoothKey | null} */
    this.booth = null;
    this.retryMs = FIRST_RETRY_MS;
    /** @type {AbortController | null} */
    this.aborter = null;
    /** @type {number | null} */
    this.run = null;
    this.revision = 0;
    this.liveAt = { video: 0, audio: 0 };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    document.addEventListener("visibilitychange", () => !document.hidden && this.token !== null && this.restart());
  }

  forget() {
    Object.assign(this, { run: null, revision: 0, liveAt: { video: 0, audio: 0 } });
  }

  /** @param {string} token */
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

  /**
   * Live reports of this booth from now on; null: of none.
   * @param {BoothKey | null} booth
   */
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

  /** @param {AbortController} aborter */
  async ask(aborter) {
    const { run, revision: after, liveAt, booth } = this;
    const live = booth && { ...booth, video_after: liveAt.video, audio_after: liveAt.audio };
    try {
      const signal = AbortSignal.any([aborter.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const where = at(`api/v1/fleet/changes${query({ run, after, ...live })}`);
      const answer = await fetch(where, { signal, cache: "no-store", headers: { Authorization: `Bearer ${this.token}` } });
      const isForUs = answer.ok || answer.status === 401 || answer.status === 403;
      const data = isForUs ? await answer.json() : null;
      if (this.aborter !== aborter || aborter.signal.aborted) return;
      if (data === null) throw new Error(`HTTP ${answer.status}`);
      if (answer.ok) this.take(data, aborter);
      else this.on.link("locked", data.code);
    } catch {
      if (this.aborter === aborter && !aborter.signal.aborted) this.lost(aborter);
    }
  }

  /** @param {Changes} changes @param {AbortController} aborter */
  take(changes, aborter) {
    this.retryMs = FIRST_RETRY_MS;
    this.run = changes.run;
    this.revision = changes.revision;
    this.on.link("live");
    this.on.role(changes.role);
    guarded(() => this.on.changes(changes));
    for (const report of changes.live) {
      this.liveAt[report.kind] = report.at;
      guarded(() => this.on.live(report));
    }
    this.later(changes.has_more ? 0 : document.hidden ? HIDDEN_EVERY_MS : EVERY_MS, aborter);
  }

  /** @param {number} ms @param {AbortController} aborter */
  later(ms, aborter) {
    this.timer = setTimeout(() => this.ask(aborter), ms);
  }

  /** @param {AbortController} aborter */
  lost(aborter) {
    if (this.token === null) return;
    this.on.link("lost");
    this.later(this.retryMs * (0.5 + Math.random() / 2), aborter);
    this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
  }
}

/**
 * What one booth has sent must not end the page's view of the others.
 * @param {() => void} act
 */
function guarded(act) {
  try {
    act();
  } catch (error) {
    console.error(error);
  }
}
