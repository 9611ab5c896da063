//! [`ModelSpec`]: what a model file is loaded as.

/// What a model file is loaded as.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelSpec<'a> {
    /// For messages.
    pub(super) name: &'a str,
    /// Shape of each input, in the file's order.
    pub(super) inputs: &'a [Vec<usize>],
    /// The outputs to keep, in order; empty keeps all.
    pub(super) outputs: &'a [String],
}
