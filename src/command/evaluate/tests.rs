use super::*;

fn sure_of(label: usize, probability: f32) -> [f32; 7] {
    let mut probabilities = [(1.0 - probability) / 6.0; 7];
    probabilities[label] = probability;
    probabilities
}

#[test]
fn recall_is_a_mean_over_the_labels_that_occur() {
    let judged = [
        (3, sure_of(3, 0.9)),
        (3, sure_of(3, 0.9)),
        (3, sure_of(3, 0.9)),
        (4, sure_of(3, 0.9)),
    ];
    let evaluation = evaluate(&judged);
    assert!((evaluation.accuracy - 0.75).abs() < 1e-9);
    assert!((evaluation.mean_recall - 0.5).abs() < 1e-9);
    assert_eq!(evaluation.confusion[4][3], 1);
}

#[test]
fn calibration_error_is_the_gap_between_sure_and_right() {
    let judged = [(3, sure_of(3, 0.9)), (4, sure_of(3, 0.9))];
    assert!((calibration_error(&judged) - 0.4).abs() < 1e-6);
    assert_eq!(calibration_error(&[]).to_bits(), 0.0f64.to_bits());
}
