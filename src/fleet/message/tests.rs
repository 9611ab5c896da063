use serde_json::json;

use super::*;

fn read_json(topic: &str, value: &Value) -> Result<(BoothKey, Message), &'static str> {
    read(topic, value.to_string().as_bytes()).map(|read| (read.key, read.message))
}

#[test]
fn an_answer_to_an_order_has_its_reference_and_what_went_wrong() {
    let topic = "boothd/v1/hq/one/cmd/erase/result";
    let answer = |value: &Value| read_json(topic, value).unwrap().1;
    let done = EraseAnswer { reference: "fleet-1".into(), error: None };
    let ok = json!({"ok": true, "error": null, "ref": "fleet-1", "rows": 9});
    assert_eq!(answer(&ok), Message::EraseAnswer(done));
    let refused = json!({"ok": false, "error": "is not allowed", "ref": "fleet-1"});
    let Message::EraseAnswer(answered) = answer(&refused) else { panic!() };
    assert_eq!(answered.error.as_deref(), Some("is not allowed"));
    assert_eq!(answer(&json!({"ok": true, "ref": null})), Message::Other);
}

#[test]
fn values_that_cannot_be_right_are_dropped_and_the_rest_is_taken() {
    let report = json!({"timestamp": "<img>", "blink": "x", "face_count": 1});
    let bytes = report.to_string();
    let read = read("boothd/v1/a/b/metrics/video", bytes.as_bytes()).unwrap();
    assert_eq!(read.message, Message::Metrics(Modality::Video, json!({"face_count": 1})));
    assert_eq!(read.dropped_values, 2);
}

#[test]
fn a_record_is_identified_by_boot_id_and_seq_and_the_rest_is_its_data() {
    let value = json!({"seq": 7, "ts": 1000, "boot_id": "b", "clock_set": false, "a": 1});
    let (key, message) = read_json("boothd/v1/hq/one/session/s1/summary", &value).unwrap();
    assert_eq!((&*key.site, &*key.booth), ("hq", "one"));
    let Message::Record(record) = message else { panic!("{message:?}") };
    assert_eq!((record.seq, &*record.boot_id, &*record.kind), (7, "b", "summary"));
    assert_eq!(record.session_id.as_deref(), Some("s1"));
    assert!(!record.is_clock_set);
    assert_eq!(record.data, json!({"a": 1}));
}

#[test]
fn an_event_of_a_session_names_it_in_its_payload() {
    let value = json!({"seq": 1, "ts": 1, "boot_id": "b", "session_id": "s9"});
    let (_, message) = read_json("boothd/v1/hq/one/event/camera_lost", &value).unwrap();
    let Message::Record(record) = message else { panic!("{message:?}") };
    assert_eq!(record.kind, "event/camera_lost");
    assert_eq!(record.session_id.as_deref(), Some("s9"));
}

#[test]
fn what_is_no_message_of_a_booth_is_refused_and_never_a_panic() {
    let right = json!({"status": "online"});
    for topic in ["", "boothd/v1/", "boothd/v1/a", "boothd/v1/a/b", "x/v1/a/b/status"] {
        assert!(read_json(topic, &right).is_err(), "{topic}");
    }
    assert!(read("boothd/v1/a/b/status", b"{").is_err());
    assert!(read("boothd/v1/a/b/status", b"[1]").is_err());
    assert!(read("boothd/v1/a/b/status", b"\xff").is_err());
    assert!(read_json("boothd/v1/a/b/status", &json!({"status": "fine"})).is_err());
    assert!(read_json("boothd/v1/a/b/event/x", &json!({"seq": 1, "ts": 1})).is_err());
    let late = json!({"seq": 1, "ts": i64::MAX, "boot_id": "b"});
    assert!(read_json("boothd/v1/a/b/event/x", &late).is_err());
    let long = vec![b' '; MAX_STATE_BYTES + 1];
    assert!(read("boothd/v1/a/b/health", &long).is_err());
    for name in [&*"a".repeat(200), "..", ".", "a%E2%80%AE", "%EF%BF%BF", " "] {
        assert!(read_json(&format!("boothd/v1/{name}/b/status"), &right).is_err(), "{name}");
        assert!(read_json(&format!("boothd/v1/a/{name}/status"), &right).is_err(), "{name}");
    }
    let other = read_json("boothd/v1/a/b/cmd/start", &right).unwrap();
    assert_eq!(other.1, Message::Other);
}
