//! The fleet server: receives the messages of many booths over MQTT, archives them, raises alerts,
//! and shows the booths on one page.
//!
//! Holds the fleet state (the current state of every booth), the archive (`fleet.db`) and the HTTP
//! server. Must not hold a score of a person, and nothing that a booth did not send.

mod shape;
mod message;
mod alert;
mod erasure;
mod minute;
mod booth;
mod state;
mod archive;
mod listener;
mod web;
mod run;

pub use alert::{AlertChange, AlertKind, alerts_of_health};
pub use archive::{
    AlertQuery, AlertRecord, Archive, Backlog, EventRow, History, Series, SessionQuery,
    SessionRow, archive_path, back_up, erase_by_command, is_archive, restore,
};
pub use booth::{BoothRow, KnownBooth, Limits, Presence};
pub use erasure::{ErasedSession, FleetEraseReceipt, FleetEraseTarget, OrderRow, OrderState};
pub use message::{
    BoothKey, EraseAnswer, MAX_PAYLOAD_BYTES, Message, Modality, Read, Record, ReportedStatus,
    read,
};
pub use minute::Minute;
pub use run::{Fleet, FleetConfig, FleetHttp};
pub use state::{
    Counts, Detail, Filter, FleetState, FleetSummary, MAX_BOOTHS, Outgoing, Refused,
};
