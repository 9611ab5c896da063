use super::*;
use crate::{
    speech::ArousalFeatures,
    vision::{Covered, Face, FaceQuality, Landmarks, QualityVerdict, Rect, VisionTiming},
};

fn seen(second: u64, person: u64) -> FaceObservation {
    let quality = FaceQuality {
        brightness: 0.5,
        sharpness: 100.0,
        inter_ocular_px: 80.0,
        verdict: QualityVerdict::Good,
        covered: Covered::default(),
    };
    let face = Face {
        track: 0,
        person,
        bbox: Rect { x: 280.0, y: 200.0, width: 80.0, height: 100.0 },
        presence: 1.0,
        landmarks: Landmarks::default(),
        head_pose: None,
        gaze: Some(Gaze { yaw_deg: 2.0, pitch_deg: 0.0, confidence: 1.0 }),
        eye_aspect_ratio: Some(0.3),
        mouth_open_ratio: Some(0.0),
        measures: None,
        expression: None,
        quality,
    };
    FaceObservation {
        sequence: second,
        captured_at: Duration::from_secs(second),
        unix_ms: 0,
        width_px: 640,
        height_px: 480,
        brightness: 0.5,
        face_count: 1,
        face: Some(face),
        turned_deg: None,
        detector_ran: false,
        timing: VisionTiming::default(),
    }
}

fn voice(second: u64) -> VoiceObservation {
    let mut voice = speech_rate::tests::spoken(Duration::from_secs(second), &[]);
    voice.new_duration = Duration::from_secs(1);
    voice.arousal =
        Some(ArousalFeatures { log2_f0_median: 7.0, level_db: -30.0, log10_hf500: -0.3 });
    voice
}

#[test]
fn the_voice_of_the_next_person_is_judged_by_a_baseline_of_its_own() {
    let mut session = SessionMetrics::new(&SessionConfig::default());
    for second in 3..10 {
        session.observe_voice(&voice(second));
    }
    // The face may be found after the voice: it is the same person's.
    assert!(session.observe_face(&seen(10, 7)).new_person);
    let arousal: Vec<_> = (10..19).map(|s| session.observe_voice(&voice(s)).arousal).collect();
    assert!(arousal[8].is_some(), "after 15 s of speech");
    let next = session.observe_face(&seen(19, 8));
    assert!(next.new_person);
    assert_eq!((next.person_count, session.statistics().person_count), (2, 2));
    assert_eq!(session.observe_voice(&voice(20)).arousal, None);
    assert!(!session.observe_face(&seen(20, 8)).new_person);
}

#[test]
fn a_calibrated_centre_is_found_again_for_the_next_person() {
    let mut config = SessionConfig::default();
    config.eye_contact.calibrate = Duration::from_secs(3);
    let mut session = SessionMetrics::new(&config);
    let contact = |session: &mut SessionMetrics, second, person| {
        session.observe_face(&seen(second, person)).eye_contact
    };
    let first: Vec<_> = (0..5).map(|second| contact(&mut session, second, 1)).collect();
    assert_eq!(first, [None, None, None, Some(true), Some(true)]);
    assert_eq!(contact(&mut session, 5, 2), None);
}

#[test]
fn a_picture_of_a_face_is_no_person() {
    let mut session = SessionMetrics::new(&SessionConfig::default());
    let mut poster = seen(1, 1);
    poster.face.as_mut().expect("it has one").quality.verdict = QualityVerdict::StillPicture;
    let metrics = session.observe_face(&poster);
    assert_eq!(
        metrics,
        FaceMetrics {
            face_present_ratio: Some(0.0),
            values: FaceValues {
                face_count: 1,
                face_present_ratio: Some(0.0),
                brightness: 0.5,
                ..FaceValues::default()
            },
            ..FaceMetrics::default()
        }
    );
    let statistics = session.statistics();
    assert_eq!((statistics.frames_total, statistics.person_count), (1, 0));
}
