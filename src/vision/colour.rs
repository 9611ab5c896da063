//! Colours of skin, compared without regard to how bright the light is.

use super::crop::luma;

/// ln(red / green) and ln(blue / green) of linear light: the colour without the brightness.
pub(super) type Chroma = [f32; 2];

/// Levels under these are noise.
const LEAST_CHANNEL: f32 = 2.0;
const LEAST_LUMA: f32 = 3.0;

/// See [`Chroma`]; levels are sRGB's, of which the power 2.2 is linear light.
pub(super) fn chroma(colour: [f32; 3]) -> Chroma {
    let [red, green, blue] = colour.map(|level| 2.2 * level.max(LEAST_CHANNEL).ln());
    [red - green, blue - green]
}

/// Distance of two colours; 0.25 is another skin or cloth in the same light.
pub(super) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let (a, b) = (chroma(a), chroma(b));
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// ln of the luma of a colour.
pub(super) fn ln_luma(colour: [f32; 3]) -> f32 {
    luma(colour).max(LEAST_LUMA).ln()
}

/// Median of each channel.
pub(super) fn median<const N: usize>(colours: [[f32; 3]; N]) -> [f32; 3] {
    std::array::from_fn(|channel| {
        let mut levels = colours.map(|colour| colour[channel]);
        levels.sort_by(f32::total_cmp);
        f32::midpoint(levels[(N - 1) / 2], levels[N / 2])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_the_same_in_half_the_light_and_the_median_drops_the_odd_one() {
        assert!(distance([200.0, 150.0, 120.0], [100.0, 75.0, 60.0]) < 1e-6);
        assert!(distance([200.0, 150.0, 120.0], [150.0, 190.0, 215.0]) > 1.0);
        let colours = [[1.0, 5.0, 9.0], [2.0, 6.0, 8.0], [90.0, 90.0, 0.0]];
        let close =
            |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(median(colours), [2.0, 6.0, 8.0]));
        assert!(close(median([colours[0], colours[1]]), [1.5, 5.5, 8.5]));
    }
}
