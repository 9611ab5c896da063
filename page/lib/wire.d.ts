// Made by tests/browser/wire.mjs from wire.schema.json; do not edit.

/**
 * Role of a token; each includes the rights of the one before.
 */
export type Role = "viewer" | "guest" | "operator";
/**
 * What costs frames, the cause before its effect.
 */
export type Trouble = "under_voltage" | "over_current" | "too_hot" | "throttled";
/**
 * State of a session.
 */
export type SessionState = "running" | "ended" | "abandoned";
/**
 * Source of a session's media.
 */
export type StreamKind = "booth" | "client";
/**
 * Which law the booth is under.
 */
export type Profile = "default" | "eu" | "unchosen";
/**
 * The number of a token. Never reused.
 */
export type TokenId = number;
export type ServerMessage =
  | {
      data: Connected;
      timestamp?: unknown;
      type: "connected";
    }
  | {
      data: AuthSuccess;
      timestamp?: unknown;
      type: "auth_success";
    }
  | {
      code: string;
      data: string;
      ref: string;
      timestamp?: unknown;
      type: "auth_error";
    }
  | {
      data: Watching;
      timestamp?: unknown;
      type: "watching";
    }
  | {
      data: StateOf;
      timestamp?: unknown;
      type: "state";
    }
  | {
      data: VisualReport;
      timestamp?: unknown;
      type: "visual_analysis";
    }
  | {
      data: AudioReport;
      timestamp?: unknown;
      type: "audio_analysis";
    }
  | {
      data: DeviceNews;
      timestamp?: unknown;
      type: "device";
    }
  | {
      data: SessionStarted;
      timestamp?: unknown;
      type: "session_started";
    }
  | {
      data: SessionSummary;
      timestamp?: unknown;
      type: "session_summary";
    }
  | {
      data: Pong;
      timestamp?: unknown;
      type: "pong";
    }
  | {
      code: string;
      data: string;
      ref: string;
      timestamp?: unknown;
      type: "error";
    };
/**
 * ms since 1970, or RFC 3339 text
 */
export type Timestamp = number | string;

export interface BoothWire {
  [k: string]: unknown;
}
/**
 * A running session.
 */
export interface ActiveSession {
  /**
   * Time of the consent, ms since 1970.
   */
  consent_at: number;
  /**
   * Version of the notice that the person agreed to.
   */
  notice_version: string;
  /**
   * Id of the session.
   */
  session_id: string;
  /**
   * Start of the session, ms since 1970.
   */
  started_at: number;
  /**
   * The subject, named by the operator.
   */
  subject_ref: string | null;
}
/**
 * `audio_analysis`: one segment and the metrics of the voice up to it.
 */
