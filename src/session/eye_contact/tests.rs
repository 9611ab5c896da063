use super::*;

fn yaw(yaw_deg: f32) -> Option<Gaze> {
    Some(Gaze { yaw_deg, pitch_deg: 0.0, confidence: 1.0 })
}

fn made(contact: &mut EyeContact, ms: u64, gaze: Option<Gaze>) -> Option<bool> {
    contact.push(Duration::from_millis(ms), gaze).map(|contact| contact.made)
}

#[test]
fn contact_is_made_inside_the_cone_and_kept_through_the_hysteresis() {
    let mut contact = EyeContact::new(&EyeContactConfig::default());
    let seen = [12.5, 11.0, 15.0, 16.5, 15.0].map(|deg| made(&mut contact, 0, yaw(deg)));
    assert_eq!(seen, [Some(false), Some(true), Some(true), Some(false), Some(false)]);
    assert_eq!(made(&mut contact, 0, None), None);
}

#[test]
fn a_new_cone_holds_at_once_and_a_calibrated_centre_stays() {
    let mut contact = EyeContact::new(&EyeContactConfig::default());
    assert_eq!(made(&mut contact, 0, yaw(-11.0)), Some(true));
    let centre = Direction { yaw_deg: 30.0, pitch_deg: 0.0 };
    let moved = EyeContactConfig { cone_deg: 10.0, centre, ..EyeContactConfig::default() };
    contact.configure(&moved);
    let seen = [-11.0, 25.0].map(|deg| made(&mut contact, 0, yaw(deg)));
    assert_eq!(seen, [Some(false), Some(true)]);
    let calibrate = Duration::from_secs(1);
    let config = EyeContactConfig { calibrate, ..EyeContactConfig::default() };
    let mut contact = EyeContact::new(&config);
    for ms in [0, 500, 1000] {
        made(&mut contact, ms, yaw(-25.0));
    }
    contact.configure(&moved);
    assert_eq!(made(&mut contact, 2000, yaw(-25.0)), Some(true));
}

#[test]
fn calibration_moves_the_cone_to_where_the_person_looks() {
    let calibrate = Duration::from_secs(3);
    let config = EyeContactConfig { calibrate, ..EyeContactConfig::default() };
    let mut contact = EyeContact::new(&config);
    for ms in [0, 500, 1000, 1500] {
        assert_eq!(made(&mut contact, ms, yaw(-25.0)), None);
    }
    assert_eq!(made(&mut contact, 3000, yaw(-28.0)), Some(true));
    assert_eq!(made(&mut contact, 4000, yaw(0.0)), Some(false));
}

#[test]
fn the_cone_follows_what_is_read_of_a_person_all_the_time_but_not_far() {
    let after = |deg: f32, personal: bool| {
        let config = EyeContactConfig { personal, ..EyeContactConfig::default() };
        let mut contact = EyeContact::new(&config);
        for second in 0..20 {
            made(&mut contact, second * 1000, yaw(deg));
        }
        // Out of contact, and then at 17 degrees on the side of the mode.
        made(&mut contact, 20_000, yaw(-29.0));
        made(&mut contact, 20_100, yaw(17.0))
    };
    assert_eq!((after(10.0, true), after(10.0, false)), (Some(true), Some(false)));
    assert_eq!(after(16.0, true), Some(false), "that is no error of reading");
}

#[test]
fn contact_is_less_probable_further_out_and_less_sure_either_way_in_doubt() {
    let at = [0.0, 6.0, 12.0, 20.0].map(|deg| probability(deg, 1.0));
    assert!(at.is_sorted_by(|a, b| a > b), "{at:?}");
    assert!(at[0] > 0.9 && at[3] < 0.05, "{at:?}");
    assert!(probability(0.0, 0.3) < at[0] && probability(20.0, 0.3) > at[3]);
    assert!((0.0..=1.0).contains(&probability(0.0, 0.0)));
}

#[test]
fn the_cone_is_wider_up_and_down_where_a_gaze_is_read_less_exactly() {
    let mut contact = EyeContact::new(&EyeContactConfig::default());
    let mut at = |yaw_deg, pitch_deg| {
        let gaze = Gaze { yaw_deg, pitch_deg, confidence: 1.0 };
        let seen = contact.push(Duration::ZERO, Some(gaze)).map(|contact| contact.made);
        contact.in_contact = false;
        seen
    };
    assert_eq!((at(0.0, 17.0), at(17.0, 0.0)), (Some(true), Some(false)));
    assert_eq!((at(0.0, -18.5), at(9.0, -13.0)), (Some(false), Some(false)));
    assert_eq!((at(8.0, 11.0), at(-8.0, -11.0)), (Some(true), Some(true)));
}

#[test]
fn a_distance_is_the_angle_by_the_spread_of_its_direction_wherever_the_centre_is() {
    let centre = Direction { yaw_deg: -20.0, pitch_deg: 30.0 };
    let [yaw_spread, pitch_spread] = GAZE_SPREAD_DEG;
    let up = Direction { pitch_deg: 40.0, ..centre };
    let expected = 10.0 * mean_spread_deg() / pitch_spread;
    assert!((distance_deg(up, centre) - expected).abs() < 1e-2);
    let side = Direction { yaw_deg: -10.0, ..centre };
    let angle_deg = angle_between_deg(side, centre);
    let expected = angle_deg * mean_spread_deg() / yaw_spread;
    assert!(angle_deg < 9.0 && (distance_deg(side, centre) - expected).abs() < 1e-2);
    assert!(distance_deg(centre, centre).abs() < 1e-2);
}

#[test]
fn angles_are_those_of_directions() {
    let a = Direction { yaw_deg: 90.0, pitch_deg: 0.0 };
    let b = Direction { yaw_deg: 0.0, pitch_deg: 90.0 };
    assert!((angle_between_deg(a, b) - 90.0).abs() < 1e-3);
}
