// Made by tests/browser/wire.mjs from wire.schema.json; do not edit.

/**
 * What is wrong with a booth.
 */
export type AlertKind =
  | "offline"
  | "policy"
  | "light"
  | "camera"
  | "microphone"
  | "analysis"
  | "store"
  | "board"
  | "outbox"
  | "certificate"
  | "access"
  | "clock"
  | "configuration"
  | "other"
  | "version";
/**
 * Whether a booth is there.
 */
export type Presence = "online" | "restarting" | "offline" | "silent";
/**
 * One of the two kinds of live metrics.
 */
export type Modality = "video" | "audio";
/**
 * What a token allows, each more than the one before.
 */
export type Role = "viewer" | "guest" | "operator";
/**
 * How far an order is.
 */
export type OrderState = "open" | "done" | "closed";

export interface FleetWire {
  [k: string]: unknown;
}
/**
 * What is noted with an acknowledgement.
 */
export interface AlertNote {
  /**
   * For whoever reads it later; at most 1000 characters.
   */
  note?: string | null;
}
/**
 * One alert.
 */
export interface AlertRecord {
  /**
   * When, unix ms.
   */
  acknowledged_at: number | null;
  /**
   * Who has seen it.
   */
  acknowledged_by: string | null;
  /**
   * Its number.
   */
  alert_id: number;
  /**
   * Its name there.
   */
  booth: string;
  /**
   * In what way, when it was raised.
   */
  detail: string;
  kind: AlertKind;
  /**
   * What that person noted.
   */
  note: string | null;
  /**
   * Since when, unix ms.
   */
  since: number;
  /**
   * Its site.
   */
  site: string;
  /**
   * Until when, unix ms; null: it holds.
   */
  until: number | null;
}
/**
 * A part of the alerts.
 */
export interface Alerts {
  /**
   * Newest first.
   */
  alerts: AlertRecord[];
}
/**
 * One booth, now.
 */
export interface BoothNow {
  /**
   * Its newest `audio_analysis`.
   */
  audio: Newest | null;
  booth: BoothRow;
  /**
   * How it is, as it says.
   */
  health: {
    [k: string]: unknown;
  };
  /**
   * What it is made of, as it says.
   */
  info: {
    [k: string]: unknown;
  };
  refused: Refused;
  /**
   * Its newest `visual_analysis`.
   */
  video: Newest | null;
}
/**
 * A report, and when it came.
 */
export interface Newest {
  /**
   * Unix ms, by the centre's clock.
   */
  at: number;
  report: unknown;
}
/**
 * One line of the list of booths. What a booth does not tell is null.
 */
export interface BoothRow {
  /**
   * What is wrong with it now.
   */
  alerts: AlertKind[];
  /**
   * Its name there.
   */
  booth: string;
  /**
   * State of its camera, as it says.
   */
  camera: string | null;
  /**
   * When it was first heard, unix ms.
   */
  first_seen_at: number;
  /**
   * `healthy`, `degraded` or `unhealthy`, as it says.
   */
  health: string | null;
  /**
   * When it was last heard, unix ms; null: never, only what the broker retained of it.
   */
  last_seen_at: number | null;
  /**
   * State of its microphone, as it says.
   */
  microphone: string | null;
  /**
   * Records that wait in it for the broker.
   */
  outbox_depth: number | null;
  presence: Presence;
  /**
   * A session runs in it.
   */
  session_active: boolean | null;
  /**
   * Since when, unix ms.
   */
  since: number;
  /**
   * Its site.
   */
  site: string;
  /**
   * Of its board.
   */
  temperature_c: number | null;
  /**
   * Of boothd.
   */
  version: string | null;
}
/**
 * What of a booth's messages could not be right, since the centre's start.
 */
export interface Refused {
  /**
   * Why the last message was refused.
   */
  last: string | null;
  /**
   * Messages that were refused whole.
   */
  messages_total: number;
  /**
   * Values that were dropped from messages that were taken.
   */
  values_total: number;
}
/**
 * A part of the list.
 */
export interface Booths {
  /**
   * By site and name.
   */
  booths: BoothRow[];
  census: FleetSummary;
  /**
   * The list's age, for the stream of changes.
   */
  revision: number;
  /**
   * How many the filter admits.
   */
  total: number;
}
/**
 * How many booths there are, by what matters.
 */
export interface FleetSummary {
  /**
   * Booths that were ever heard and not yet forgotten.
   */
  booths: number;
  /**
   * Those that are there.
   */
  online: number;
  /**
   * Sites.
   */
  sites: string[];
  /**
   * Those that something is wrong with.
   */
  with_alerts: number;
}
/**
 * What has changed.
 */
export interface Changes {
  /**
   * Rows of the list that have changed, at most 200.
   */
  booths: BoothRow[];
  census: FleetSummary;
  /**
   * More rows have changed than are in this answer: ask again.
   */
  has_more: boolean;
  /**
   * Reports of the wanted booth that are newer than the reader's.
   */
  live: LiveReport[];
  /**
   * How far this answer brings the reader.
   */
  revision: number;
  role: Role;
  /**
   * This start of the fleet server: another one counts revisions anew.
   */
  run: number;
}
/**
 * A report of the booth that is looked at.
 */