export interface AudioReport {
  /**
   * Arousal against the speaker's own baseline, -1..1.
   */
  arousal: number | null;
  /**
   * Syllables a second of speaking time.
   */
  articulation_rate: number | null;
  /**
   * Speech for over 0.3 s of the segment.
   */
  audio_detected: boolean;
  /**
   * Share of 1-4 kHz in the voice, scaled down by clipping and noise, 0..1.
   */
  clarity_score: number | null;
  /**
   * Samples at full scale or, in speech, on flat tops below it, 0..1.
   */
  clipping_ratio: number | null;
  /**
   * The bundled clip stands in for a microphone: these numbers belong to no person.
   */
  demo_source: boolean;
  /**
   * Segments that were dropped because no worker was free, so far.
   */
  dropped_segments: number;
  /**
   * calm, neutral or activated, against the speaker's own baseline.
   */
  emotion: string | null;
  /**
   * 0..1.
   */
  emotion_confidence: number | null;
  features: Features;
  /**
   * Harmonics-to-noise ratio of the voiced frames (Boersma 1993), dB.
   */
  harmonics_to_noise_db: number | null;
  /**
   * The longest of them, ms.
   */
  longest_pause_ms: number | null;
  /**
   * Silences of at least 0.3 s between speech.
   */
  pause_count: number | null;
  performance_metrics: Performance;
  /**
   * Mean fundamental frequency, Hz.
   */
  pitch_mean: number | null;
  /**
   * Median of the fundamental frequency, Hz.
   */
  pitch_median: number | null;
  /**
   * 95th less 5th percentile of the fundamental frequency, Hz.
   */
  pitch_range: number | null;
  /**
   * Variance of the fundamental frequency, Hz².
   */
  pitch_variance: number | null;
  /**
   * Analysis of this segment, ms.
   */
  processing_time: number;
  quality: SoundQuality;
  /**
   * Why a metric is null, by the metric's name: `no_sound`, `digital_silence`, `no_speech`,
   * `unvoiced`, `no_syllables`, `no_pause`, `needs_1_s`, `needs_15_s` or `off`.
   */
  reasons: {
    [k: string]: string;
  };
  /**
   * The segment's number.
   */
  sequence: number;
  /**
   * The session that this belongs to.
   */
  session_id: string | null;
  /**
   * Magnitude-weighted mean frequency of voiced frames, Hz.
   */
  spectral_centroid_hz: number | null;
  /**
   * Syllables a minute of speaking time.
   */
  speech_rate: number | null;
  /**
   * Share of the segment with speech, 0..1.
   */
  speech_ratio: number | null;
  /**
   * Wall time of the segment's end, ms since 1970.
   */
  timestamp: number;
  /**
   * RMS in dB of full scale; null in digital silence.
   */
  volume_dbfs: number | null;
  /**
   * Linear RMS, 0..1 of full scale; null where there was no sound at all.
   */
  volume_mean: number | null;
}
/**
 * The feature switches, obeyed where the media is captured or analysed.
 */
export interface Features {
  /**
   * Read the microphone at all.
   */
  audio: boolean;
  /**
   * What the muscles of the face do: ten coefficients, no emotions.
   */
  face_actions: boolean;
  /**
   * The 7 basic expressions of the face.
   */
  face_emotion: boolean;
  /**
   * Gaze and eye contact.
   */
  gaze: boolean;
  /**
   * Head pose and its stability.
   */
  head_pose: boolean;
  /**
   * The picture of the booth's camera, for those who may see it.
   */
  preview: boolean;
  /**
   * Read the camera at all.
   */
  video: boolean;
  /**
   * Arousal of the voice.
   */
  voice_emotion: boolean;
}
/**
 * What an analysis took.
 */
export interface Performance {
  /**
   * Analysis alone, ms.
   */
  analysis_time_ms: number;
  /**
   * Wall time of the media, ms since 1970.
   */
  timestamp: number;
  /**
   * From the media in memory to the report, ms.
   */
  total_time_ms: number;
}
/**
 * What the sound is good for.
 */
export interface SoundQuality {
  /**
   * What is wrong with its channels: `opposite_channels` (turned back), `dead_channel` (left
   * out); null where nothing is.
   */
  channels: string | null;
  /**
   * Mean of the samples, -1..1 of full scale: a fault of the microphone, in no other number.
   */
  offset: number | null;
  /**
   * `good`, `clipped` or `too_quiet`; null without speech.
   */
  verdict: string | null;
}
/**
 * What was asked for of the audit log.
 */
export interface Audit {
  /**
   * Newest first.
   */
  entries: AuditEntry[];
}
/**
 * One entry of the audit log.
 */
export interface AuditEntry {
  /**
   * Action, such as `token.revoke`.
   */
  action: string;
  /**
   * Actor: a token's name, or `boothd` itself.
   */
  actor: string;
  /**
   * Time of the action, unix ms.
   */
  at: number;
  /**
   * Number of the entry: grows, is never reused.
   */
  audit_id: number;
  /**
   * Details; may be empty.
   */
  detail: string;
  /**
   * Object of the action, such as `token 7`.
   */
  object: string;
}
/**
 * `auth_success`.
 */
export interface AuthSuccess {
  authenticated_at: number;
  role: Role;
  session_id: string;
  /**
   * The token's name.
   */
  user_id: string;
}
/**
 * The board.
 */
