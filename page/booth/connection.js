// The WebSocket to the booth: lets itself in, watches, comes back after a loss, and counts what was
// missed. Knows no element of the page.

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** A booth that says nothing for so long is asked; one that then does not answer is gone. */
const ASK_AFTER_MS = 15_000;
const GONE_AFTER_MS = 25_000;
const LOOK_EVERY_MS = 5000;

/** The close code of a client without a right to be here; its token was revoked or never good. */
const UNAUTHORIZED = 4401;

/** The close code of a session that went on in another connection; coming back would take it away. */
const TAKEN_OVER = 4409;

const REPORTS = ["visual_analysis", "audio_analysis"];

const WS_PATH = "ws/multimodal-analysis";
const REACH_PATH = "api/v1/reach";

/**
 * Where the booth's stream of messages is: beside the folder `page/` in which the booth serves
 * this module, also under a reverse proxy's prefix; of a copy elsewhere, at its page's own host.
 */
export function addressHere() {
  const base = import.meta.url.endsWith("/page/booth/connection.js") ? new URL("../..", import.meta.url) : new URL("/", location.href);
  const url = new URL(WS_PATH, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** A browser hides why a WebSocket was refused; the booth says it to a request. */
async function whyRefused(url) {
  const reach = new URL(url.replace(WS_PATH, REACH_PATH));
  reach.protocol = location.protocol;
  // Another origin's answer could not be read.
  if (reach.host !== location.host || !url.endsWith(WS_PATH)) return null;
  try {
    const answer = await fetch(reach, { method: "POST", cache: "no-store" });
    if (answer.ok) return "no_websocket";
    return (await answer.json()).code ?? null;
  } catch {
    return null;
  }
}

/** A name for a session that nobody else uses. */
export function makeSessionId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `${prefix}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * `on.link(name, detail)`: `connecting`, `live`, `lost` (`{retry_ms}`, and `{why}` where it could
 * not be opened and the booth says why: `foreign_origin`, `full`, `no_websocket`), `locked` (`{code}`).
 * `on.message(message)`: each message of the booth. `on.back({away_ms})`: live again.
 * `on.missed({kind, count, hasRestarted})`: what was not received meanwhile.
 */
export class Connection {
  constructor({ url, sessionId, watch = null, on }) {
    Object.assign(this, { url, sessionId, watch, on });
    this.token = null;
    this.socket = null;
    this.isLive = false;
    this.retryMs = FIRST_RETRY_MS;
    this.lostAt = null;
    this.failedInARow = 0;
    this.ahead_ms = 0;
    this.greetedBy = null;
    this.bootId = null;
    this.hasRestarted = false;
    this.last = new Map();
    this.isCounting = new Set();
  }

  open(token) {
    this.token = token;
    this.drop();
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardAt = performance.now();
    this.hasOpened = false;
    this.on.link("connecting");
    socket.onopen = () => {
      this.hasOpened = true;
      this.failedInARow = 0;
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
    this.watchdog = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Ends it; nothing comes back by itself. */
  close() {
    this.drop();
    this.lostAt = null;
  }

  /** False where there is nobody to send it to now. */
  send(type, data) {
    return this.sendRaw(JSON.stringify(data === undefined ? { type } : { type, data }));
  }

  sendRaw(payload) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(payload);
    return true;
  }

  /** A moment of this computer's clock by the booth's, ms since 1970. */
  atBooth(moment_ms) {
    return moment_ms + this.ahead_ms;
  }

  /** Bytes that the network has not taken yet. */
  get bufferedBytes() {
    return this.socket?.bufferedAmount ?? 0;
  }

  drop() {
    clearTimeout(this.timer);
    clearInterval(this.watchdog);
    const socket = this.socket;
    this.socket = null;
    this.isLive = false;
    socket?.close();
  }

  /** Finds a connection that is dead without having said so. */
  look() {
    const silence = performance.now() - this.heardAt;
    if (silence > GONE_AFTER_MS) this.closed(0);
    else if (silence > ASK_AFTER_MS) this.send("ping");
  }

  receive(message) {
    this.heardAt = performance.now();
    switch (message.type) {
      case "connected":
        this.ahead_ms = message.data.timestamp - Date.now();
        this.greetedBy = message.data.boot_id ?? null;
        this.send("auth", { session_id: this.sessionId, access_token: this.token });
        break;
      case "auth_success":
        if (this.watch) this.send("watch", { stream: this.watch });
        else this.goLive();
        break;
      case "auth_error":
        // The token may be good: the booth could not look.
        if (message.code === "unavailable") this.closed(0);
        else this.refuse(message.code);
        return;
      case "watching":
        this.goLive();
        break;
    }
    if (REPORTS.includes(message.type)) this.count(message.type, message.data);
    this.on.message(message);
  }

  goLive() {
    this.isLive = true;
    this.retryMs = FIRST_RETRY_MS;
    this.hasRestarted = this.bootId !== null && this.bootId !== this.greetedBy;
    this.bootId = this.greetedBy;
    this.on.link("live");
    if (this.lostAt === null) return;
    this.on.back?.({ away_ms: performance.now() - this.lostAt });
    this.lostAt = null;
    this.isCounting = new Set(this.last.keys());
  }

  /** What came between the last report before a loss and the first after it. */
  count(kind, report) {
    const before = this.last.get(kind);
    const now = { sequence: report.sequence, dropped: report.dropped_frames ?? report.dropped_segments ?? 0 };
    this.last.set(kind, now);
    if (!this.isCounting.delete(kind)) return;
    const hasRestarted = this.hasRestarted || now.sequence <= before.sequence;
    // What the booth itself dropped has a number, too, but was never a report.
    const skipped = now.sequence - before.sequence - 1 - (now.dropped - before.dropped);
    this.on.missed?.({ kind, count: hasRestarted ? null : Math.max(0, skipped), hasRestarted });
  }

  refuse(code) {
    this.close();
    this.on.link("locked", { code });
  }

  closed(code) {
    if (code === UNAUTHORIZED || code === TAKEN_OVER) {
      this.refuse(code === TAKEN_OVER ? "taken_over" : "token_revoked");
      return;
    }
    this.drop();
    this.lostAt ??= performance.now();
    // Jitter, so that many pages do not come back at once.
    const retry_ms = this.retryMs * (0.75 + Math.random() / 2);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    this.on.link("lost", { retry_ms });
    this.timer = setTimeout(() => this.open(this.token), retry_ms);
    if (!this.hasOpened) this.askWhy(retry_ms);
  }

  /** A booth that restarts answers before it takes WebSockets, so one failure is no reason yet. */
  async askWhy(retry_ms) {
    this.failedInARow += 1;
    const failed = this.failedInARow;
    const why = await whyRefused(this.url);
    const isSaid = why !== null && (why !== "no_websocket" || failed > 1);
    if (isSaid && !this.isLive && this.failedInARow === failed) this.on.link("lost", { retry_ms, why });
  }
}
