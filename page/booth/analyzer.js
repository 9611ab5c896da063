// RealtimeMultimodalAnalyzer: a browser's own camera and microphone as a stream of the booth.
// To embed it elsewhere copy this file and those it imports; docs/guide/page.md has an example.

import { addressHere, Connection, makeSessionId } from "./connection.js";
import { asDataUrl, FrameSource, KIND_JPEG, KIND_RECORDING, SoundSource, withHeader } from "./media.js";

/** @import { ServerMessage, StateOf } from "../lib/wire.js" */
/** @import { Link, LinkDetail } from "./connection.js" */

/** @typedef {"idle" | "connecting" | "ready" | "running" | "paused" | "lost" | "locked" | "stopped"} State */
/** @typedef {LinkDetail & {state: State}} StateDetail */

/**
 * @typedef {object} Options
 * @property {string} token an access token of the booth (guest or operator)
 * @property {string | null} [url] the booth's WebSocket; by default that of the page's own host
 * @property {string | null} [sessionId] names the session; the same over reconnects
 * @property {boolean} [video] whether pictures are captured
 * @property {boolean} [audio] whether sound is captured
 * @property {boolean} [isBinary] false: `video_frame` and `audio_chunk` in base64, as older booths want
 * @property {number} [framesPerSecond]
 * @property {number} [widthPx]
 * @property {number} [heightPx]
 * @property {number} [jpegQuality] 0..1
 * @property {number} [chunkMs] length of a slice of sound
 * @property {number} [maxBufferedBytes] above this much unsent, pictures are dropped and counted
 */

/** @typedef {{notice_version: string, consent_at: number, subject_ref?: string}} Consent */

const DEFAULTS = {
  video: true, audio: true, isBinary: true,
  framesPerSecond: 2, widthPx: 640, heightPx: 480, jpegQuality: 0.8, chunkMs: 3000, maxBufferedBytes: 1_000_000,
};

/**
 * Sends pictures (2 fps, 640x480 JPEG) and sound (3 s slices of a recording) and receives the analysis.
 *
 * Events (`CustomEvent`, the data is `detail`):
 * - `visual`, `audio`: the data of `visual_analysis` and `audio_analysis`;
 * - `state`: `{state}`, one of `idle`, `connecting`, `ready`, `running`, `paused`, `lost`, `locked`,
 *   `stopped`; with `{retry_ms}` after a loss and `{code}` where the token is refused;
 * - `error`: `{code, message}`; codes of its own are `no_camera`, `not_allowed`, `not_secure`,
 *   `device_lost`, `no_recorder`, all others are the booth's;
 * - `message`: each message of the booth, as it came; `back`, `missed`: after a loss, see `Connection`.
 *
 * Nothing is captured before `start`, which needs the consent of the person in the picture. One
 * analyzer is one session: the next interview needs a new one, with a `sessionId` of its own.
 */
export class RealtimeMultimodalAnalyzer extends EventTarget {
  /** @param {Options} options */
  constructor(options) {
    super();
    this.options = { ...DEFAULTS, ...options };
    /** @type {State} */
    this.state = "idle";
    this.counts = { frames_sent: 0, frames_dropped: 0, chunks_sent: 0, chunks_dropped: 0 };
    /** @type {Consent | null} */
    this.consent = null;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {HTMLVideoElement | null} */
    this.preview = null;
    /** @type {FrameSource | null} */
    this.frames = null;
    /** @type {SoundSource | null} */
    this.sound = null;
    this.knowsState = false;
    this.mustEnd = false;
    this.connection = new Connection({
      url: this.options.url ?? addressHere(),
      sessionId: this.options.sessionId ?? makeSessionId("own"),
      on: {
        link: (name, detail) => this.linked(name, detail),
        message: (message) => this.receive(message),
        back: (detail) => this.emit("back", detail),
        missed: (detail) => this.emit("missed", detail),
      },
    });
  }

  /** Authenticates, so that the booth's notice and switches are known before consent is asked for. */
  connect() {
    this.connection.open(this.options.token);
  }

  /**
   * Opens the devices and begins the session.
   * @param {Consent | null} consent
   * @param {HTMLVideoElement | null} [preview] shows the person their own picture
   * @throws {Error} without consent; devices that do not open give an `error` event and `false`
   * @returns {Promise<boolean>} whether it runs
   */
  async start(consent, preview = null) {
    if (!consent?.notice_version || !consent.consent_at) throw new Error("start() needs the person's consent");
    const stream = await this.openDevices();
    if (stream === null) return false;
    this.consent = consent;
    this.stream = stream;
    this.preview = preview;
    for (const track of stream.getTracks()) track.onended = () => this.deviceLost(track);
    if (preview) preview.srcObject = stream;
    if (this.knowsState) this.begin();
    else if (this.connection.socket === null) this.connect();
    return true;
  }

  /** Nothing is captured or analysed until `resume`. */
  pause() {
    this.endSources();
    for (const track of this.stream?.getTracks() ?? []) track.enabled = false;
    this.connection.send("pause_session");
    this.become("paused");
  }

  resume() {
    for (const track of this.stream?.getTracks() ?? []) track.enabled = true;
    this.connection.send("resume_session");
    this.startSources();
    this.become("running");
  }