export interface BoardHealth {
  error: string | null;
  /**
   * A Raspberry Pi's clock is capped now.
   */
  frequency_capped: boolean | null;
  /**
   * It was throttled or capped since boothd's start, or since the board's where it reports that.
   */
  has_been_throttled: boolean | null;
  /**
   * The same of the voltage.
   */
  has_been_under_voltage: boolean | null;
  /**
   * The part of it that programs may still take, bytes.
   */
  memory_available_bytes: number | null;
  /**
   * Memory of the machine, bytes.
   */
  memory_total_bytes: number | null;
  /**
   * The maker's name of the board.
   */
  model: string | null;
  /**
   * The board draws more current than it may now.
   */
  over_current: boolean | null;
  /**
   * Temperature of the chip's hottest part, °C, to a tenth.
   */
  temperature_c: number | null;
  /**
   * The clock is held back now, because of heat or of the supply.
   */
  throttled: boolean | null;
  /**
   * It has reached the limit at which the board slows down.
   */
  too_hot: boolean | null;
  /**
   * The state of it that costs frames now.
   */
  trouble: Trouble | null;
  /**
   * The supply gives too little voltage now.
   */
  under_voltage: boolean | null;
}
export interface Camera {
  /**
   * Where it is plugged in.
   */
  bus: string | null;
  /**
   * The camera's own name; null where it could not be queried.
   */
  card: string | null;
  /**
   * The kernel driver.
   */
  driver: string | null;
  /**
   * Why it could not be queried.
   */
  error: string | null;
  /**
   * Names that survive renumbering.
   */
  links: string[];
  /**
   * Its node, `/dev/video0`.
   */
  node: string;
  /**
   * Formats and sizes, in words.
   */
  offers: string | null;
}
export interface CertificateHealth {
  /**
   * The key of the configuration that names it.
   */
  certificate: string;
  /**
   * Whole days until then, negative afterwards; null while the clock is not set.
   */
  days_left: number | null;
  /**
   * It has ended or will within 14 days, is not valid yet, or could not be renewed.
   */
  error: string | null;
  /**
   * When it ends, unix s; null where that cannot be read.
   */
  not_after_s: number | null;
}
export interface ClockHealth {
  /**
   * How far the machine's clock is ahead of the time that boothd works with, ms.
   */
  ahead_ms: number;
  error: string | null;
  /**
   * What old rows and tokens go by: `calendar` or `running_time`.
   */
  expires_by: string;
  /**
   * Wall time can be trusted.
   */
  set: boolean;
  /**
   * `unset`, `settling` or `vouched`.
   */
  trust: string;
}
export interface ComponentHealth {
  demo: boolean;
  dropped_total: number;
  error: string | null;
  errors_total: number;
  last_media_ms_ago: number | null;
  /**
   * Whether its output is on; absent where it has none or does not know.
   */
  on?: boolean | null;
  overruns_total: number;
  restarts_total: number;
  source: string | null;
  state: string;
}
/**
 * `connected`.
 */
export interface Connected {
  /**
   * Changes with each start of boothd, which resets every count.
   */
  boot_id: string;
  connection_id: string;
  timestamp: number;
}
/**
 * `device`: a device of the booth was lost, came back, or is paused.
 */
export interface DeviceNews {
  /**
   * `camera` or `microphone`.
   */
  device: string;
  /**
   * Why it is lost.
   */
  reason: string | null;
  /**
   * `lost`, `back`, `paused` or `off`.
   */
  state: string;
}
/**
 * The cameras and microphones of the machine.
 */
export interface Devices {
  cameras: Camera[];
  microphones: Microphone[];
}
export interface Microphone {
  /**
   * The card's own name.
   */
  card: string;
  /**
   * The value for `audio.device`.
   */
  device: string;
  /**
   * The name of the device on that card.
   */
  name: string;
}
export interface DiskHealth {
  /**
   * The database with its log; null where the file cannot be read.
   */
  database_bytes: number | null;
  /**
   * The free space is too small.
   */
  error: string | null;
  /**
   * Free for boothd on the store's disk; null where the system does not report it.
   */
  free_bytes: number | null;
}
/**
 * The target of an erasure: one of the two. Both as they stand in the list of sessions: those of an
 * older boothd may be texts that no address can carry.
 */
