use super::*;

/// A face with 200 px between the outer corners and lids `opening` apart, whose true irises
/// stand `offset` off the middle of their eye while the landmarks have them in the middle;
/// and its picture.
pub(in crate::vision) fn face(offset: [f32; 2], opening: f32) -> (Picture, Vec<[f32; 3]>) {
    let mut landmarks = vec![[0.0; 3]; 478];
    let mut rgb = vec![150; 400 * 200 * 3];
    for eye in 0..2 {
        let left = if eye == 0 { 100.0 } else { 240.0 };
        let at = |share: f32, up: f32| [left + 60.0 * share, 100.0 - 200.0 * up, 0.0];
        landmarks[EYES[eye].corners[0]] = at(0.0, 0.0);
        landmarks[EYES[eye].corners[1]] = at(1.0, 0.0);
        landmarks[EYES[eye].iris] = at(0.5, offset[1] / 2.0);
        landmarks[EYES[eye].iris][0] += 200.0 * offset[0];
        for i in 0..LID_POINTS {
            let share = (to_f32(i) + 1.0) / to_f32(LID_POINTS + 1);
            // The mean over the points of the parabola is 3/4.
            let half = opening * 2.0 / 3.0 * 4.0 * share * (1.0 - share);
            landmarks[UPPER_LIDS[eye][i]] = at(share, half);
            landmarks[LOWER_LIDS[eye][i]] = at(share, -half);
        }
        let place = Place::of(&landmarks, eye, Axes { unit_px: 200.0, along: [1.0, 0.0] });
        for (index, pixel) in rgb.chunks_exact_mut(3).enumerate() {
            let (x, y) = (to_f32(index % 400), to_f32(index / 400));
            let at = [(x - left - 30.0) / 200.0, (100.0 - y) / 200.0];
            let Some([upper, lower]) = place.lids_at(at[0]) else { continue };
            if (lower..=upper).contains(&at[1]) {
                let distance = (at[0] - offset[0]).hypot(at[1] - offset[1]);
                pixel.fill(if distance < IRIS_RADIUS { 40 } else { 220 });
            }
        }
    }
    (Picture { width_px: 400, height_px: 200, rgb }, landmarks)
}

#[test]
fn the_disc_is_found_where_it_is() {
    for offset in [[0.0, 0.0], [0.03, 0.0], [-0.04, 0.01], [0.0, 0.03], [0.02, -0.03]] {
        let (picture, landmarks) = face(offset, 0.06);
        let eyes = look(&picture, &landmarks, 1.0).unwrap();
        let [right, up] = [0, 1].map(|axis| eyes.iris[axis] - offset[axis]);
        assert!(right.abs() < 0.004, "{offset:?}: {eyes:?}");
        assert!(up.abs() < 0.012, "{offset:?}: {eyes:?}");
        assert!((eyes.opening - 0.06).abs() < 0.004, "{eyes:?}");
    }
}

#[test]
fn places_that_are_passed_over_would_have_changed_nothing() {
    for (offset, opening) in [([0.0, 0.0], 0.06), ([-0.05, 0.02], 0.05), ([0.03, -0.03], 0.035)]
    {
        let (picture, landmarks) = face(offset, opening);
        let axes = Axes { unit_px: 200.0, along: [1.0, 0.0] };
        let places = [0, 1].map(|eye| Place::of(&landmarks, eye, axes));
        let views = places.each_ref().map(|place| View::of(&picture, place, axes));
        let mut scored = vec![];
        for up in -REACH[1]..=REACH[1] {
            for right in -REACH[0]..=REACH[0] {
                let at = [right, up].map(|step| f32::from(step) * PLACE_STEP);
                let score = |(place, view): (&Place, &View)| {
                    let [right, up] = [0, 1].map(|axis| at[axis] - place.iris[axis]);
                    view.correlation(at) - PRIOR[0] * right * right - PRIOR[1] * up * up
                };
                scored.push((at, places.iter().zip(&views).map(score).sum::<f32>() / 2.0));
            }
        }
        let best = scored.iter().map(|(_, score)| *score).fold(f32::MIN, f32::max);
        let share = |score: f32| ((score - best) / TEMPERATURE).exp();
        let total: f32 = scored.iter().map(|(_, score)| share(*score)).sum();
        let found = best_place(&places, &views);
        for axis in 0..2 {
            let all: f32 = scored.iter().map(|(at, score)| share(*score) * at[axis]).sum();
            assert!((found[axis] - all / total).abs() < 1e-4, "{offset:?}: {found:?}");
        }
    }
}

#[test]
fn a_turned_picture_gives_the_same_offset() {
    let (picture, mut landmarks) = face([0.02, 0.02], 0.06);
    let upright = look(&picture, &landmarks, 1.0).unwrap();
    // A quarter clockwise: x, y becomes 199 - y, x.
    let mut rgb = Vec::with_capacity(picture.rgb.len());
    for row in 0..400 {
        for column in 0..200 {
            let at = ((199 - column) * 400 + row) * 3;
            rgb.extend_from_slice(&picture.rgb[at..at + 3]);
        }
    }
    let turned = Picture { width_px: 200, height_px: 400, rgb };
    landmarks.iter_mut().for_each(|point| *point = [199.0 - point[1], point[0], point[2]]);
    let found = look(&turned, &landmarks, 1.0).unwrap();
    for axis in 0..2 {
        assert!((found.iris[axis] - upright.iris[axis]).abs() < 1e-3, "{found:?}");
    }
}

#[test]
fn without_irises_or_without_a_size_there_is_nothing_to_see() {
    let (picture, landmarks) = face([0.0, 0.0], 0.06);
    assert_eq!(look(&picture, &landmarks[..468], 1.0), None);
    assert_eq!(look(&picture, &vec![[5.0; 3]; 478], 1.0), None);
}
