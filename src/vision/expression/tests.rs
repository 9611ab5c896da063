use super::*;

fn sure_of(label: usize, probability: f32) -> Probabilities {
    let mut probabilities = [(1.0 - probability) / 6.0; 7];
    probabilities[label] = probability;
    probabilities
}

#[test]
fn the_place_of_neutral_is_that_of_its_name() {
    assert_eq!(EXPRESSIONS[NEUTRAL], "neutral");
}

/// Which looks were taken, as model and side, at pictures that are `step_ms` apart.
fn looks_taken(models: usize, step_ms: u64, pictures: u64) -> Vec<Vec<(usize, bool)>> {
    let mut looks = Looks::default();
    let mut taken = vec![];
    for now in (0..pictures).map(|picture| Duration::from_millis(picture * step_ms)) {
        let mut of_picture = vec![];
        let renewed = looks.renew(models, now, |model, is_mirrored| {
            of_picture.push((model, is_mirrored));
            Ok([0.5; EXPRESSIONS.len()])
        });
        renewed.expect("nothing fails here");
        let oldest = looks.0.iter().flatten().map(|look| look.at).min();
        assert!(now - oldest.expect("some were taken") < LOOK_LIMIT);
        assert_eq!(looks.0.iter().flatten().count(), SIDES * models);
        taken.push(of_picture);
    }
    taken
}

#[test]
fn a_frame_costs_one_look_in_a_quick_stream_two_at_2_fps_and_all_at_1_fps() {
    let all = vec![(0, false), (1, true), (0, true), (1, false)];
    let one_by_one = all.iter().cycle().map(|look| vec![*look]);
    let quick = std::iter::once(all.clone()).chain(one_by_one).take(9);
    assert_eq!(looks_taken(2, 100, 9), quick.collect::<Vec<_>>());
    let turns = [all.clone(), vec![all[0]], all[1..].to_vec(), vec![all[0]], all[1..].to_vec()];
    assert_eq!(looks_taken(2, 500, 5), turns);
    assert_eq!(looks_taken(2, 1000, 3), vec![all; 3]);
    let own = vec![(0, false), (0, true)];
    assert_eq!(looks_taken(1, 200, 3), [own, vec![(0, false)], vec![(0, true)]]);
}

#[test]
fn a_look_is_forgotten_when_it_is_too_old() {
    let mut looks = Looks::default();
    let mut look_at = |ms: u64, logit: f32| {
        let now = Duration::from_millis(ms);
        let renewed =
            looks.renew(1, now, |_, _| Ok(std::array::from_fn(|i| logit * to_f32(i))));
        renewed.expect("nothing fails here");
        looks.logits()[1]
    };
    let means = [look_at(0, 1.0), look_at(100, 2.0), look_at(200, 4.0)];
    assert_eq!(means.map(f32::to_bits), [1.0_f32, 1.5, 3.0].map(f32::to_bits));
    assert_eq!(look_at(900, 5.0).to_bits(), 5.0_f32.to_bits());
    assert_eq!(look_at(100, 6.0).to_bits(), 6.0_f32.to_bits(), "time went back");
}

#[test]
fn a_prior_turns_the_odds_of_neutral_and_of_nothing_else() {
    // From 1 in 5 to 1 in 2 the odds of neutral grow fourfold.
    let before = [0.3, 0.0, 0.1, 0.2, 0.1, 0.1, 0.2];
    let after = Prior::new(0.2, 0.5).apply(&before);
    assert!((after[NEUTRAL] - 0.5).abs() < 1e-4, "{after:?}");
    assert!((after[0] / after[3] - 1.5).abs() < 1e-4 && after[1] < 1e-6, "{after:?}");
    let same = Prior::default().apply(&before);
    assert!(same.iter().zip(before).all(|(a, b)| (a - b).abs() < 1e-6), "{same:?}");
}

#[test]
fn a_change_is_reported_to_two_thirds_within_the_time_constant() {
    let ms = Duration::from_millis;
    // At any rate of frames.
    for step in [40, 100, 200] {
        let mut smoothed = Smoothed::begin(1, ms(0), sure_of(NEUTRAL, 0.9));
        let mut happy = 0.0;
        for at in (step..=400).step_by(usize::try_from(step).unwrap_or(400)) {
            happy = smoothed.go_on(1, ms(at), sure_of(3, 0.9))[3];
        }
        let share = (happy - 0.1 / 6.0) / (0.9 - 0.1 / 6.0);
        assert!((share - 0.632).abs() < 1e-3, "{step}: {share}");
        let sum: f32 = smoothed.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
}

#[test]
fn another_person_and_another_time_start_again() {
    let ms = Duration::from_millis;
    let mut smoothed = Smoothed::begin(1, ms(0), sure_of(NEUTRAL, 0.9));
    let happy = sure_of(3, 0.9);
    assert_eq!(smoothed.go_on(2, ms(40), happy).map(f32::to_bits), happy.map(f32::to_bits));
    let sad = sure_of(4, 0.9);
    assert_eq!(smoothed.go_on(2, ms(3040), sad).map(f32::to_bits), sad.map(f32::to_bits));
    assert_eq!(smoothed.go_on(2, ms(0), happy).map(f32::to_bits), happy.map(f32::to_bits));
}