export interface Erase {
  /**
   * This session.
   */
  session_id?: string | null;
  /**
   * Every session of this subject.
   */
  subject_ref?: string | null;
}
/**
 * Receipt of an erasure.
 */
export interface EraseReceipt {
  /**
   * Time of the erasure, unix ms.
   */
  erased_at: number;
  /**
   * The write-ahead log holds no erased data. False: another process still reads the log; it is
   * cleared when that process is done.
   */
  is_log_clear: boolean;
  /**
   * Number of the receipt, as in the audit log.
   */
  receipt_id: string;
  /**
   * Deleted rows of sessions, consents, metrics, events and messages.
   */
  rows: number;
  /**
   * Erased sessions.
   */
  session_ids: string[];
}
/**
 * The body of every refusal.
 */
export interface Error {
  /**
   * The code, for programs.
   */
  code: string;
  /**
   * One sentence: the fault and its remedy.
   */
  error: string;
}
/**
 * An event of a session or of the booth.
 */
export interface EventRecord {
  /**
   * Time of the event, unix ms.
   */
  at: number;
  /**
   * Details of the event.
   */
  data: {
    [k: string]: unknown;
  };
  /**
   * Kind, such as `camera_lost`.
   */
  kind: string;
  /**
   * The session; null: the booth itself.
   */
  session_id: string | null;
}
/**
 * All stored data of a session.
 */
export interface Export {
  /**
   * Its events, oldest first.
   */
  events: EventRecord[];
  history: History;
  session: SessionRecord;
}
/**
 * Recorded metrics of a session.
 */
export interface History {
  audio: Series;
  /**
   * Rows lost because neither disk nor memory had room.
   */
  lost_rows: number;
  /**
   * Id of the session.
   */
  session_id: string;
  /**
   * Seconds that one row stands for; its values are means where that is over 1.
   */
  step_s: number;
  video: Series;
}
/**
 * Time series of metrics.
 */
export interface Series {
  /**
   * Names of a row's values. The first is `offset_s`: seconds since the session began.
   */
  columns: string[];
  /**
   * Rows, oldest first; null where a value could not be measured.
   */
  rows: (number | null)[][];
}
/**
 * A session as it is remembered.
 */
export interface SessionRecord {
  /**
   * A time server has confirmed the clock of these times. False: not yet, or the times could not
   * be corrected; then only their order and their distance are right.
   */
  clock_set: boolean;
  /**
   * Time of the consent, unix ms.
   */
  consent_at: number | null;
  /**
   * End of the session, unix ms; null while it runs and where the end is not known.
   */
  ended_at: number | null;
  /**
   * Feature switches of the session.
   */
  features: {
    [k: string]: unknown;
  };
  /**
   * The version of the notice that the person agreed to.
   */
  notice_version: string | null;
  /**
   * Id of the session as stored: in an older database it may be any text.
   */
  session_id: string;
  /**
   * Start of the session, unix ms.
   */
  started_at: number;
  state: SessionState;
  stream: StreamKind;
  /**
   * The operator's own name for the person.
   */
  subject_ref: string | null;
  /**
   * Summary, once the session has ended.
   */
  summary: {
    [k: string]: unknown;
  };
  /**
   * The name of the token that began it.
   */
  token_name: string | null;
}
/**
 * How far each action of the face goes, 0 (this person's own rest) to 1 (a full action), the mean of
 * both sides. They describe muscles, not what moved them.
 */
