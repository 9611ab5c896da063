//! The window of the autocorrelation.

use super::dot;

/// Praat's Hann window: zero just outside of either end.
pub(super) fn hann(size: usize) -> Vec<f32> {
    let turn = std::f32::consts::TAU / (size + 1) as f32;
    (1..=size).map(|k| 0.5 - 0.5 * (turn * k as f32).cos()).collect()
}

/// Autocorrelation of the window at `lag`, as a factor that undoes it.
pub(super) fn window_gain(window: &[f32], lag: usize) -> f32 {
    let product = |lag: usize| dot(&window[..window.len() - lag], &window[lag..]);
    product(0) / product(lag)
}
