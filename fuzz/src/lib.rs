//! What the fuzzer runs. The decoders are compiled from boothd's own sources, alone: so they are
//! instrumented in a minute, without building tract, which they do not need.

// In ../src, `crate::…` and here, `boothd::…` both mean this.
extern crate self as boothd;

#[path = "../../src/decode/mod.rs"]
pub mod decode;
#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/features.rs"]
pub mod features;
#[path = "../../src/media.rs"]
pub mod media;
#[path = "../../src/names/mod.rs"]
pub mod names;

#[path = "../../src/booth_api/message/client.rs"]
pub mod client;
#[path = "../../src/booth_api/message/refusal.rs"]
pub mod refusal;
#[path = "../../src/booth_api/message/stamp.rs"]
pub mod stamp;
#[path = "../../src/booth_api/message/timestamp.rs"]
pub mod timestamp;

/// The part of the booth's interface that reads clients' messages; the rest of it needs a network.
pub mod booth_api {
    /// The messages.
    pub mod message {
        pub use crate::client;
    }
}

pub mod targets;
#[cfg(feature = "whole")]
pub mod guest;
#[cfg(feature = "whole")]
pub mod whole_targets;