export interface FaceActions {
  /**
   * The brows go down.
   */
  brow_down: number;
  /**
   * The brows go up.
   */
  brow_up: number;
  /**
   * The cheeks go up.
   */
  cheek_raise: number;
  /**
   * The lower lids go up; null while the eyes are shut.
   */
  eye_squint: number | null;
  /**
   * The lids are further apart; null while the eyes are shut.
   */
  eye_wide: number | null;
  /**
   * Lower lip and chin go down.
   */
  jaw_open: number;
  /**
   * The mouth grows narrower.
   */
  lip_pucker: number;
  /**
   * The mouth grows wider and its corners do not go up.
   */
  mouth_stretch: number;
  /**
   * The corners of the mouth go outwards and up.
   */
  smile: number;
  /**
   * The upper lip comes nearer to the nose.
   */
  upper_lip_raise: number;
}
/**
 * The face's box in ratios of the picture's width and height.
 */
export interface FaceBox {
  /**
   * Height.
   */
  height: number;
  /**
   * Width.
   */
  width: number;
  /**
   * Left edge.
   */
  x: number;
  /**
   * Top edge.
   */
  y: number;
}
/**
 * Which switches change; what is absent or null stays as it is.
 */
export interface FeatureChange {
  /**
   * Read the microphone at all.
   */
  audio?: boolean | null;
  /**
   * What the muscles of the face do: ten coefficients, no emotions.
   */
  face_actions?: boolean | null;
  /**
   * The 7 basic expressions of the face.
   */
  face_emotion?: boolean | null;
  /**
   * Gaze and eye contact.
   */
  gaze?: boolean | null;
  /**
   * Head pose and its stability.
   */
  head_pose?: boolean | null;
  /**
   * The picture of the booth's camera, for those who may see it.
   */
  preview?: boolean | null;
  /**
   * Read the camera at all.
   */
  video?: boolean | null;
  /**
   * Arousal of the voice.
   */
  voice_emotion?: boolean | null;
}
export interface FindingHealth {
  /**
   * The fleet server raises an alert for it.
   */
  alert: boolean;
  code: string;
  component: string;
  /**
   * Detail of this instance; null where the code is enough.
   */
  detail: string | null;
  /**
   * The fault and its remedy.
   */
  sentence: string;
  severity: string;
}
/**
 * Direction of the gaze relative to the camera, degrees.
 */
export interface Gaze {
  /**
   * How surely it is known, 0..1: either angle has a standard deviation of 5.6° / confidence.
   */
  confidence: number;
  /**
   * Positive up.
   */
  pitch_deg: number;
  /**
   * Positive to the picture's left.
   */
  yaw_deg: number;
}
/**
 * Gaze as older clients read it.
 */
export interface GazeDirection {
  /**
   * -100..100 of ±45°, positive to the picture's left.
   */
  x: number;
  /**
   * -100..100 of ±45°, positive up.
   */
  y: number;
}
/**
 * Rotation of the head, degrees.
 */
export interface HeadPose {
  /**
   * Positive up.
   */
  pitch_deg: number;
  /**
   * Positive clockwise in the picture.
   */
  roll_deg: number;
  /**
   * Positive to the picture's left.
   */
  yaw_deg: number;
}
/**
 * The answer of GET /health.
 */
