//! Arithmetic on arrays that the compiler keeps in vector registers: every lane by itself, and the
//! arrays passed by value, since it takes apart what is written through references.

/// An array, lane by lane.
#[inline(always)]
pub(super) fn each<const N: usize>(mut lane_of: impl FnMut(usize) -> f32) -> [f32; N] {
    let mut lanes = [0.0; N];
    for (index, lane) in lanes.iter_mut().enumerate() {
        *lane = lane_of(index);
    }
    lanes
}

/// From 0 to 1: two instructions, where `f32::clamp` needs more to be exact about NaN.
#[inline(always)]
pub(super) fn share(value: f32) -> f32 {
    let positive = if value > 0.0 { value } else { 0.0 };
    if positive < 1.0 { positive } else { 1.0 }
}
