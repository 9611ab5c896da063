//! Names that clients choose. Each is validated once, at its entry, and has a type from then on.
//!
//! [`SessionId`] names one interview, [`StreamId`] names one source of pictures and sound,
//! labels are lines that a person chose. docs/ref/names.md lists every such text and where it
//! goes.

mod label;
mod session_id;
mod stream_id;

pub use label::{
    InvalidLabel, LabelFault, NoticeVersion, SubjectRef, TokenName, is_unseen, judge, shown,
};
pub use session_id::{InvalidSessionId, SessionId};
pub use stream_id::StreamId;