export interface Health {
  /**
   * The booth's media is being analysed.
   */
  analysing: boolean;
  board: BoardHealth;
  booth_id: string;
  camera: ComponentHealth;
  /**
   * The certificates in use, the web server's and those of the broker.
   */
  certificates: CertificateHealth[];
  clock: ClockHealth;
  /**
   * WebSockets that are open, and how many may be.
   */
  connections?: number | null;
  connections_max: number;
  /**
   * The bundled clip replaces a device: the metrics belong to no subject.
   */
  demo: boolean;
  /**
   * Changes exactly when something changes that clients act upon.
   */
  digest: string;
  disk: DiskHealth;
  features: Features;
  /**
   * The findings, worst first.
   */
  findings: FindingHealth[];
  light?: ComponentHealth | null;
  microphone: ComponentHealth;
  models: {
    [k: string]: ModelHealth;
  };
  mqtt?: ComponentHealth | null;
  outbox: OutboxHealth;
  /**
   * The booth is paused.
   */
  paused: boolean;
  policy: PolicyHealth;
  preview: PreviewHealth;
  recorder?: ComponentHealth | null;
  /**
   * One sentence: the worst finding with its remedy, or what the booth does.
   */
  sentence: string;
  /**
   * A session runs in the booth.
   */
  session_active: boolean;
  speech: ComponentHealth;
  status: string;
  store: ComponentHealth;
  uptime_s: number;
  version: string;
  vision: ComponentHealth;
}
export interface ModelHealth {
  sha256: string;
}
export interface OutboxHealth {
  bytes: number | null;
  /**
   * Number of messages; null while it is unknown.
   */
  depth: number | null;
  /**
   * Why the numbers are unknown.
   */
  error: string | null;
  /**
   * Messages that were too old or too many since the start: they are lost.
   */
  fallen_out_total: number | null;
  /**
   * Age of the oldest, s.
   */
  oldest_s: number | null;
  /**
   * Messages that the broker refused and that are not sent again by themselves.
   */
  set_aside: number | null;
}
export interface PolicyHealth {
  /**
   * Why there is none: the configuration names no policy.
   */
  error: string | null;
  notice_version: string;
  profile: Profile;
  require_consent: boolean;
}
export interface PreviewHealth {
  /**
   * The feature switch of the preview.
   */
  on: boolean;
  /**
   * Viewers now.
   */
  viewers: number;
}
/**
 * Current state and limits of an interview.
 */
export interface InterviewState {
  allowed: Features;
  /**
   * Camera or microphone is open.
   */
  analysing: boolean;
  features: Features;
  /**
   * Version of the notice to agree to.
   */
  notice_version: string;
  /**
   * Camera and microphone are paused by a request.
   */
  paused: boolean;
  profile: Profile;
  /**
   * Camera and microphone stay closed until a session with consent runs.
   */
  require_consent: boolean;
  /**
   * The running session.
   */
  session: ActiveSession | null;
}
/**
 * A token that was made.
 */
export interface MadeToken {
  /**
   * The secret to authenticate with; it is not stored and never shown again.
   */
  secret: string;
  token: Token;
}
/**
 * A token without its secret, which is not stored.
 */
export interface Token {
  /**
   * Time of creation, unix ms.
   */
  created_at: number;
  /**
   * Expiry, unix ms; `None`: never.
   */
  expires_at: number | null;
  id: TokenId;
  /**
   * Name of the owner, chosen by the operator.
   */
  name: string;
  /**
   * Time of revocation, unix ms.
   */
  revoked_at: number | null;
  role: Role;
  /**
   * The only session it may touch; `None`: any that it is the first to use. As it stands in
   * the row: what is no [`SessionId`] opens nothing.
   */
  session_id: string | null;
}
/**
 * One metric of a [`SummaryReport`], in the metric's own unit.
 */
export interface MetricSummary {
  /**
   * Values.
   */
  count: number;
  /**
   * Time for which it was known, ms.
   */
  covered_ms: number;
  /**
   * Largest.
   */
  max: number;
  /**
   * Mean.
   */
  mean: number;
  /**
   * Smallest.
   */
  min: number;
  /**
   * Population variance.
   */
  variance: number;
}
/**
 * A token to be made.
 */
export interface NewToken {
  /**
   * Expiry, unix ms.
   */
  expires_at?: number | null;
  /**
   * Name of the owner; 1 to 64 characters.
   */
  name: string;
  role: Role;
  /**
   * The only session it may touch.
   */
  session_id?: string | null;
}
/**
 * `pong`.
 */
export interface Pong {
  timestamp: number;
}
/**
 * What the picture is good for.
 */
export interface Quality {
  /**
   * Mean luminance of the face (of the picture where there is none), 0..1.
   */
  brightness: number;
  /**
   * What is covered, where the verdict is `occluded`: `eyes`, `mouth`.
   */
  covered: string[];
  /**
   * Distance of the outer eye corners, px.
   */
  face_px: number | null;
  /**
   * Variance of the Laplacian in the face.
   */
  sharpness: number | null;
  /**
   * `good`, `too_dark`, `too_blurred`, `too_small`, `occluded`, `turned` or `still_picture`.
   */
  verdict: string | null;
}
/**
 * How the request arrived, as the booth sees it.
 */
