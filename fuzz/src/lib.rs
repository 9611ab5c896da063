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

#[path = "../../src/web/message/client.rs"]
pub mod client;
#[path = "../../src/web/moment.rs"]
pub mod moment;
#[path = "../../src/web/message/stamp.rs"]
pub mod stamp;

/// The part of the web server that reads clients' messages; the rest of it needs a network.
pub mod web {
    pub use crate::moment;
    /// The messages.
    pub mod message {
        pub use crate::{client, stamp};
    }
}

pub mod targets;
#[cfg(feature = "whole")]
pub mod guest;
#[cfg(feature = "whole")]
pub mod whole_targets;
