// RealtimeMultimodalAnalyzer: a browser's own camera and microphone as a stream of the booth.
// To embed it elsewhere copy this file and those it imports; docs/guide/page.md has an example.

import { addressHere, Connection, makeSessionId } from "./connection.js";
import { asDataUrl, FrameSource, KIND_JPEG, KIND_RECORDING, SoundSource, withHeader } from "./media.js";

const DEFAULTS = {
  url: null, token: null, sessionId: null, video: true, audio: true, isBinary: true,
  framesPerSecond: 2, widthPx: 640, heightPx: 480, jpegQuality: 0.8, chunkMs: 3000, maxBufferedBytes: 1_000_000,
};

/**
 * Sends pictures (2 fps, 640x480 JPEG) and sound (3 s slices of a recording) and hears the analysis.
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
  /**
   * @param {object} options
   * @param {string} options.token an access token of the booth (guest or operator)
   * @param {string} [options.url] the booth's WebSocket; by default that of the page's own host
   * @param {string} [options.sessionId] names the session; kept over reconnects
   * @param {boolean} [options.video] @param {boolean} [options.audio] what is captured
   * @param {boolean} [options.isBinary] false: `video_frame` and `audio_chunk` in base64, as older booths want
   * @param {number} [options.framesPerSecond] @param {number} [options.widthPx] @param {number} [options.heightPx]
   * @param {number} [options.jpegQuality] 0..1 @param {number} [options.chunkMs] length of a slice of sound
   * @param {number} [options.maxBufferedBytes] above this much unsent, pictures are dropped and counted
   */
  constructor(options) {
    super();
    this.options = { ...DEFAULTS, ...options };
    this.state = "idle";
    this.counts = { frames_sent: 0, frames_dropped: 0, chunks_sent: 0, chunks_dropped: 0 };
    this.consent = null;
    this.stream = null;
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

  /** Lets itself in, so that the booth's notice and switches are known before anybody is asked. */
  connect() {
    this.connection.open(this.options.token);
  }

  /**
   * Opens the devices and begins the session.
   * @param {{notice_version: string, consent_at: number, subject_ref?: string}} consent
   * @param {HTMLVideoElement} [preview] shows the person their own picture
   * @throws {Error} without consent; devices that do not open are told by `error` and give `false`
   * @returns {Promise<boolean>} whether it runs
   */
  async start(consent, preview = null) {
    if (!consent?.notice_version || !consent.consent_at) throw new Error("start() needs the person's consent");
    const stream = await this.openDevices();
    if (stream === null) return false;
    Object.assign(this, { consent, stream, preview });
    for (const track of stream.getTracks()) track.onended = () => this.deviceLost(track);
    if (preview) preview.srcObject = stream;
    if (this.knowsState) this.begin();
    else if (this.connection.socket === null) this.connect();
    return true;
  }

  /** Nothing is taken from the devices nor analysed until `resume`. */
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

  /** Ends the session and lets go of the devices; the booth answers with a `session_summary`. */
  stop() {
    this.closeDevices();
    if (this.mustEnd) this.connection.send("end_session");
    this.consent = null;
    this.become("stopped");
  }

  /** Lets go of everything; no event follows. */
  close() {
    this.closeDevices();
    this.connection.close();
  }

  // -- from here on: how it is done ------------------------------------------------------------

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  become(state, detail = {}) {
    this.state = state;
    this.emit("state", { state, ...detail });
  }

  fail(code, message) {
    this.emit("error", { code, message });
  }

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

  /** What the stream does, once it is known: only then is it clear whether its session still runs. */
  found(state) {
    if (this.knowsState) return;
    this.knowsState = true;
    this.mustEnd = state.session !== null;
    if (this.consent) this.begin(state);
    else this.become("ready");
  }

  /** The sound's first slice has the header that all others need, so each beginning records anew. */
  begin(state = null) {
    if (!state?.session) {
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
      this.fail(error.name === "NotAllowedError" ? "not_allowed" : "no_camera", error.message);
      return null;
    }
  }

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

  /** Pictures wait for nobody: while the network is behind, the next newer one will do. */
  hasRoom() {
    return this.connection.isLive && this.connection.bufferedBytes <= this.options.maxBufferedBytes;
  }

  async sendFrame(jpeg, at) {
    const { widthPx: width, heightPx: height } = this.options;
    const isSent = this.options.isBinary
      ? this.connection.sendRaw(await withHeader(KIND_JPEG, at, jpeg))
      : this.connection.send("video_frame", { frame: await asDataUrl(jpeg), timestamp: at, width, height });
    this.counts[isSent ? "frames_sent" : "frames_dropped"] += 1;
  }

  async sendChunk(slice, at) {
    const isSent = this.options.isBinary
      ? this.connection.sendRaw(await withHeader(KIND_RECORDING, at, slice))
      : this.connection.send("audio_chunk", { audio: (await asDataUrl(slice)).split(",")[1], timestamp: at, duration: this.options.chunkMs });
    this.counts[isSent ? "chunks_sent" : "chunks_dropped"] += 1;
  }
}