export interface Reach {
  /**
   * The client's address: behind a proxy of `web.proxies` the one that it reports.
   */
  client: string | null;
  /**
   * The host that was called.
   */
  host: string | null;
  /**
   * A reverse proxy of `web.proxies` passed the request on.
   */
  is_proxied: boolean;
}
/**
 * The messages to send again.
 */
export interface SendAgain {
  /**
   * Their `outbox_id`; without it all that are set aside.
   *
   * @maxItems 200
   */
  outbox_ids?: number[] | null;
}
/**
 * The result of sending again.
 */
export interface SentAgain {
  /**
   * Messages that wait for the broker again.
   */
  rows: number;
}
/**
 * `watching`: the stream's reports follow.
 */
export interface Watching {
  /**
   * `booth` or the id of a session.
   */
  stream: string;
}
/**
 * `state`: what may be analysed, and whose session runs. Sent after `watch` and when it changes.
 */
export interface StateOf {
  allowed: Features;
  /**
   * Camera or microphone is open.
   */
  analysing: boolean;
  features: Features;
  /**
   * Version of the notice to agree to.
   */
  notice_version: string;
  /**
   * Camera and microphone are paused by a request.
   */
  paused: boolean;
  profile: Profile;
  /**
   * Camera and microphone stay closed until a session with consent runs.
   */
  require_consent: boolean;
  /**
   * The running session.
   */
  session: ActiveSession | null;
  /**
   * "booth" or the client's session.
   */
  stream: string;
}
/**
 * `visual_analysis`: one frame and the metrics of the face up to it.
 */
export interface VisualReport {
  /**
   * Eyes shut now.
   */
  blink: boolean | null;
  /**
   * Blinks a minute; null where frames come too slowly to see them.
   */
  blink_rate_per_min: number | null;
  /**
   * The expression is an earlier frame's, since the face hardly changed.
   */
  cached: boolean;
  /**
   * The bundled clip stands in for a camera: these numbers belong to no person.
   */
  demo_source: boolean;
  /**
   * Most probable expression.
   */
  dominant_emotion: string | null;
  /**
   * Frames that were dropped because no worker was free, so far.
   */
  dropped_frames: number;
  /**
   * Its probability.
   */
  emotion_confidence: number | null;
  /**
   * Probabilities by label, sum 1.
   */
  emotion_distribution: {
    [k: string]: number;
  } | null;
  /**
   * 0..1.
   */
  emotion_stability: number | null;
  /**
   * Inside the cone now.
   */
  eye_contact: boolean | null;
  /**
   * Probability that the eyes are within 12° of the cone's centre, 0..1.
   */
  eye_contact_probability: number | null;
  /**
   * 0..1.
   */
  eye_contact_ratio: number | null;
  /**
   * What the muscles of the face do, 0 (this person's rest) to 1; no emotions.
   */
  face_actions: FaceActions | null;
  /**
   * In picture ratios.
   */
  face_box: FaceBox | null;
  /**
   * Faces in the picture.
   */
  face_count: number;
  /**
   * A person is there; a picture of a face is none (`quality.verdict` `still_picture`).
   */
  face_detected: boolean;
  /**
   * Time with a face / time.
   */
  face_present_ratio: number | null;
  features: Features;
  /**
   * Degrees relative to the camera.
   */
  gaze: Gaze | null;
  /**
   * -100..100 of ±45°.
   */
  gaze_direction: GazeDirection | null;
  /**
   * Degrees.
   */
  head_pose: HeadPose | null;
  /**
   * 0..1.
   */
  head_pose_stability: number | null;
  /**
   * 0..1.
   */
  horizontal_deviation: number | null;
  /**
   * Lip gap / mouth width.
   */
  mouth_open_ratio: number | null;
  /**
   * The face may be another person's than before: what is measured over time begins with this
   * frame.
   */
  new_person: boolean;
  performance_metrics: Performance;
  /**
   * Persons of the session so far, one after the other. No identity: a person who comes
   * back counts again.
   */
  person_count: number;
  /**
   * Analysis of this frame, ms.
   */
  processing_time: number;
  quality: Quality;
  /**
   * Why a metric of the face is null, by the metric's name: `no_face`, `still_picture`, `turned`,
   * `eyes_covered`, `mouth_covered`, `eyes_shut`, `turned_away`, `needs_10_s`, `too_dark`,
   * `too_blurred`, `too_small` or `off`.
   */
  reasons: {
    [k: string]: string;
  };
  /**
   * The frame's number.
   */
  sequence: number;
  /**
   * The session that this belongs to.
   */
  session_id: string | null;
  /**
   * Wall time of the frame, ms since 1970.
   */
  timestamp: number;
}
/**
 * `session_started`.
 */
