//! The fleet server has every record after repeated power cuts of the booth, and the broker keeps
//! nothing of an erased subject.

use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::{
    broker::Broker,
    fleet_client::{FleetClient, Received},
    house::{BOOTHD, Daemon},
    operator::{aside, ask, begin, end, sessions_until_it_dies},
};

/// How often the power is cut; BOOTHD_POWER_CUTS=200 for the long run.
fn power_cuts() -> u64 {
    env::var("BOOTHD_POWER_CUTS").map_or(40, |count| count.parse().unwrap())
}

fn start(state: &Path, port: u16) -> Daemon {
    let state = format!("state.dir={}", state.display());
    let broker = format!("mqtt.broker=mqtt://127.0.0.1:{port}");
    // Thousands of records wait after two hundred power cuts.
    let rate = "mqtt.replay_per_s=5000";
    let off = ["video.source=off", "audio.source=off", "booth.id=one"];
    Daemon::start(Command::new(&*BOOTHD), &[off[0], off[1], off[2], rate, &*state, &*broker])
}

/// A session's records as the fleet server keeps them: the first of each `boot_id` and `seq`.
#[derive(Default)]
struct Kept {
    seen: HashMap<(String, u64), String>,
    /// Kinds by session, in the order in which they came.
    sessions: BTreeMap<String, Vec<String>>,
}

impl Kept {
    fn take(&mut self, received: &Received) {
        let Some((_, rest)) = received.topic.split_once("/session/") else { return };
        let (session, kind) = rest.split_once('/').unwrap();
        let record = received.json();
        assert_eq!(record["session_id"], *session, "whole: {}", received.text);
        let name =
            (record["boot_id"].as_str().unwrap().to_owned(), record["seq"].as_u64().unwrap());
        match self.seen.insert(name, received.text.clone()) {
            Some(before) => assert_eq!(before, received.text, "repeated unchanged"),
            None => self.sessions.entry(session.into()).or_default().push(kind.into()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_power_cuts_the_fleet_server_has_all_that_was_acknowledged() {
    // The broker's limits for a slow subscriber are not tested here.
    let all = "allow_anonymous true\npersistence false\nmax_queued_messages 0\n";
    let broker = Broker::with(all, |_| ());
    let mut fleet = FleetClient::join(broker.port).await;
    let state = tempfile::tempdir().unwrap();
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    let mut cut = 0;
    // A slow machine ends fewer interviews between two cuts: it gets more of them.
    while cut < power_cuts() || (ended.len() <= 20 && cut < 10 * power_cuts()) {
        let daemon = start(state.path(), broker.port);
        let address = daemon.address.clone();
        let asking = aside(move || sessions_until_it_dies(&address));
        // Anywhere in the first 150 ms, spread evenly (the golden ratio's multiples).
        let at = (cut * 618_034 % 1_000_000) * 150 / 1_000;
        std::thread::sleep(Duration::from_micros(at));
        daemon.signal(rustix::process::Signal::KILL);
        let (b, e) = asking.join().unwrap();
        begun.extend(b);
        ended.extend(e);
        cut += 1;
    }
    let daemon = start(state.path(), broker.port);
    daemon.wait_for_health("the outbox", |health| {
        health["mqtt"]["state"] == "running" && health["outbox"]["depth"] == 0
    });
    // The last record is published after all that waited.
    let last = begin(&daemon.address).unwrap();
    let mut kept = Kept::default();
    let is_last = format!("/session/{last}/started");
    loop {
        let received = fleet.wait("the last session", |_| true).await;
        kept.take(&received);
        if received.topic.ends_with(&is_last) {
            break;
        }
    }
    assert!(ended.len() > 20, "{} sessions were ended", ended.len());
    for session in &begun {
        assert_eq!(kept.sessions[session][0], "started", "{session}");
    }
    for session in &ended {
        assert_eq!(kept.sessions[session], ["started", "summary"], "in order, once");
    }
    println!("MEASURED {} sessions begun, {} ended, none lost", begun.len(), ended.len());
    drop(daemon);
    let database = boothd::store::database_path(state.path());
    boothd::store::Database::open(&database).unwrap().check().unwrap();
}

fn stands(file: &Path, words: &str) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_keeps_nothing_of_an_erased_subject() {
    let kept = "allow_anonymous true\npersistence true\npersistence_location FOLDER/\n";
    let mut broker = Broker::with(kept, |_| ());
    let mut fleet = FleetClient::join(broker.port).await;
    let state = tempfile::tempdir().unwrap();
    let daemon = start(state.path(), broker.port);
    daemon.wait_for_health("the broker", |health| health["mqtt"]["state"] == "running");
    let session = begin(&daemon.address).unwrap();
    fleet.wait_topic(&format!("/session/{session}/started")).await;
    end(&daemon.address, &session).unwrap();
    let summary = fleet.wait_topic(&format!("/session/{session}/summary")).await.json();
    let path = format!("/api/v1/sessions/{session}");
    let (status, receipt) = ask(&daemon.address, "DELETE", &path, &Value::Null).unwrap();
    assert_eq!((status, &receipt["is_log_clear"]), (200, &true.into()));
    let event = fleet.wait_topic("/event/erased").await.json();
    assert_eq!(event["session_ids"][0], *session);
    daemon.wait_for_health("the outbox", |health| health["outbox"]["depth"] == 0);
    assert!(daemon.terminate().0.success());
    drop(fleet);
    broker.terminate();
    let store = broker.folder.path().join("mosquitto.db");
    assert!(stands(&store, "boothd/v1/site/one/health"), "the broker kept what is retained");
    let ended_at = summary["ended_at"].to_string();
    for file in [store, boothd::store::database_path(state.path())] {
        for words in ["candidate 7", &session, &ended_at] {
            assert!(!stands(&file, words), "{words} in {}", file.display());
        }
    }
}
