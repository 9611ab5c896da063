//! A running Home Assistant with a folder of its own.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use boothd_test_support::process::free_port;

use crate::guest::{Guest, Request, get};

/// What entities begin with: `boothd_<site>_<booth>_` in the letters that Home Assistant's ids have.
const PREFIX: &str = "boothd_berlin_booth_1_";

/// Asks for every entity of the integration MQTT with its device.
const TEMPLATE: &str = "{% set all = namespace(rows=[]) %}\
    {% for id in integration_entities('mqtt') %}{% set device = device_id(id) %}\
    {% set all.rows = all.rows + [{'id': id, 'device': {'name': device_attr(device, 'name'), \
    'manufacturer': device_attr(device, 'manufacturer'), 'model': device_attr(device, 'model'), \
    'sw_version': device_attr(device, 'sw_version'), 'area': area_name(id)}}] %}\
    {% endfor %}{{ all.rows | to_json }}";

/// Words of warnings that are about the machine or this Python, not about the booth.
const NOT_OURS: [&str; 4] = [
    "Skipping pip installation",
    "Support for the running Python version",
    "is taking over 10 seconds",
    "Something is blocking Home Assistant",
];

/// An entity as Home Assistant shows it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) state: String,
    pub(crate) attributes: Value,
    pub(crate) device: Value,
}

impl Shown {
    /// It stands there from an earlier start, and was not announced since.
    pub(crate) fn is_old(&self) -> bool {
        self.attributes["restored"] == true
    }
}

#[derive(Deserialize)]
struct State {
    entity_id: String,
    state: String,
    attributes: Value,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    device: Value,
}

pub(crate) struct Hass {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    token: String,
    guest: Option<Guest>,
}

impl Hass {
    /// A new one without users; installs nothing.
    pub(crate) fn start(program: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let configuration = format!(
            "homeassistant: {{name: Test, latitude: 0, longitude: 0, elevation: 0, \
             unit_system: metric, time_zone: UTC}}\n\
             http: {{server_host: 127.0.0.1, server_port: {port}}}\n\
             api: {{}}\nlogger: {{default: info}}\n"
        );
        fs::write(folder.path().join("configuration.yaml"), configuration).unwrap();
        let mut hass = Hass { program, folder, port, token: String::new(), guest: None };
        hass.start_again();
        hass
    }

    /// Starts it in the same folder, with what it has kept there.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new(&self.program);
        command.arg("--skip-pip").arg("--config").arg(self.folder.path());
        let log = self.folder.path().join("log");
        self.guest = Some(Guest::start(command, &log));
        self.wait_until("its HTTP server", |hass| get("/manifest.json").text(hass.port));
    }

    /// What a new person does in the browser: an account, then the integration MQTT.
    pub(crate) fn sign_up(&mut self, broker_port: u16) {
        let client = format!("http://127.0.0.1:{}/", self.port);
        let person = json!({
            "client_id": client, "name": "Test", "username": "test", "password": "test-test",
            "language": "en",
        });
        let code =
            self.wait_until("account", |hass| hass.post("/api/onboarding/users", &person));
        let code = code["auth_code"].as_str().unwrap();
        let form = format!("grant_type=authorization_code&code={code}&client_id={client}");
        let body = Some(("application/x-www-form-urlencoded", form));
        let login = Request { method: "POST", path: "/auth/token", body, ..Request::default() };
        let token = login.json(self.port).unwrap();
        self.token = token["access_token"].as_str().unwrap().to_owned();
        let flows = "/api/config/config_entries/flow";
        let flow = self.post(flows, &json!({ "handler": "mqtt" })).unwrap();
        let flow = format!("{flows}/{}", flow["flow_id"].as_str().unwrap());
        let broker = json!({ "broker": "127.0.0.1", "port": broker_port });
        let entry = self.post(&flow, &broker).unwrap();
        assert_eq!(entry["type"], "create_entry", "{entry:#}");
    }

    /// Calls a service for one entity.
    pub(crate) fn serve(&self, domain: &str, service: &str, key: &str) {
        let (platform, key) = key.split_once('.').unwrap();
        let entity = json!({ "entity_id": format!("{platform}.{PREFIX}{key}") });
        self.post(&format!("/api/services/{domain}/{service}"), &entity).unwrap();
    }

    /// Every entity of the integration MQTT by `platform.key`.
    pub(crate) fn shown(&self) -> Result<BTreeMap<String, Shown>, String> {
        let template = json!({ "template": TEMPLATE });
        let devices: Vec<Row> =
            serde_json::from_value(self.post("/api/template", &template)?).unwrap();
        let states = Request { token: &self.token, ..get("/api/states") }.json(self.port)?;
        let states: Vec<State> = serde_json::from_value(states).unwrap();
        let mut states: BTreeMap<String, State> =
            states.into_iter().map(|state| (state.entity_id.clone(), state)).collect();
        let shown = devices.into_iter().filter_map(|Row { id, device }| {
            // One that was found between the two questions has no state yet.
            let State { state, attributes, .. } = states.remove(&id)?;
            let key = id.replacen(PREFIX, "", 1);
            Some((key, Shown { state, attributes, device }))
        });
        Ok(shown.collect())
    }

    /// Until what it shows is so.
    pub(crate) fn wait_shown(
        &mut self,
        what: &str,
        is_so: impl Fn(&BTreeMap<String, Shown>) -> bool,
    ) {
        self.wait_until(what, |hass| {
            let shown = hass.shown()?;
            if is_so(&shown) { Ok(()) } else { Err(format!("{shown:#?}")) }
        });
    }

    /// Until `look` gives something, while it runs.
    pub(crate) fn wait_until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Hass) -> Result<T, String>,
    ) -> T {
        let mut guest = self.guest.take().unwrap();
        let found = guest.wait(what, || look(self));
        self.guest = Some(guest);
        found
    }

    /// Ends it as systemd does; it writes down what it knows.
    pub(crate) fn stop(&mut self) {
        self.guest.take().unwrap().terminate();
    }

    /// Warnings and errors of its log.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(log.contains("Home Assistant initialized"), "{log}");
        let is_complaint = |line: &&str| {
            (line.contains(" WARNING ") || line.contains(" ERROR "))
                && !NOT_OURS.iter().any(|words| line.contains(words))
        };
        log.lines().filter(is_complaint).map(str::to_owned).collect()
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let body = Some(("application/json", body.to_string()));
        Request { method: "POST", path, token: &self.token, body }.json(self.port)
    }
}
