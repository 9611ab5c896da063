//! The centre: takes what many booths say over MQTT, keeps it, and shows it on one page.
//!
//! Holds the fleet state (every booth as it is now), the archive (`fleet.db`) and the doors for people.
//! Must not hold a score of a person, and nothing that a booth did not send.

mod alert;
mod archive;
mod booth;
mod state;
mod erasure;
mod listener;
mod message;
mod minute;
mod run;
mod shape;
mod web;

pub use alert::{AlertChange, AlertKind, alerts_of_health};
pub use archive::{
    AlertQuery, AlertRecord, Archive, Backlog, EventRow, History, Series, SessionQuery,
    SessionRow, archive_path, back_up, erase_by_command, is_archive, restore,
};
pub use booth::{BoothRow, KnownBooth, Limits, Presence};
pub use erasure::{ErasedSession, FleetEraseReceipt, FleetEraseTarget, OrderRow, OrderState};
pub use message::{
    BoothKey, EraseAnswer, MAX_PAYLOAD_BYTES, Message, Modality, Read, Record, Said, read,
};
pub use minute::Minute;
pub use run::{Fleet, FleetConfig};
pub use state::{
    Counts, Detail, Filter, FleetState, FleetSummary, MAX_BOOTHS, Outgoing, Refused,
};
