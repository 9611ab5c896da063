//! Examples of what boothd sends, made by its own code, for the mock of the pages' tests:
//! tests/browser/data/examples.json. tests/browser/mock_reports.mjs varies their numbers.
//!
//! `UPDATE_DOCS=1 cargo test --release --test page_examples` writes the file anew.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::{env, fs, time::Duration};

use boothd::{
    booth_api,
    features::Features,
    report::{Dropped, FaceResult, MetricSummary, SummaryReport, VoiceResult},
    session::{Arousal, ArousalLabel, SessionConfig, SessionMetrics, SpeechRate, voice_values},
    speech::{ArousalFeatures, F0Statistics, Interval},
    store::EraseReceipt,
    vision::{
        Covered, Expression, Face, FaceActions, FaceQuality, Gaze, HeadPose, Landmarks,
        QualityVerdict, Rect,
    },
};
use boothd_test_support::doors;
use doors::{Client, Doors, patient};
use serde::Serialize;
use serde_json::{Map, Value, json};

const FILE: &str = "tests/browser/data/examples.json";

/// In place of an id that differs from run to run.
const SESSION: &str = "booth-example";

/// The beginning of the doors' own time, unix ms.
const CONSENT_AT: i64 = 1_800_000_000_000;

fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("its keys are texts")
}

/// A face of which everything is known.
fn face() -> Face {
    Face {
        track: 1,
        person: 1,
        bbox: Rect { x: 192.0, y: 96.0, width: 192.0, height: 192.0 },
        presence: 1.0,
        landmarks: Landmarks::default(),
        head_pose: Some(HeadPose { yaw_deg: 4.0, pitch_deg: -3.0, roll_deg: 1.0 }),
        gaze: Some(Gaze { yaw_deg: 4.5, pitch_deg: -2.25, confidence: 0.875 }),
        eye_aspect_ratio: Some(0.25),
        mouth_open_ratio: Some(0.125),
        measures: None,
        expression: Some(Expression {
            probabilities: [0.03125, 0.03125, 0.03125, 0.5, 0.03125, 0.03125, 0.34375],
            cached: false,
        }),
        quality: FaceQuality {
            brightness: 0.5,
            sharpness: 88.0,
            inter_ocular_px: 84.0,
            verdict: QualityVerdict::Good,
            covered: Covered::default(),
        },
    }
}

/// What a frame with `face` gives where everything is switched on.
fn seen(face: Option<Face>) -> FaceResult {
    let mut result = doors::frame(7);
    result.context.features = Features::ALL;
    result.context.demo_source = true;
    result.observation.face_count = u32::from(face.is_some());
    result.metrics.person_count = 1;
    result.metrics.face_present_ratio = Some(0.75);
    result.observation.face = face;
    result
}

/// A frame of which everything is known.
fn known() -> FaceResult {
    let mut result = seen(Some(face()));
    let metrics = &mut result.metrics;
    metrics.horizontal_deviation = Some(0.125);
    metrics.blink = Some(false);
    metrics.gaze = Some(Gaze { yaw_deg: 4.5, pitch_deg: -2.25, confidence: 0.875 });
    metrics.face_actions = Some(FaceActions {
        smile: 0.5,
        mouth_stretch: 0.0,
        upper_lip_raise: 0.25,
        jaw_open: 0.125,
        lip_pucker: 0.0,
        brow_up: 0.25,
        brow_down: 0.0,
        eye_wide: Some(0.0),
        eye_squint: Some(0.125),
        cheek_raise: 0.375,
    });
    metrics.eye_contact = Some(true);
    metrics.eye_contact_probability = Some(0.8125);
    metrics.head_pose_stability = Some(0.875);
    metrics.eye_contact_ratio = Some(0.75);
    metrics.emotion_stability = Some(0.9375);
    metrics.blink_rate_per_min = Some(15.0);
    result
}

/// A face with dark glasses: what depends on the eyes is not known.
fn glasses() -> FaceResult {
    let mut face = face();
    face.gaze = None;
    face.eye_aspect_ratio = None;
    face.expression = None;
    face.quality.verdict = QualityVerdict::Occluded;
    face.quality.covered = Covered { eyes: true, mouth: false };
    let mut result = seen(Some(face));
    result.metrics.head_pose_stability = Some(0.875);
    result.metrics.horizontal_deviation = Some(0.125);
    result
}

/// A camera that hangs upside down.
fn turned() -> FaceResult {
    let mut face = face();
    face.quality.verdict = QualityVerdict::Turned;
    seen(Some(face))
}

