//! [`Vector`]: the channels of a pixel lie in vectors of [`LANES`] floats.

/// Floats of one vector: a register of AVX2, two of NEON or SSE2.
pub(super) const LANES: usize = 8;
/// Some channels of a pixel.
pub(super) type Vector = [f32; LANES];

/// Vectors that hold `channels` numbers.
pub(super) fn vectors(channels: usize) -> usize {
    channels.div_ceil(LANES)
}