export interface SessionStarted {
  /**
   * Time of the consent, ms since 1970.
   */
  consent_at: number;
  features: Features;
  /**
   * Version of the notice that the person agreed to.
   */
  notice_version: string;
  /**
   * Id of the session.
   */
  session_id: string;
  /**
   * Start of the session, ms since 1970.
   */
  started_at: number;
  stream: StreamKind;
  /**
   * The subject, named by the operator.
   */
  subject_ref: string | null;
}
/**
 * Summary of a session.
 */
export interface SessionSummary {
  /**
   * Time of the consent, ms since 1970.
   */
  consent_at: number;
  /**
   * Frames dropped.
   */
  dropped_frames: number;
  /**
   * Segments dropped.
   */
  dropped_segments: number;
  /**
   * Measured duration: setting the clock meanwhile does not change it.
   */
  duration_ms: number;
  /**
   * End of the session, ms since 1970.
   */
  ended_at: number;
  /**
   * Time in eye contact, ms.
   */
  eye_contact_ms: number;
  features: Features;
  /**
   * Frames analysed.
   */
  frames_total: number;
  /**
   * By metric; one that was never known is absent.
   */
  metrics: {
    [k: string]: MetricSummary;
  };
  /**
   * Version of the notice that the person agreed to.
   */
  notice_version: string;
  /**
   * Persons whose faces were seen, one after the other: with more than one, the metrics are
   * over all of them.
   */
  person_count: number;
  /**
   * Segments analysed.
   */
  segments_total: number;
  /**
   * Id of the session.
   */
  session_id: string;
  /**
   * Start of the session, ms since 1970.
   */
  started_at: number;
  /**
   * The subject, named by the operator.
   */
  subject_ref: string | null;
}
/**
 * A part of the sessions.
 */
export interface Sessions {
  /**
   * Newest first.
   */
  sessions: SessionRecord[];
}
/**
 * Messages that are set aside.
 */
export interface SetAsideList {
  /**
   * The oldest of them, at most 200.
   */
  rows: SetAsideRow[];
  /**
   * How many there are.
   */
  total: number;
}
/**
 * A row that is set aside, without its payload, which may name a subject.
 */
export interface SetAsideRow {
  /**
   * Time of the reported change, unix ms.
   */
  at: number;
  /**
   * Size of its payload.
   */
  bytes: number;
  /**
   * `started`, `summary` or `event/` and the event's name.
   */
  kind: string;
  /**
   * The message's `seq`.
   */
  outbox_id: number;
  /**
   * Reason of the broker.
   */
  reason: string;
  /**
   * The session it is about.
   */
  session_id: string | null;
  /**
   * Time when it was set aside, unix ms.
   */
  set_aside_at: number;
}
/**
 * `start_session`, over the WebSocket and over HTTP.
 */
export interface StartSession {
  consent_at: Timestamp;
  /**
   * Switches for this session.
   */
  features?: FeatureChange | null;
  /**
   * Which text of the notice the candidate agreed to.
   */
  notice_version: string;
  /**
   * The operator's own reference for the candidate.
   */
  subject_ref?: string | null;
}
/**
 * Every token.
 */
export interface Tokens {
  tokens: Token[];
}
