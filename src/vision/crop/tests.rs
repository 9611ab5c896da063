use super::*;
use crate::decode::Picture;

fn sample(crop: Crop, picture: &Picture, size: usize, put: impl FnMut(usize, [f32; 3])) {
    crop.samples(Sizes::full(picture), size).each(put);
}

fn ramp() -> Picture {
    let rgb = (0..48_u8).flat_map(|y| (0..64_u8).flat_map(move |x| [x, y, 9])).collect();
    Picture { width_px: 64, height_px: 48, rgb }
}

#[test]
fn a_sample_shows_the_place_that_to_picture_names() {
    let crop = Crop::new(Point { x: 30.0, y: 22.0 }, 16.0, 0.4);
    for crop in [crop, crop.mirrored()] {
        sample(crop, &ramp(), 16, |index, [x, y, _]| {
            let (u, v) = ((index % 16) as f32 / 16.0, (index / 16) as f32 / 16.0);
            let place = crop.to_picture(u, v);
            assert!((place.x - x).abs() < 1e-3 && (place.y - y).abs() < 1e-3);
        });
    }
}

#[test]
fn outside_the_picture_its_edge_goes_on() {
    let crop = Crop::new(Point { x: -500.0, y: 1e9 }, 10.0, 1.0);
    sample(crop, &ramp(), 4, |_, colour| {
        assert_eq!(colour.map(to_index), [0, 47, 9]);
    });
    let one = Picture { width_px: 1, height_px: 1, rgb: vec![5, 6, 7] };
    sample(crop, &one, 4, |_, colour| {
        assert_eq!(colour.map(to_index), [5, 6, 7]);
    });
}

#[test]
fn a_square_round_points_is_the_same_for_the_turned_points() {
    let points = [[10.0, 10.0, 0.0], [30.0, 10.0, 0.0], [20.0, 50.0, 0.0]];
    let upright = Crop::around(&points, 0.0, 1.5, 0.25);
    assert_eq!(upright.centre, Point { x: 20.0, y: 20.0 });
    assert!((upright.side_px - 60.0).abs() < 1e-4);
    let (sin, cos) = 0.3_f32.sin_cos();
    let turned = points.map(|[x, y, z]| [x * cos - y * sin, x * sin + y * cos, z]);
    let crop = Crop::around(&turned, 0.3, 1.5, 0.25);
    let expected = Point { x: 20.0 * cos - 20.0 * sin, y: 20.0 * sin + 20.0 * cos };
    assert!((crop.centre.x - expected.x).abs() + (crop.centre.y - expected.y).abs() < 1e-4);
    assert!((crop.side_px - 60.0).abs() < 1e-4);
}
