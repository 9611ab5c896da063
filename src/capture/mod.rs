//! To come.
use crate::media::{Frame, Segment};

/// Takes frames. The engine implements it as a newest-wins queue of one.
pub trait FrameSink: Send + Sync {
    /// Never blocks.
    fn put(&self, frame: Frame);
}

/// Takes segments. The engine implements it as a bounded queue.
pub trait SegmentSink: Send + Sync {
    /// Never blocks.
    fn put(&self, segment: Segment);
}
