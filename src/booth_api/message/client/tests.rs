use super::*;

fn code(text: &str) -> &'static str {
    parse(text).unwrap_err().code
}

#[test]
fn every_wrong_form_has_its_code() {
    assert_eq!(code("{"), "invalid_json");
    assert_eq!(code("[]"), "invalid_message");
    assert_eq!(code(r#"{"type": 5}"#), "invalid_message");
    assert_eq!(code(r#"{"type": "dance"}"#), "unknown_type");
    assert_eq!(code(r#"{"type": "watch", "data": {"stream": 1}}"#), "invalid_message");
    assert_eq!(code(r#"{"type": "video_frame", "data": {}}"#), "invalid_message");
    assert_eq!(code(r#"{"type": "audio_chunk", "data": {"audio": 1}}"#), "invalid_message");
    assert_eq!(code(r#"{"type": "configure"}"#), "invalid_message");
    assert_eq!(code(&"[".repeat(100_000)), "invalid_message", "no object");
    let deep = format!(r#"{{"type": "watch", "data": {}"#, "[".repeat(100_000));
    assert_eq!(code(&deep), "invalid_json");
}

#[test]
fn a_refusal_names_the_message_and_the_field() {
    let wrong = parse(r#"{"type": "configure", "data": {"features": {"mind": true}}}"#);
    let sentence = wrong.unwrap_err().sentence;
    assert!(sentence.contains("configure") && sentence.contains("mind"), "{sentence}");
}

#[test]
fn missing_credentials_are_empty() {
    let empty = Request::Auth(AuthData::default());
    assert_eq!(parse(r#"{"type": "auth"}"#), Ok(empty.clone()));
    assert_eq!(parse(r#"{"type": "auth", "data": {"session_id": null}}"#), Ok(empty));
}

#[test]
fn the_timestamp_of_media_is_any_value_inside_or_beside_the_data() {
    let stamp = |text: &str| match parse(text) {
        Ok(Request::VideoFrame(_, stamp)) => stamp.map(|stamp| stamp.json().to_owned()),
        other => panic!("{other:?}"),
    };
    let inside = r#"{"type":"video_frame","data":{"frame":"x","timestamp":[1]},"timestamp":2}"#;
    assert_eq!(stamp(inside).as_deref(), Some("[1]"));
    let beside = r#"{"type":"video_frame","data":{"frame":"x"},"timestamp":2}"#;
    assert_eq!(stamp(beside).as_deref(), Some("2"));
    let null = r#"{"type":"video_frame","data":{"frame":"x","timestamp":null},"timestamp":2}"#;
    assert_eq!(stamp(null).as_deref(), Some("2"));
}

#[test]
fn a_timestamp_of_more_than_256_bytes_is_refused_wherever_it_stands() {
    let long = format!("[{}1]", "1,".repeat(128));
    let longest = format!("\"{}\"", "x".repeat(254));
    for (kind, field) in [("video_frame", "frame"), ("audio_chunk", "audio")] {
        let inside = |stamp: &str| {
            format!(r#"{{"type":"{kind}","data":{{"{field}":"x","timestamp":{stamp}}}}}"#)
        };
        assert_eq!(code(&inside(&long)), "timestamp_too_long");
        assert!(parse(&inside(&longest)).is_ok());
        let beside =
            format!(r#"{{"timestamp":{long},"type":"{kind}","data":{{"{field}":"x"}}}}"#);
        assert_eq!(code(&beside), "timestamp_too_long");
    }
    assert_eq!(code(&format!(r#"{{"type":"ping","timestamp":{long}}}"#)), "timestamp_too_long");
}

#[test]
fn a_picture_is_not_copied_out_of_its_message() {
    let text = r#"{"type":"video_frame","data":{"frame":"data:image/jpeg;base64,AAAA"}}"#;
    match parse(text) {
        Ok(Request::VideoFrame(frame, None)) => {
            assert!(matches!(frame.frame, Cow::Borrowed(_)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_does_not_repeat_a_long_mistake() {
    let text = format!(r#"{{"type":"configure","data":{{"{}":1}}}}"#, "x".repeat(100_000));
    assert!(parse(&text).unwrap_err().sentence.len() < 300);
}

#[test]
fn consent_has_a_moment_in_either_form() {
    let at = |moment: &str| {
        let text = format!(
            r#"{{"type":"start_session","data":{{"notice_version":"1","consent_at":{moment}}}}}"#
        );
        match parse(&text) {
            Ok(Request::StartSession(start)) => Some(start.consent_at.unix_ms),
            _ => None,
        }
    };
    assert_eq!(at("1700000000000"), Some(1_700_000_000_000));
    assert_eq!(at(r#""2023-11-14T22:13:20Z""#), Some(1_700_000_000_000));
    assert_eq!(at(r#""yesterday""#), None);
    assert_eq!(at("1.5"), None);
}

#[test]
fn a_binary_message_has_a_kind_and_a_time() {
    let mut message = vec![2];
    message.extend(7_u64.to_le_bytes());
    assert_eq!(parse_binary(&message), Ok((BinaryKind::Recording, 7)));
    assert_eq!(parse_binary(&message[..8]).unwrap_err().code, "invalid_message");
    message[0] = 9;
    assert_eq!(parse_binary(&message).unwrap_err().code, "unknown_type");
}
