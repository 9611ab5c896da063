//! A broker whose disk is full, and then new: the booth's records arrive all the same.

use std::time::{Duration, Instant};

use super::{
    PATIENCE,
    booth::{Scene, config},
    broker::Broker,
    fleet_client::FleetClient,
};

/// Mosquitto writes all it knows after each change.
const EAGER: &str = "allow_anonymous true\npersistence true\npersistence_location FOLDER/disk/\n\
                     autosave_on_changes true\nautosave_interval 1\n";

/// Adds records `from` to `to`, and waits until the fleet client has all of them, in order.
async fn deliver(scene: &Scene, fleet: &mut FleetClient, from: u32, to: u32) {
    for number in from..to {
        scene.record(number).await;
    }
    for number in from..to {
        let received = fleet.wait_topic("event/test").await;
        assert_eq!(received.json()["number"], number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_with_a_full_disk_takes_nothing_with_it() {
    let mut broker = Broker::with(EAGER, |_| ()).moved_to_disk(256);
    let mut fleet = FleetClient::join(broker.port).await;
    let scene = Scene::start(config(broker.port)).await;
    deliver(&scene, &mut fleet, 0, 20).await;
    broker.fill_disk();
    deliver(&scene, &mut fleet, 20, 40).await;
    let began = Instant::now();
    while !broker.log().contains("rror saving in-memory database") {
        assert!(
            began.elapsed() < PATIENCE,
            "the broker does not miss its disk: {}",
            broker.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It stops without having written its state, and restarts empty.
    broker.terminate();
    let back = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        broker.start_again();
    };
    tokio::join!(deliver(&scene, &mut fleet, 40, 60), back);
    scene.wait_empty().await;
    // The states are published again for a later subscriber.
    let mut newcomer = FleetClient::join(broker.port).await;
    let status = newcomer.wait_topic("/status").await;
    assert!(status.is_retained && status.json()["status"] == "online");
    scene.leave().await;
}
