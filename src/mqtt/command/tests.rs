use super::*;
use crate::mqtt::topics::BoothName;

#[test]
fn an_answer_never_becomes_a_command_to_another_booth() {
    let config = MqttConfig::new("h", 1, BoothName::new("site", "one"));
    for good in ["desk/answers/7", "boothd/v1/site/one/cmd/start/result"] {
        assert!(may_answer_to(good, &config), "{good}");
    }
    let bad = [
        "",
        "a/#",
        "a/+",
        "$SYS/x",
        "boothd/v1/site/two/cmd/end",
        "boothd/v1/site/one/status",
        "desk/\u{ffff}",
        "desk/\u{1}",
    ];
    for bad in bad {
        assert!(!may_answer_to(bad, &config), "{bad}");
    }
}

#[test]
fn a_switch_is_on_or_off() {
    assert!(parse_switch(b"ON").unwrap() && parse_switch(b" true\n").unwrap());
    assert!(!parse_switch(b"Off").unwrap() && !parse_switch(b"false").unwrap());
    assert!(parse_switch(b"1").is_err() && parse_switch(b"").is_err());
}

#[test]
fn a_payload_is_an_object_or_nothing() {
    assert_eq!(object(b"").unwrap(), json!({}));
    assert_eq!(object(br#"{"ref": 3, "a": 1}"#).unwrap(), json!({ "a": 1 }));
    assert!(object(b"[]").is_err() && object(b"{").is_err());
    assert!(parse::<Nothing>(json!({ "a": 1 })).is_err());
}
