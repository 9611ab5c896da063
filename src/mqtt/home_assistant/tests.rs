use super::*;

fn about() -> About {
    About {
        version: "1.2.3",
        board: Reading::default(),
        models: Vec::new(),
        config_sha256: String::new(),
        listen: ([127, 0, 0, 1], 8000).into(),
    }
}

fn config(home_assistant: HomeAssistant) -> MqttConfig {
    let commands = [CommandName::Features].into();
    MqttConfig {
        home_assistant,
        commands,
        ..MqttConfig::new("h", 1, BoothName::new("berlin", "one"))
    }
}

#[test]
fn a_device_is_one_message_and_its_entities_many() {
    let device = discovery(&config(HomeAssistant::Device), &about(), Features::ALL);
    assert_eq!(device.len(), 1);
    assert_eq!(device[0].topic, "homeassistant/device/berlin_one/config");
    let payload: Value = serde_json::from_str(&device[0].payload).unwrap();
    let components = payload["components"].as_object().unwrap();
    let single = discovery(&config(HomeAssistant::Entities), &about(), Features::ALL);
    assert_eq!(single.len(), components.len());
    assert!(single.iter().all(|message| message.is_retained));
    let switch = &components["feature_gaze"];
    assert_eq!(switch["platform"], "switch");
    assert_eq!(switch["command_topic"], "boothd/v1/berlin/one/feature/gaze/set");
    assert_eq!(components["pitch_mean"]["unit_of_measurement"], "Hz");
    assert_eq!(
        components["head_yaw"]["value_template"],
        "{{ value_json.head_pose.yaw_deg if value_json.head_pose else none }}"
    );
    let mut ids: Vec<_> = components.values().map(|c| c["unique_id"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), components.len());
    assert!(discovery(&config(HomeAssistant::Off), &about(), Features::ALL).is_empty());
}

#[test]
fn a_board_has_sensors_only_for_its_readings() {
    let keys = |board: Reading| {
        let about = About { board, ..about() };
        let messages = discovery(&config(HomeAssistant::Device), &about, Features::ALL);
        let payload: Value = serde_json::from_str(&messages[0].payload).unwrap();
        payload["components"].as_object().unwrap().clone()
    };
    assert!(!keys(Reading::default()).keys().any(|key| key.starts_with("board_")));
    let pi =
        Reading { temperature_c: Some(48.3), under_voltage: Some(false), ..Reading::default() };
    let shown = keys(pi);
    assert_eq!(shown["board_temperature"]["device_class"], "temperature");
    assert_eq!(shown["board_temperature"]["unit_of_measurement"], "°C");
    assert_eq!(shown["board_under_voltage"]["device_class"], "problem");
    assert_eq!(shown["board_under_voltage"]["platform"], "binary_sensor");
    assert_eq!(
        shown["board_under_voltage"]["value_template"],
        "{{ 'ON' if value_json.board.under_voltage else 'OFF' }}"
    );
    assert!(!shown.contains_key("board_throttled"));
}

#[test]
fn what_may_not_be_is_not_shown() {
    let eu = Features { face_emotion: false, voice_emotion: false, ..Features::ALL };
    let mut config = config(HomeAssistant::Entities);
    config.commands.clear();
    let topics: Vec<String> =
        discovery(&config, &about(), eu).into_iter().map(|message| message.topic).collect();
    assert!(!topics.iter().any(|topic| topic.contains("emotion")), "{topics:#?}");
    assert!(!topics.iter().any(|topic| topic.contains("/switch/")), "{topics:#?}");
    assert!(topics.iter().any(|t| t.contains("/binary_sensor/berlin_one/feature_gaze/")));
}

#[test]
fn names_that_are_no_ids_are_kept_apart() {
    let one = node(&BoothName::new("北", "1"));
    let two = node(&BoothName::new("京", "1"));
    assert!(one.is_ascii() && one != two, "{one} {two}");
    assert_eq!(node(&BoothName::new("berlin", "booth-1")), "berlin_booth-1");
}
