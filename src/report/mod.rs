//! Reports: the only `Serialize` types of the live path. Their names are stable.
//!
//! The names that an older system's clients read stay exactly so (docs/ref/api.md marks them);
//! what cannot be known is null, never a default. The report of a result is built once, when its first
//! reader asks for it.

mod context;
mod reasons;
mod face_parts;
mod visual;
mod audio;
mod summary;
mod result;

pub use audio::{AudioReport, SoundQuality};
pub use context::{Performance, ResultContext};
pub use face_parts::{FaceActions, FaceBox, Gaze, GazeDirection, HeadPose, Quality};
pub use result::{FaceResult, VoiceResult};
pub use summary::{Dropped, MetricSummary, SummaryReport};
pub use visual::VisualReport;
