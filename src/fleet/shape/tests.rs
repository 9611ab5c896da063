use serde_json::json;

use super::*;
use crate::metric::FACE;

fn cleaned(mut value: Value, fields: Fields) -> (Value, u64) {
    let dropped = clean(&mut value, fields);
    (value, dropped)
}

fn cleaned_report(mut report: Value) -> (Value, u64) {
    let dropped = clean(&mut report, VIDEO) + clean_metrics(&mut report, FACE);
    (report, dropped)
}

#[test]
fn a_number_beyond_its_metrics_range_is_dropped() {
    let report = json!({"eye_contact_ratio": 1.005, "blink_rate_per_min": -5.0});
    assert_eq!(cleaned_report(report), (json!({"eye_contact_ratio": 1.005}), 1));
}

#[test]
fn what_is_right_passes_as_it_is() {
    let report = json!({
        "timestamp": 1_800_000_000_000_i64, "eye_contact_ratio": 1.0, "head_pose": null,
        "gaze": {"yaw_deg": -3.5, "pitch_deg": 0}, "features": {"video": true}, "new": ["x"],
    });
    assert_eq!(cleaned_report(report.clone()), (report, 0));
    let summary = json!({"metrics": {"happy": {"mean": 0.5, "min": null, "count": 3}}});
    assert_eq!(cleaned(summary.clone(), SUMMARY), (summary, 0));
}

#[test]
fn text_where_a_number_should_be_is_dropped_and_counted() {
    let report = json!({
        "timestamp": "x", "eye_contact_ratio": "x", "face_detected": "x",
        "head_pose": {"yaw_deg": "x", "roll_deg": 1}, "gaze": "x",
        "emotion_distribution": {"x": 1, "y": "x"}, "features": "x",
    });
    let left = json!({"head_pose": {"roll_deg": 1}, "emotion_distribution": {"x": 1}});
    assert_eq!(cleaned_report(report), (left, 7));
}

#[test]
fn numbers_that_cannot_be_one_are_dropped() {
    let health = json!({
        "board": {"temperature_c": 1e308}, "outbox": {"depth": 1_u64 << 63},
        "uptime_s": -1, "camera": "x", "status": "y".repeat(200),
        "findings": [{"code": "a", "sentence": 5}, 7],
    });
    let (left, dropped) = cleaned(health, HEALTH);
    let expected = json!({"board": {}, "outbox": {}, "findings": [{"code": "a"}]});
    assert_eq!((left, dropped), (expected, 7));
}

#[test]
fn lists_and_texts_end_somewhere() {
    let info = json!({"addresses": vec!["a"; 100], "board": "b".repeat(5000)});
    let (left, dropped) = cleaned(info, INFO);
    assert_eq!(left["addresses"].as_array().unwrap().len(), MAX_TEXTS);
    assert_eq!((left["board"].as_str().unwrap().len(), dropped), (TEXT_CHARS, 0));
    let entries: Map<_, _> = (0..300).map(|k| (k.to_string(), json!({"mean": 1}))).collect();
    let (left, dropped) = cleaned(json!({"metrics": entries}), SUMMARY);
    assert_eq!((left["metrics"].as_object().unwrap().len(), dropped), (200, 100));
}
