//! Booths that publish invalid values, which do not spoil the view of any booth.

use boothd::{
    fleet::{FleetState, Limits, MAX_BOOTHS, Presence},
    mqtt::client::QoS,
};
use serde_json::{Value, json};

use crate::common::{Broker, FleetServer, health, online, publish, topic, video};

const NOW: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn state() -> FleetState {
    let mut state =
        FleetState::new(Limits { offline_after_ms: 90_000, outbox_depth: 10 }, Vec::new(), []);
    state.listening(true, NOW);
    state
}

fn publish_at(state: &mut FleetState, booth: &str, what: &str, payload: &Value, now: i64) {
    state.take(&topic(booth, what), payload.to_string().as_bytes(), false, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_where_a_number_should_be_is_left_out_and_counted() {
    let broker = Broker::roomy();
    let state = tempfile::tempdir().expect("a folder");
    let server = FleetServer::start(&broker, state.path(), &[]);
    let x = "<img src=x>";
    let mut sick = health();
    sick["camera"]["last_media_ms_ago"] = x.into();
    sick["board"]["temperature_c"] = 1e308.into();
    sick["outbox"]["depth"] = (1_u64 << 63).into();
    let mut report = video(7, None);
    for field in ["head_pose", "eye_contact_ratio", "blink_rate_per_min", "timestamp"] {
        report[field] = x.into();
    }
    let info = json!({"version": {"a": 1}, "addresses": x, "board": x});
    publish(
        &broker,
        "evil",
        &[
            (topic("evil", "info"), QoS::AtLeastOnce, false, info),
            (topic("evil", "health"), QoS::AtLeastOnce, false, sick),
            (topic("evil", "metrics/video"), QoS::AtLeastOnce, false, report),
            (topic("evil", "metrics/audio"), QoS::AtLeastOnce, false, json!(["no object"])),
        ],
    )
    .await;
    let reply = server.wait_for("/api/v1/fleet/booths/hq/evil", |now| {
        now["refused"]["messages_total"] == 1 && now["video"].is_object()
    });
    assert_eq!(reply["refused"]["values_total"], 9, "{reply}");
    assert_eq!(reply["refused"]["last"], "is no JSON object");
    let report = &reply["video"]["report"];
    assert!(report["head_pose"].is_null() && report["eye_contact_ratio"].is_null());
    assert_eq!((&report["sequence"], &report["face_count"]), (&json!(7), &json!(1)));
    assert_eq!(reply["booth"]["outbox_depth"], Value::Null);
    assert_eq!(reply["booth"]["temperature_c"], Value::Null);
    assert_eq!(server.json("/health")["dropped_values_total"], 9);
    assert!((server.metric("boothd_fleet_dropped_values_total") - 9.0).abs() < 0.1);
}

#[test]
fn a_booth_that_speaks_too_fast_is_taken_at_its_rate_and_others_are_not_slowed() {
    let mut state = state();
    for k in 0..1000 {
        publish_at(&mut state, "fast", "metrics/video", &video(k, None), NOW);
    }
    let taken = state.counts().metrics_total;
    assert!((200..=201).contains(&taken), "{taken}");
    publish_at(&mut state, "other", "metrics/video", &video(1, None), NOW);
    assert_eq!(state.counts().metrics_total, taken + 1);
    publish_at(&mut state, "fast", "metrics/video", &video(1, None), NOW + 1000);
    assert_eq!(state.counts().metrics_total, taken + 2);
}

#[test]
fn no_booth_fills_the_archive_in_a_day() {
    let mut state = state();
    let long = "x".repeat(60_000);
    let record = |seq: i64| json!({"seq": seq, "ts": NOW, "boot_id": "b", "text": long});
    let mut taken = 0;
    for seq in 0..6000 {
        let bytes = record(seq).to_string();
        let topic = topic("one", "event/x");
        taken += usize::from(state.take(&topic, bytes.as_bytes(), false, NOW).is_some());
    }
    assert!(taken * 60_000 <= 256 << 20 && taken > 4000, "{taken}");
    let bytes = record(9000).to_string();
    let tomorrow = state.take(&topic("one", "event/x"), bytes.as_bytes(), false, NOW + DAY_MS);
    assert!(tomorrow.is_some());
}

#[test]
fn invented_booths_neither_keep_others_out_for_ever_nor_take_all_memory() {
    let mut state = state();
    let status = json!({"status": "offline", "since": null, "boot_id": "b"});
    for k in 0..MAX_BOOTHS + 10 {
        publish_at(&mut state, &format!("invented-{k}"), "status", &status, NOW);
    }
    assert_eq!(state.fleet_summary().booths, MAX_BOOTHS);
    assert_eq!(state.counts().refused_total, 10);
    // A day later, booths without a message since then make room.
    let later = NOW + DAY_MS + 1;
    state.tick(later);
    for (topic, _, _, payload) in online("real", "1") {
        state.take(&topic, payload.to_string().as_bytes(), false, later);
    }
    let found = boothd::fleet::Filter { search: Some("real".into()), ..Default::default() };
    let (rows, _) = state.list(&found, 0, 10);
    assert_eq!((rows.len(), rows[0].presence), (1, Presence::Online));
    assert_eq!(state.fleet_summary().booths, MAX_BOOTHS);
    // States that are longer than any real one are refused, which bounds the memory.
    let mut long = health();
    long["rest"] = "x".repeat(17_000).into();
    let before = state.counts().refused_total;
    publish_at(&mut state, "real", "health", &long, later);
    assert_eq!(state.counts().refused_total, before + 1);
}
