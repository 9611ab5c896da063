// The WebSocket to the booth: authenticates, watches, reconnects after a loss, and counts what was
// missed. Knows no element of the page.

/** @import { AudioReport, ServerMessage, VisualReport } from "../lib/wire.js" */

/** @typedef {"connecting" | "live" | "lost" | "locked"} Link */
/** @typedef {{retry_ms?: number, why?: string, code?: string}} LinkDetail */

/**
 * What happens to a connection.
 * @typedef {object} Listener
 * @property {(name: Link, detail?: LinkDetail) => void} link `lost` has `{retry_ms}`, and `{why}` where it
 * could not be opened and the booth gives a reason: `foreign_origin`, `full`, `no_websocket`; `locked` has `{code}`
 * @property {(message: ServerMessage) => void} message each message of the booth
 * @property {(detail: {away_ms: number}) => void} [back] live again
 * @property {(detail: {kind: string, count: number | null, hasRestarted: boolean}) => void} [missed] what was not received meanwhile
 */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** A booth that is silent for so long gets a ping; one that does not answer is gone. */
const ASK_AFTER_MS = 15_000;
const GONE_AFTER_MS = 25_000;
const LOOK_EVERY_MS = 5000;

/** The close code of a client without a right to be here; its token was revoked or never good. */
const UNAUTHORIZED = 4401;

/** The close code of a session that went on in another connection; coming back would take it away. */
const TAKEN_OVER = 4409;

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

/**
 * A browser hides why a WebSocket was refused; the booth answers a request with the reason.
 * @param {string} url
 * @returns {Promise<string | null>}
 */
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

/**
 * A unique name for a session.
 * @param {string} prefix
 */
export function makeSessionId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `${prefix}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export class Connection {
  /**
   * @param {object} options
   * @param {string} options.url
   * @param {string} options.sessionId
   * @param {string | null} [options.watch] the stream whose reports are wanted without sending media
   * @param {Listener} options.on
   */
  constructor({ url, sessionId, watch = null, on }) {
    this.url = url;
    this.sessionId = sessionId;
    this.watch = watch;
    this.on = on;
    this.token = "";
    /** @type {WebSocket | null} */
    this.socket = null;
    this.isLive = false;
    this.retryMs = FIRST_RETRY_MS;
    /** @type {number | null} */
    this.lostAt = null;
    this.failedInARow = 0;
    this.ahead_ms = 0;
    this.receivedAt = 0;
    /** @type {string | null} of the booth's start that this connection belongs to */
    this.greetedBy = null;
    /** @type {string | null} of the one before */
    this.bootId = null;
    this.hasRestarted = false;
    /** @type {Map<string, {sequence: number, dropped: number}>} */
    this.last = new Map();
    /** @type {Set<string>} */
    this.isCounting = new Set();
  }

  /** @param {string} token */
  open(token) {
    this.token = token;
    this.drop();
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.receivedAt = performance.now();
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

  /**
   * False where there is no connection now.
   * @param {string} type
   * @param {unknown} [data]
   */
  send(type, data) {
    return this.sendRaw(JSON.stringify(data === undefined ? { type } : { type, data }));
  }

  /** @param {string | ArrayBufferView<ArrayBuffer>} payload */
  sendRaw(payload) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(payload);
    return true;
  }

  /**
   * A moment of this computer's clock by the booth's, ms since 1970.
   * @param {number} moment_ms
   */
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

  /** Finds a connection that is dead and was never closed. */
  look() {
    const silence = performance.now() - this.receivedAt;
    if (silence > GONE_AFTER_MS) this.closed(0);
    else if (silence > ASK_AFTER_MS) this.send("ping");
  }

  /** @param {ServerMessage} message */
  receive(message) {
    this.receivedAt = performance.now();
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
      case "visual_analysis":
        this.count(message.type, message.data, message.data.dropped_frames);
        break;
      case "audio_analysis":
        this.count(message.type, message.data, message.data.dropped_segments);
        break;
    }
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

  /**
   * What came between the last report before a loss and the first after it.
   * @param {string} kind
   * @param {VisualReport | AudioReport} report
   * @param {number} [dropped]
   */
  count(kind, { sequence }, dropped = 0) {
    const before = this.last.get(kind);
    const now = { sequence, dropped };
    this.last.set(kind, now);
    if (!this.isCounting.delete(kind) || !before) return;
    const hasRestarted = this.hasRestarted || now.sequence <= before.sequence;
    // What the booth itself dropped has a number, too, but was never a report.
    const skipped = now.sequence - before.sequence - 1 - (now.dropped - before.dropped);
    this.on.missed?.({ kind, count: hasRestarted ? null : Math.max(0, skipped), hasRestarted });
  }

  /** @param {string} code */
  refuse(code) {
    this.close();
    this.on.link("locked", { code });
  }

  /** @param {number} code */
  closed(code) {
    if (code === UNAUTHORIZED || code === TAKEN_OVER) {
      this.refuse(code === TAKEN_OVER ? "taken_over" : "token_revoked");
      return;
    }
    this.drop();
    this.lostAt ??= performance.now();
    // Jitter, so that many pages do not reconnect at once.
    const retry_ms = this.retryMs * (0.75 + Math.random() / 2);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    this.on.link("lost", { retry_ms });
    this.timer = setTimeout(() => this.open(this.token), retry_ms);
    if (!this.hasOpened) this.askWhy(retry_ms);
  }

  /**
   * A booth that restarts answers before it takes WebSockets, so one failure is no reason yet.
   * @param {number} retry_ms
   */
  async askWhy(retry_ms) {
    this.failedInARow += 1;
    const failed = this.failedInARow;
    const why = await whyRefused(this.url);
    const isSure = why !== null && (why !== "no_websocket" || failed > 1);
    if (isSure && !this.isLive && this.failedInARow === failed) this.on.link("lost", { retry_ms, why });
  }
}
