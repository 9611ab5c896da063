//! [`FleetState`] on a simulated clock.

use boothd::fleet::{AlertKind, Filter, FleetState, Limits, Presence};
use serde_json::{Value, json};

use crate::common::{self, topic};

/// A moment of our time, at the beginning of a minute, unix ms.
const NOW: i64 = 1_800_000_000_000;

struct Bench {
    state: FleetState,
    now: i64,
}

impl Bench {
    fn new() -> Self {
        let limits = Limits { offline_after_ms: 90_000, outbox_depth: 1000 };
        let mut state = FleetState::new(limits, Vec::new(), []);
        state.listening(true, NOW);
        Bench { state, now: NOW }
    }

    fn publish(&mut self, booth: &str, what: &str, payload: &Value) {
        let text = payload.to_string();
        self.state.take(&topic(booth, what), text.as_bytes(), false, self.now);
    }

    fn online(&mut self, booth: &str, version: &str) {
        for (topic, _, _, payload) in common::online(booth, version) {
            let text = payload.to_string();
            self.state.take(&topic, text.as_bytes(), false, self.now);
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.state.tick(self.now);
    }

    /// Alerts that were raised (true) or ended since the last call.
    fn changes(&mut self) -> Vec<(String, AlertKind, bool)> {
        let changes = self.state.take_outgoing().alerts.into_iter();
        changes.map(|change| (change.key.booth, change.kind, change.detail.is_some())).collect()
    }

    fn presence(&self, booth: &str) -> Presence {
        let (rows, _) = self.state.list(&Filter::default(), 0, 100);
        rows.iter().find(|row| row.key.booth == booth).expect("is known").presence
    }
}

#[test]
fn a_clock_that_is_set_makes_no_booth_silent() {
    let mut bench = Bench::new();
    bench.online("one", "1");
    bench.pass(1_000);
    let year = 365 * 24 * 60 * 60 * 1000;
    bench.state.clock_moved(&(NOW..=bench.now), year);
    bench.now += year;
    bench.pass(1_000);
    assert_eq!((bench.changes(), bench.presence("one")), (vec![], Presence::Online));
    bench.pass(90_000);
    assert_eq!(bench.changes(), [("one".into(), AlertKind::Offline, true)]);
}

#[test]
fn silence_is_an_alert_once_and_ends_with_the_next_message() {
    let mut bench = Bench::new();
    bench.online("one", "1");
    bench.pass(89_000);
    assert_eq!(bench.changes(), []);
    bench.pass(2_000);
    assert_eq!(bench.changes(), [("one".into(), AlertKind::Offline, true)]);
    assert_eq!(bench.presence("one"), Presence::Silent);
    bench.pass(60_000);
    assert_eq!(bench.changes(), [], "raised once");
    bench.online("one", "1");
    bench.pass(1000);
    assert_eq!(bench.changes(), [("one".into(), AlertKind::Offline, false)]);
    assert_eq!(bench.presence("one"), Presence::Online);
}

#[test]
fn a_last_will_is_an_alert_at_once_and_a_late_one_heals() {
    let mut bench = Bench::new();
    bench.online("one", "1");
    bench.publish(
        "one",
        "status",
        &json!({"status": "offline", "since": null, "boot_id": "b1"}),
    );
    bench.pass(1000);
    assert_eq!(bench.changes(), [("one".into(), AlertKind::Offline, true)]);
    bench.online("one", "1");
    bench.pass(1000);
    assert_eq!(bench.changes(), [("one".into(), AlertKind::Offline, false)]);
}

#[test]
fn without_a_subscription_no_booth_is_silent() {
    let mut bench = Bench::new();
    bench.online("one", "1");
    bench.state.listening(false, bench.now);
    bench.pass(1_000_000);
    assert_eq!((bench.changes(), bench.presence("one")), (vec![], Presence::Online));
    bench.state.listening(true, bench.now);
    bench.pass(89_000);
    assert_eq!(bench.changes(), [], "it has the full time again");
    bench.pass(2_000);
    assert_eq!(bench.changes(), [("one".into(), AlertKind::Offline, true)]);
}

#[test]
fn a_retained_message_is_no_sign_of_life() {
    let mut bench = Bench::new();
    for (topic, _, _, payload) in common::online("gone", "1") {
        bench.state.take(&topic, payload.to_string().as_bytes(), true, bench.now);
    }
    let (rows, _) = bench.state.list(&Filter::default(), 0, 1);
    assert_eq!(rows[0].last_seen_at, None);
    bench.pass(91_000);
    assert_eq!(bench.changes(), [("gone".into(), AlertKind::Offline, true)]);
}

#[test]
fn devices_disk_and_outbox_are_alerts_while_they_last() {
    let mut bench = Bench::new();
    bench.online("one", "1");
    let mut health = common::health();
    health["camera"] = json!({"state": "unavailable", "error": "no such device"});
    health["microphone"]["last_media_ms_ago"] = 20_000.into();
    health["disk"]["free_bytes"] = 1000.into();
    health["outbox"]["fallen_out_total"] = 3.into();
    health["board"]["trouble"] = "too_hot".into();
    health["light"] = json!({"state": "unavailable", "on": false, "error": "is not there"});
    health["policy"]["profile"] = "unchosen".into();
    bench.publish("one", "health", &health);
    bench.pass(1000);
    let raised: Vec<_> = bench.changes().into_iter().map(|(_, kind, is)| (kind, is)).collect();
    use AlertKind::{Board, Camera, Light, Microphone, Outbox, Policy, Store};
    let all = [Policy, Light, Camera, Microphone, Store, Board, Outbox];
    assert_eq!(raised, all.map(|kind| (kind, true)));
    bench.publish("one", "health", &common::health());
    bench.pass(1000);
    let ended: Vec<_> = bench.changes().into_iter().map(|(_, kind, is)| (kind, is)).collect();
    assert_eq!(ended, all[..6].iter().map(|kind| (*kind, false)).collect::<Vec<_>>());
    for _ in 0..60 {
        bench.pass(60_000);
        bench.online("one", "1");
    }
    bench.pass(1000);
    assert!(bench.changes().contains(&("one".into(), Outbox, false)), "an hour later");
}

#[test]
fn a_version_other_than_the_majoritys_is_an_alert() {
    let mut bench = Bench::new();
    for booth in ["a", "b", "c"] {
        bench.online(booth, "1.2");
    }
    bench.online("d", "1.1");
    bench.pass(1000);
    assert_eq!(bench.changes(), [("d".into(), AlertKind::Version, true)]);
    bench.online("d", "1.2");
    bench.pass(1000);
    assert_eq!(bench.changes(), [("d".into(), AlertKind::Version, false)]);
}

#[test]
fn a_minute_is_one_row_and_an_erased_session_leaves_none() {
    let mut bench = Bench::new();
    for k in 0..130 {
        bench.publish("one", "metrics/video", &common::video(k, Some("s1")));
        bench.now += 1000;
    }
    bench.pass(0);
    let minutes = bench.state.take_outgoing().minutes;
    let samples: Vec<_> = minutes.iter().map(|minute| minute.samples).collect();
    assert_eq!(samples, [60, 60]);
    assert_eq!(minutes[0].session_id.as_deref(), Some("s1"));
    let erased = json!({"receipt_id": "r", "session_ids": ["s1"], "seq": 9, "ts": 1,
        "boot_id": "b1", "clock_set": true});
    bench.publish("one", "event/erased", &erased);
    bench.pass(120_000);
    assert_eq!(bench.state.take_outgoing().minutes, []);
    let key = boothd::fleet::BoothKey { site: "hq".into(), booth: "one".into() };
    let detail = bench.state.detail(&key).expect("is known");
    assert_eq!(detail.live, [None, None]);
}

#[test]
fn the_filter_finds_by_name_presence_and_alert_and_pages() {
    let mut bench = Bench::new();
    for k in 0..5 {
        bench.online(&format!("room-{k}"), "1");
    }
    bench.publish("room-3", "status", &json!({"status": "offline", "boot_id": "b1"}));
    bench.pass(1000);
    let names = |filter: &Filter, offset, limit| {
        let (rows, total) = bench.state.list(filter, offset, limit);
        (rows.into_iter().map(|row| row.key.booth).collect::<Vec<_>>(), total)
    };
    assert_eq!(names(&Filter::default(), 1, 2), (vec!["room-1".into(), "room-2".into()], 5));
    let search = Filter { search: Some("ROOM-4".into()), ..Filter::default() };
    assert_eq!(names(&search, 0, 10), (vec!["room-4".into()], 1));
    let offline = Filter { presence: Some(Presence::Offline), ..Filter::default() };
    assert_eq!(names(&offline, 0, 10), (vec!["room-3".into()], 1));
    let alerts = Filter { has_alert: true, ..Filter::default() };
    assert_eq!(names(&alerts, 0, 10).1, 1);
    let (rows, revision) = bench.state.changes(0, 3);
    let (rest, _) = bench.state.changes(revision, 100);
    assert_eq!((rows.len(), rest.len()), (3, 2), "what is cut comes with the next");
}

#[test]
fn unknown_booths_are_bounded_and_refused_messages_counted() {
    let mut bench = Bench::new();
    for k in 0..boothd::fleet::MAX_BOOTHS + 10 {
        bench.publish(&format!("b{k}"), "status", &json!({"status": "online"}));
    }
    assert_eq!(bench.state.fleet_summary().booths, boothd::fleet::MAX_BOOTHS);
    bench.state.take("boothd/v1/hq/x/health", b"not json", false, NOW);
    assert_eq!(bench.state.counts().refused_total, 11);
}
