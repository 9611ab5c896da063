// A MediaStream as JPEG pictures and as slices of a recording, and the form in which they are sent.
// Knows no network.

/** @typedef {{framesPerSecond: number, widthPx: number, heightPx: number, jpegQuality: number}} PictureOptions */
/** @typedef {(blob: Blob, at_ms: number) => void} Take takes a picture, or a slice of a recording */

/** Kinds of a binary message: `[kind u8][timestamp u64 LE, ms][payload]`. */
export const KIND_JPEG = 1;
export const KIND_RECORDING = 2;
const HEADER_BYTES = 9;

/** What the booth decodes, the smallest at one loudness first: Chromium and Firefox record the first, a Safari before 18.4 the last. */
export const SOUND_TYPES = [
  "audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4",
];

/** Takes a picture each 1/fps s, unless the last one is not done or there is no room for it. */
export class FrameSource {
  /**
   * @param {MediaStream} stream
   * @param {PictureOptions} options
   * @param {Take} give
   * @param {() => boolean} hasRoom
   */
  constructor(stream, options, give, hasRoom) {
    this.options = options;
    this.give = give;
    this.hasRoom = hasRoom;
    this.isBusy = false;
    /** @type {() => void} */
    this.onDrop = () => undefined;
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.srcObject = stream;
    this.video.play().catch(() => this.stop());
    this.canvas = document.createElement("canvas");
    this.timer = setInterval(() => this.take(), 1000 / options.framesPerSecond);
  }

  stop() {
    clearInterval(this.timer);
    this.video.srcObject = null;
  }

  take() {
    if (this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    if (this.isBusy || !this.hasRoom()) {
      this.onDrop();
      return;
    }
    const at_ms = Date.now();
    this.draw();
    this.isBusy = true;
    this.canvas.toBlob((jpeg) => {
      this.isBusy = false;
      if (jpeg) this.give(jpeg, at_ms);
      else this.onDrop();
    }, "image/jpeg", this.options.jpegQuality);
  }

  /** Scaled into the wanted size without changing the shape of a face. */
  draw() {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, this.options.widthPx / videoWidth, this.options.heightPx / videoHeight);
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    this.canvas.getContext("2d")?.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
  }
}

/** Records sound; `give(slice, at_ms)` takes each slice of the one file that this makes. */
export class SoundSource {
  /** @param {MediaStream} stream @param {number} chunkMs @param {Take} give */
  constructor(stream, chunkMs, give) {
    this.chunkMs = chunkMs;
    this.give = give;
    /** @type {MediaRecorder | null} */
    this.recorder = null;
    this.stream = new MediaStream(stream.getAudioTracks());
  }

  /** False where the browser cannot record what the booth reads. */
  start() {
    const mimeType = SOUND_TYPES.find((type) => globalThis.MediaRecorder?.isTypeSupported(type));
    if (mimeType === undefined) return false;
    this.recorder = new MediaRecorder(this.stream, { mimeType });
    this.recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) this.give(data, Date.now());
    };
    this.recorder.start(this.chunkMs);
    return true;
  }

  stop() {
    if (this.recorder === null) return;
    this.recorder.ondataavailable = null;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.recorder = null;
  }
}

/**
 * A binary message.
 * @param {number} kind
 * @param {number} timestamp_ms
 * @param {Blob} blob
 */
export async function withHeader(kind, timestamp_ms, blob) {
  const payload = new Uint8Array(await blob.arrayBuffer());
  const message = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, kind);
  view.setBigUint64(1, BigInt(timestamp_ms), true);
  message.set(payload, HEADER_BYTES);
  return message;
}

/**
 * The same as base64, for the older form of the messages.
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
export function asDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
