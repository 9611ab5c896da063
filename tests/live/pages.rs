//! Health and page over real connections.

use boothd_test_support::http::Answer;

use super::*;

#[tokio::test]
async fn health_reports_each_component() {
    let doors = Doors::open(patient()).await;
    doors.clock.advance(Duration::from_secs(100));
    doors.camera.media_passed(doors.clock.monotonic() - Duration::from_millis(250));
    doors.camera.update(|status| {
        status.source = Some("cam 640x480".into());
        status.dropped_total = 3;
        status.errors_total = 2;
    });
    let (code, health) = doors.json("/health").await;
    assert_eq!((code, &health["status"]), (200, &json!("healthy")));
    assert_eq!(health["uptime_s"], 1_800_000_100_u64, "by the clock of the test");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["demo"], false);
    let camera = json!({
        "state": "running", "source": "cam 640x480", "demo": false, "last_media_ms_ago": 250,
        "restarts_total": 0, "dropped_total": 3, "overruns_total": 0, "errors_total": 2,
        "error": null,
    });
    assert_eq!(health["camera"], camera);
    assert_eq!(health["microphone"]["last_media_ms_ago"], Value::Null);
    assert_eq!(health["models"]["left_eye"]["sha256"], "ab".repeat(32));
    assert_eq!(health["features"]["gaze"], true);
    let off = boothd::features::FeatureChange { gaze: Some(false), ..Default::default() };
    doors.booth.configure(&off, "test").await.unwrap();
    let (_, health) = doors.json("/health").await;
    assert_eq!(health["features"]["gaze"], false);
    assert_eq!(health["features"]["head_pose"], true);
}

#[tokio::test]
async fn health_follows_the_devices() {
    let doors = Doors::open(patient()).await;
    doors.camera.lost("camera is unplugged");
    let (code, health) = doors.json("/health").await;
    assert_eq!((code, &health["status"]), (200, &json!("degraded")));
    assert_eq!(health["camera"]["state"], "unavailable");
    assert_eq!(health["camera"]["error"], "camera is unplugged");
    assert_eq!(doors.get("/health/ready").await.status, 200);
    doors.microphone.lost("microphone is unplugged");
    let (code, health) = doors.json("/health").await;
    assert_eq!((code, &health["status"]), (503, &json!("unhealthy")));
    assert_eq!(doors.get("/health/ready").await.status, 503);
    assert_eq!(doors.get("/health/live").await.status, 200);
    doors.camera.update(|status| status.demo = true);
    assert_eq!(doors.json("/health").await.1["demo"], true);
}

#[tokio::test]
async fn the_page_and_every_file_it_names_are_served_with_strict_headers() {
    let doors = Doors::open(patient()).await;
    let Answer { status: code, head, body: html } = doors.get("/").await;
    assert_eq!(code, 200);
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    let named = html.split('"').filter_map(|text| text.strip_prefix("page/"));
    let named: Vec<String> = named.map(str::to_owned).collect();
    assert!(named.len() > 3, "the page names its files: {html}");
    // The browser tests check that nothing comes from another host (tests/browser).
    for file in named {
        assert_eq!(doors.get(&format!("/page/{file}")).await.status, 200, "{file}");
    }
    assert_eq!(doors.get("/page/none.js").await.status, 404);
    assert_eq!(doors.get("/page/lib/..%2f..%2fCargo.toml").await.status, 404);
    assert_eq!(doors.get("/nowhere").await.status, 404);
}