  /** Ends the session and closes the devices; the booth answers with a `session_summary`. */
  stop() {
    this.closeDevices();
    if (this.mustEnd) this.connection.send("end_session");
    this.consent = null;
    this.become("stopped");
  }

  /** Closes the devices and the connection; no event follows. */
  close() {
    this.closeDevices();
    this.connection.close();
  }

  // -- from here on: how it is done ------------------------------------------------------------

  /** @param {string} type @param {unknown} detail */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {State} state @param {LinkDetail} [detail] */
  become(state, detail = {}) {
    this.state = state;
    this.emit("state", { state, ...detail });
  }

  /** @param {string} code @param {string} message */
  fail(code, message) {
    this.emit("error", { code, message });
  }

  /** @param {Link} name @param {LinkDetail} [detail] */
  linked(name, detail) {
    if (name !== "live") {
      this.knowsState = false;
      this.endSources();
      this.become(name, detail);
      return;
    }
    // Opens the stream, or finds the one from before a loss; the booth answers with its `state`.
    this.knowsState = false;
    this.connection.send("configure", { features: {} });
  }

  /**
   * What the stream does, once it is known: only then is it clear whether its session still runs.
   * @param {StateOf} state
   */
  found(state) {
    if (this.knowsState) return;
    this.knowsState = true;
    this.mustEnd = state.session !== null;
    if (this.consent) this.begin(state);
    else this.become("ready");
  }

  /**
   * The sound's first slice has the header that all others need, so each beginning records anew.
   * @param {StateOf | null} [state]
   */
  begin(state = null) {
    if (this.consent && !state?.session) {
      const consent_at = this.connection.atBooth(this.consent.consent_at);
      this.connection.send("start_session", { ...this.consent, consent_at });
    }
    this.mustEnd = true;
    if (state?.paused) {
      this.become("paused");
      return;
    }
    this.startSources();
    this.become("running");
  }

  /** @param {ServerMessage} message */
  receive(message) {
    this.emit("message", message);
    if (message.type === "state") this.found(message.data);
    if (message.type === "session_summary") this.mustEnd = false;
    if (message.type === "visual_analysis") this.emit("visual", message.data);
    else if (message.type === "audio_analysis") this.emit("audio", message.data);
    else if (message.type === "error") {
      this.fail(message.code, message.data);
      // Refused a stream of its own, such as a viewer: connected all the same.
      if (!this.knowsState && this.connection.isLive) this.become("ready");
    }
  }

  async openDevices() {
    const { video, audio, widthPx, heightPx } = this.options;
    if (!navigator.mediaDevices) {
      this.fail("not_secure", "a browser opens its camera only for https or localhost");
      return null;
    }
    // What a browser does to speech to make it pleasant changes what is measured.
    const untouched = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try {
      return await navigator.mediaDevices.getUserMedia({
        video: video && { width: { ideal: widthPx }, height: { ideal: heightPx } },
        audio: audio && untouched,
      });
    } catch (error) {
      const { name, message } = /** @type {DOMException} */ (error);
      this.fail(name === "NotAllowedError" ? "not_allowed" : "no_camera", message);
      return null;
    }
  }

  /** @param {MediaStreamTrack} track */
  deviceLost(track) {
    this.fail("device_lost", track.kind);
    this.stop();
  }

  startSources() {
    this.endSources();
    if (this.stream === null) return;
    const o = this.options;
    if (this.stream.getVideoTracks().length > 0) {
      this.frames = new FrameSource(this.stream, o, (jpeg, at) => this.sendFrame(jpeg, at), () => this.hasRoom());
      this.frames.onDrop = () => (this.counts.frames_dropped += 1);
    }
    if (this.stream.getAudioTracks().length > 0) {
      this.sound = new SoundSource(this.stream, o.chunkMs, (slice, at) => this.sendChunk(slice, at));
      if (!this.sound.start()) this.fail("no_recorder", "this browser records neither Opus nor AAC in WebM, Ogg or MP4");
    }
  }

  endSources() {
    this.frames?.stop();
    this.sound?.stop();
    this.frames = null;
    this.sound = null;
  }

  closeDevices() {
    this.endSources();
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    if (this.preview) this.preview.srcObject = null;
    this.stream = null;
  }

  /** A picture that waits is stale: while the network is behind, pictures are dropped. */
  hasRoom() {
    return this.connection.isLive && this.connection.bufferedBytes <= this.options.maxBufferedBytes;
  }

  /** @param {Blob} jpeg @param {number} at */
  async sendFrame(jpeg, at) {
    const { widthPx: width, heightPx: height } = this.options;
    const isSent = this.options.isBinary
      ? this.connection.sendRaw(await withHeader(KIND_JPEG, at, jpeg))
      : this.connection.send("video_frame", { frame: await asDataUrl(jpeg), timestamp: at, width, height });
    this.counts[isSent ? "frames_sent" : "frames_dropped"] += 1;
  }

  /** @param {Blob} slice @param {number} at */
  async sendChunk(slice, at) {
    const isSent = this.options.isBinary
      ? this.connection.sendRaw(await withHeader(KIND_RECORDING, at, slice))
      : this.connection.send("audio_chunk", { audio: (await asDataUrl(slice)).split(",")[1], timestamp: at, duration: this.options.chunkMs });
    this.counts[isSent ? "chunks_sent" : "chunks_dropped"] += 1;
  }
}