/// A segment of which everything is known.
fn spoken() -> VoiceResult {
    let ms = Duration::from_millis;
    let mut result = doors::segment(7);
    let observed = &mut result.observation;
    observed.audio_detected = true;
    observed.speech_ratio = 0.75;
    observed.speech = vec![
        Interval { start: ms(0), end: ms(1000) },
        Interval { start: ms(1640), end: ms(3000) },
    ];
    observed.pauses = vec![Interval { start: ms(1000), end: ms(1640) }];
    observed.rms = 0.0625;
    observed.dbfs = Some(-24.0);
    observed.f0 = Some(F0Statistics {
        voiced_frames: 100,
        mean_hz: 168.0,
        variance_hz2: 640.0,
        median_hz: 161.0,
        p5_hz: 120.0,
        p95_hz: 214.0,
    });
    observed.spectral_centroid_hz = Some(1450.0);
    observed.clarity = Some(0.6875);
    observed.harmonics_to_noise_db = Some(9.5);
    let metrics = &mut result.metrics;
    metrics.speech_rate = Some(SpeechRate { per_min: 228.0, per_second: 4.125 });
    metrics.arousal =
        Some(Arousal { value: 0.375, label: ArousalLabel::Activated, confidence: 0.75 });
    result.metrics.values = voice_values(&result.observation, &result.metrics);
    result
}

fn demo(mut result: VoiceResult) -> VoiceResult {
    result.context.demo_source = true;
    result
}

/// Every metric of a session's summary by its name. The numbers are no matter.
fn metrics() -> Map<String, Value> {
    let mut session = SessionMetrics::new(&SessionConfig::default());
    for second in 0..120 {
        let mut frame = known().observation;
        frame.captured_at = Duration::from_millis(100 * second);
        session.observe_face(&frame);
        let mut segment = spoken().observation;
        segment.captured_at = Duration::from_secs(second);
        segment.arousal =
            Some(ArousalFeatures { log2_f0_median: 7.0, level_db: -30.0, log10_hf500: -0.25 });
        session.observe_voice(&segment);
    }
    let report = SummaryReport::new(session.statistics(), Dropped::default());
    let alike = MetricSummary {
        count: 1200,
        mean: 0.5,
        variance: 0.0625,
        min: 0.0,
        max: 1.0,
        covered_ms: 598_000,
    };
    report.metrics.keys().map(|name| ((*name).to_owned(), value(&alike))).collect()
}

/// The messages and records of an interview in the booth, from the doors themselves.
async fn interview(doors: &Doors) -> Map<String, Value> {
    let mut client: Client = doors.operator().await;
    client.send_json(json!({ "type": "watch", "data": { "stream": "booth" } })).await;
    client.expect("watching").await;
    let mut documents = Map::new();
    let mut keep = |name: &str, document: &Value| {
        documents.insert(name.to_owned(), document.clone());
    };
    keep("state", &client.wait_for("state").await["data"]);
    let consent =
        json!({ "notice_version": "7", "consent_at": CONSENT_AT, "subject_ref": "A-17" });
    client.send_json(json!({ "type": "start_session", "data": consent })).await;
    let started = client.wait_for("session_started").await["data"].clone();
    keep("session_started", &started);
    doors.clock.advance(Duration::from_secs(600));
    client.send_json(json!({ "type": "end_session" })).await;
    let mut summary = client.wait_for("session_summary").await["data"].clone();
    summary["metrics"] = metrics().into();
    keep("session_summary", &summary);
    let id = started["session_id"].as_str().unwrap();
    let record = doors.store.session(id).await.unwrap().expect("is stored");
    let mut record = value(&record);
    record["summary"] = summary;
    keep("session", &record);
    let (status, history) = doors.json(&format!("/api/v1/sessions/{id}/history")).await;
    assert_eq!(status, 200, "{history}");
    keep("history", &history);
    let text = Value::from(documents).to_string().replace(id, SESSION);
    serde_json::from_str(&text).unwrap()
}

/// The answer of GET /health, without what differs from machine to machine.
fn health(doors: &Doors) -> Value {
    let mut health = booth_api::health_value(&doors.state, &*doors.clock);
    health["version"] = "1.2.3".into();
    health["digest"] = "example".into();
    health["disk"] =
        json!({ "free_bytes": 52_000_000_000_u64, "database_bytes": 4_200_000, "error": null });
    health["store"]["source"] = Value::Null;
    health["uptime_s"] = 4210.into();
    health["connections"] = 1.into();
    health
}

#[tokio::test]
async fn the_mock_begins_with_what_boothd_sends() {
    let doors = Doors::open(patient()).await;
    let mut examples = interview(&doors).await;
    let receipt = EraseReceipt {
        receipt_id: "0123456789abcdef".into(),
        erased_at: CONSENT_AT,
        session_ids: vec![SESSION.into()],
        rows: 1204,
        is_log_clear: true,
    };
    examples.extend([
        ("health".to_owned(), health(&doors)),
        ("receipt".to_owned(), value(&receipt)),
        ("visual".to_owned(), value(known().report())),
        ("no_face".to_owned(), value(seen(None).report())),
        ("glasses".to_owned(), value(glasses().report())),
        ("turned".to_owned(), value(turned().report())),
        ("audio".to_owned(), value(demo(spoken()).report())),
        ("silence".to_owned(), value(demo(doors::segment(7)).report())),
    ]);
    let mut made = serde_json::to_string_pretty(&examples).unwrap();
    made.push('\n');
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(FILE, &made).expect("the file should be writable");
    }
    let stored = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        stored == made,
        "{FILE} is stale: UPDATE_DOCS=1 cargo test --release --test page_examples"
    );
}