export interface LiveReport {
  /**
   * When it came, unix ms by the fleet server's clock.
   */
  at: number;
  kind: Modality;
  /**
   * As the booth sent it.
   */
  report: {
    [k: string]: unknown;
  };
}
/**
 * An order to a booth to erase a session.
 */
export interface EraseOrder {
  /**
   * What the booth has answered last, or who has closed the order and why.
   */
  answer: string | null;
  /**
   * Its name there.
   */
  booth: string;
  /**
   * When it was given, unix ms.
   */
  created_at: number;
  /**
   * When it was done or closed, unix ms.
   */
  ended_at: number | null;
  /**
   * Its number.
   */
  order_id: number;
  /**
   * The receipt of the erasure that it belongs to.
   */
  receipt_id: string;
  /**
   * When it was sent last, unix ms.
   */
  sent_at: number | null;
  /**
   * The session; null once the order is no longer open.
   */
  session_id: string | null;
  /**
   * Its site.
   */
  site: string;
  state: OrderState;
  /**
   * How often it was sent.
   */
  tries: number;
}
/**
 * Why an order is closed that the booth will never answer.
 */
export interface EraseOrderNote {
  /**
   * What became of the booth's copy, such as "card destroyed"; at most 300 characters.
   */
  note: string;
}
/**
 * Orders to booths.
 */
export interface EraseOrders {
  /**
   * Newest first.
   */
  orders: EraseOrder[];
}
/**
 * A session that is gone.
 */
export interface ErasedSession {
  /**
   * Its name there.
   */
  booth: string;
  /**
   * Its id.
   */
  session_id: string;
  /**
   * Its site.
   */
  site: string;
}
/**
 * The body of every refusal.
 */
export interface Error {
  /**
   * For programs.
   */
  code: string;
  /**
   * What is wrong, with what, and what to do.
   */
  error: string;
}
/**
 * Something that happened to a booth or a session.
 */
export interface EventRow {
  /**
   * When, unix ms.
   */
  at: number;
  /**
   * How exactly.
   */
  data: {
    [k: string]: unknown;
  };
  /**
   * Whether the booth knew the time.
   */
  is_clock_set: boolean;
  /**
   * What, such as `camera_lost`.
   */
  kind: string;
  /**
   * To which session; null: to the booth.
   */
  session_id: string | null;
}
/**
 * Events of a booth.
 */
export interface Events {
  /**
   * Newest first.
   */
  events: EventRow[];
}
/**
 * What was erased at the fleet server.
 */
export interface FleetEraseReceipt {
  /**
   * When, unix ms.
   */
  erased_at: number;
  /**
   * Nothing of it is left in the archive's log; false: another process still reads the log,
   * and it is cleared as soon as that one is done.
   */
  is_log_clear: boolean;
  /**
   * The orders to the booths to erase the same, open until each has answered.
   */
  orders: number[];
  /**
   * What the audit log calls it.
   */
  receipt_id: string;
  /**
   * Rows that are gone or were made nameless, by table.
   */
  rows: {
    [k: string]: number;
  };
  /**
   * The sessions that are gone.
   */
  sessions: ErasedSession[];
}
/**
 * Whose sessions are to be erased.
 */
export interface FleetSubject {
  /**
   * The reference that the sessions were begun with.
   */
  subject_ref: string;
}
/**
 * A booth's metrics over time.
 */
export interface History {
  audio: Series;
  /**
   * Length of a step, ms.
   */
  step_ms: number;
  video: Series;
}
/**
 * One kind of metrics over time.
 */
export interface Series {
  /**
   * When each step began, unix ms.
   */
  at: number[];
  /**
   * The mean of each metric in each step; null where it was not known.
   */
  means: {
    [k: string]: (number | null)[];
  };
  /**
   * Reports in each step.
   */
  samples: number[];
}
/**
 * A session of a booth.
 */
export interface SessionRow {
  /**
   * Its name there.
   */
  booth: string;
  /**
   * When it ended, unix ms; null: the centre was not told, so it may still run.
   */
  ended_at: number | null;
  /**
   * When the first that was heard of it happened, unix ms; the list's order.
   */
  listed_at: number;
  /**
   * Its id.
   */
  session_id: string;
  /**
   * Its site.
   */
  site: string;
  /**
   * What the booth told at its beginning.
   */
  started: {
    [k: string]: unknown;
  };
  /**
   * When it began, unix ms; null: the centre was not told.
   */
  started_at: number | null;
  /**
   * Its summary.
   */
  summary: {
    [k: string]: unknown;
  };
}
/**
 * A part of the sessions.
 */
export interface Sessions {
  /**
   * Newest first; never in the order of a metric.
   */
  sessions: SessionRow[];
}
