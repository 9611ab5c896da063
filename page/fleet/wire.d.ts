// Made by tests/browser/wire.mjs from wire.schema.json; do not edit.

/**
 * The kind of an alert.
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
 * Whether a booth is connected, from its reported status and its messages.
 */
export type Presence = "online" | "restarting" | "offline" | "silent";
/**
 * One of the two kinds of live metrics.
 */
export type Modality = "video" | "audio";
/**
 * Role of a token; each includes the rights of the one before.
 */
export type Role = "viewer" | "guest" | "operator";
/**
 * State of an erase order.
 */
export type OrderState = "open" | "done" | "closed";

export interface FleetWire {
  [k: string]: unknown;
}
/**
 * The note of an acknowledgement.
 */
export interface AlertNote {
  /**
   * Free text, at most 1000 characters.
   */
  note?: string | null;
}
/**
 * One alert.
 */
export interface AlertRecord {
  /**
   * When it was acknowledged, unix ms.
   */
  acknowledged_at: number | null;
  /**
   * The name of the token that acknowledged it.
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
   * Its cause, when it was raised.
   */
  detail: string;
  kind: AlertKind;
  /**
   * The note of the acknowledgement.
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
   * The `health` that it reported last.
   */
  health: {
    [k: string]: unknown;
  };
  /**
   * The `info` that it reported last.
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
 * A report and its arrival time.
 */
export interface Newest {
  /**
   * When it arrived, unix ms, by the fleet server's clock.
   */
  at: number;
  report: unknown;
}
/**
 * One row of the list of booths. What a booth does not report is null.
 */
export interface BoothRow {
  /**
   * Alerts that hold now.
   */
  alerts: AlertKind[];
  /**
   * Its name there.
   */
  booth: string;
  /**
   * State of its camera, as it reports.
   */
  camera: string | null;
  /**
   * When its first message arrived, unix ms.
   */
  first_seen_at: number;
  /**
   * `healthy`, `degraded` or `unhealthy`, as it reports.
   */
  health: string | null;
  /**
   * When its last message arrived, unix ms; null: only retained messages.
   */
  last_seen_at: number | null;
  /**
   * State of its microphone, as it reports.
   */
  microphone: string | null;
  /**
   * Records in its outbox.
   */
  outbox_depth: number | null;
  presence: Presence;
  /**
   * A session is running in it.
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
   * Temperature of its board.
   */
  temperature_c: number | null;
  /**
   * Version of boothd.
   */
  version: string | null;
}
/**
 * A booth's invalid messages and values since the start of the fleet server.
 */
export interface Refused {
  /**
   * Why the last message was refused.
   */
  last: string | null;
  /**
   * Messages that were refused.
   */
  messages_total: number;
  /**
   * Invalid values that were dropped from accepted messages.
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
   * Revision of the list, for the stream of changes.
   */
  revision: number;
  /**
   * Number of booths that the filter admits.
   */
  total: number;
}
/**
 * Counts over all booths.
 */
export interface FleetSummary {
  /**
   * Booths in memory.
   */
  booths: number;
  /**
   * Booths that are online.
   */
  online: number;
  /**
   * The sites of all booths.
   */
  sites: string[];
  /**
   * Booths with an alert.
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
   * Identifies this start of the fleet server: each start counts revisions from the beginning.
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
   * The booth's last answer, or who has closed the order and why.
   */
  answer: string | null;
  /**
   * Its name there.
   */
  booth: string;
  /**
   * When it was created, unix ms.
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
 * A session that was erased.
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
   * The code, for programs.
   */
  code: string;
  /**
   * One sentence: the fault and its remedy.
   */
  error: string;
}
/**
 * An event of a booth or a session.
 */
export interface EventRow {
  /**
   * When, unix ms.
   */
  at: number;
  /**
   * Its other fields.
   */
  data: {
    [k: string]: unknown;
  };
  /**
   * Whether the booth's clock was set.
   */
  is_clock_set: boolean;
  /**
   * Its name, such as `camera_lost`.
   */
  kind: string;
  /**
   * The session that it is about; null: the booth.
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
 * The receipt of an erasure at the fleet server.
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
   * Its id in the audit log.
   */
  receipt_id: string;
  /**
   * Rows that were deleted or had the name removed, by table.
   */
  rows: {
    [k: string]: number;
  };
  /**
   * The sessions that were erased.
   */
  sessions: ErasedSession[];
}
/**
 * The subject whose sessions are erased.
 */
export interface FleetSubject {
  /**
   * The `subject_ref` that the sessions were started with.
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
   * The mean of each metric in each step; null where it is unknown.
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
   * When it ended, unix ms; null: the booth has not reported it, so it may still run.
   */
  ended_at: number | null;
  /**
   * Time of its first record, unix ms; orders the list.
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
   * The booth's record of its beginning.
   */
  started: {
    [k: string]: unknown;
  };
  /**
   * When it began, unix ms; null: the booth has not reported it.
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
