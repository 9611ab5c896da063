// The stream of changes: Server-Sent Events by fetch, since an EventSource cannot show a token
// other than in its address. After a loss it tries again, with more patience each time.

import { query } from "./fleet_api.js";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** The centre says something at least every 16 s. */
const SILENT_AFTER_MS = 40_000;

export class Stream {
  /** `on`: `{link(name, code), hello(data), changes(data), live(data)}`. */
  constructor(on) {
    this.on = on;
    this.token = null;
    this.booth = null;
    this.revision = 0;
    this.retryMs = FIRST_RETRY_MS;
    this.aborter = null;
  }

  open(token) {
    this.token = token;
    this.restart();
  }

  close() {
    this.token = null;
    this.aborter?.abort();
  }

  /** Live reports of this booth from now on; null: of none. */
  look(booth) {
    this.booth = booth;
    if (this.token !== null) this.restart();
  }

  restart() {
    this.aborter?.abort();
    clearTimeout(this.timer);
    this.aborter = new AbortController();
    this.read(this.aborter);
  }

  async read(aborter) {
    this.on.link("connecting");
    try {
      const where = `/api/v1/fleet/events${query({ after: this.revision, ...this.booth })}`;
      const answer = await fetch(where, { signal: aborter.signal, cache: "no-store", headers: { Authorization: `Bearer ${this.token}` } });
      if (answer.status === 401 || answer.status === 403) {
        const { code } = await answer.json();
        this.on.link("locked", code);
        return;
      }
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      this.on.link("live");
      this.retryMs = FIRST_RETRY_MS;
      await this.pump(answer.body.pipeThrough(new TextDecoderStream()).getReader(), aborter);
    } catch {
      // Lost, or never there; said below.
    }
    if (aborter.signal.aborted && this.aborter !== aborter) return;
    this.lost();
  }

  async pump(reader, aborter) {
    let rest = "";
    for (;;) {
      const silence = setTimeout(() => aborter.abort(), SILENT_AFTER_MS);
      const { done, value } = await reader.read();
      clearTimeout(silence);
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) this.take(event);
    }
  }

  take(event) {
    const [head, data] = event.split("\ndata: ");
    const name = head.replace("event: ", "");
    const parsed = JSON.parse(data);
    if (name === "changes") this.revision = parsed.revision;
    this.on[name]?.(parsed);
  }

  lost() {
    if (this.token === null) return;
    // The centre may have been started anew, and counts from one again.
    this.revision = 0;
    this.on.link("lost");
    this.timer = setTimeout(() => this.restart(), this.retryMs * (0.5 + Math.random() / 2));
    this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
  }
}
