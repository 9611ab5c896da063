//! [`Written`]: what became of a batch.

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Records that are kept now.
    pub(super) kept: u64,
    /// Records that were kept before.
    pub(super) repeated: u64,
    /// Records that violate the schema: a retry would fail, too.
    pub(super) refused: u64,
    /// Records of erased sessions, which are refused.
    pub(super) erased: u64,
    /// Something was erased or an order has ended, so the log must be cleared.
    pub(super) has_erased: bool,
}
