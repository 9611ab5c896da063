//! What the `[mqtt]` keys mean together: the broker, the booth's name there, login and TLS.

use std::{collections::BTreeSet, time::Duration};

use super::{
    super::key::{Fallback, KEYS},
    Judge, Value,
};
use crate::{
    mqtt::{
        CommandName, HomeAssistant, MqttConfig, TlsFiles,
        topics::{BoothName, is_level},
    },
    store::OutboxLimits,
};

const BROKER: &str = "mqtt.broker";

/// Ports of MQTT, in the clear and with TLS.
const PORTS: [u16; 2] = [1883, 8883];

/// A broker's address, taken apart.
struct Address {
    host: String,
    port: u16,
    is_tls: bool,
}

impl Judge<'_> {
    /// The broker; `None`: there is none, or what was given of it is wrong.
    pub(super) fn mqtt(&mut self) -> Option<MqttConfig> {
        let commands = self.commands();
        if !self.given.has(BROKER) {
            self.refuse_mqtt_without_broker();
            return None;
        }
        let address = self.broker();
        let name = self.booth_name();
        let tls = self.mqtt_tls(address.as_ref());
        let username = self.optional_text("mqtt.username");
        let password_file = self.path("mqtt.password_file");
        if password_file.is_some() && username.is_none() {
            let message = "is given, so mqtt.username must be given too";
            self.problem("mqtt.password_file", message);
        }
        let prefix = self.text("mqtt.home_assistant_prefix");
        if prefix.contains(['+', '#', '\0']) || prefix.starts_with('/') || prefix.ends_with('/')
        {
            let message = "must be the begin of a topic, without + and # and a / at its ends";
            self.problem("mqtt.home_assistant_prefix", message);
        }
        let Address { host, port, is_tls } = address?;
        Some(MqttConfig {
            tls: is_tls.then_some(tls),
            username,
            password_file,
            commands,
            home_assistant: match self.text("mqtt.home_assistant").as_str() {
                "device" => HomeAssistant::Device,
                "entities" => HomeAssistant::Entities,
                _ => HomeAssistant::Off,
            },
            home_assistant_prefix: prefix,
            replay_per_s: self.count("mqtt.replay_per_s"),
            keep_alive: Duration::from_secs(self.count("mqtt.keep_alive_s")),
            ..MqttConfig::new(host, port, name)
        })
    }

    /// What the outbox may hold, where there is a broker to take it.
    pub(super) fn outbox(&self) -> Option<OutboxLimits> {
        let max_mb: u64 = self.count("mqtt.outbox_max_mb");
        let max_days: u64 = self.count("mqtt.outbox_max_days");
        let max_age = Duration::from_secs(max_days * 24 * 60 * 60);
        self.given.has(BROKER).then_some(OutboxLimits { max_bytes: max_mb << 20, max_age })
    }

    /// A login without a broker is a mistake; what has a default may stand as it is.
    fn refuse_mqtt_without_broker(&mut self) {
        for key in KEYS {
            let is_optional = matches!(key.default, Fallback::Unset(_));
            if key.table() == "mqtt" && is_optional && self.given.has(key.name) {
                self.problem(key.name, format!("is given without {BROKER}"));
            }
        }
    }

    fn broker(&mut self) -> Option<Address> {
        let text = self.optional_text(BROKER)?;
        let address = parse_address(&text);
        match &address {
            None => {
                let message = format!(
                    "must be mqtt://HOST or mqtts://HOST, with :PORT where it is not 1883 or \
                     8883, is {text:?}; the login stands in mqtt.username and mqtt.password_file"
                );
                self.problem(BROKER, message);
            }
            Some(address) if address.is_tls && address.host.starts_with('[') => {
                let message = "must name the host that the certificate is for, with mqtts";
                self.problem(BROKER, message);
            }
            Some(_) => (),
        }
        address
    }

    fn booth_name(&mut self) -> BoothName {
        let (site, booth) = (self.text("mqtt.site"), self.text("booth.id"));
        for (key, text) in [("mqtt.site", &site), ("booth.id", &booth)] {
            if !is_level(text) {
                let message = format!(
                    "must be a level of MQTT topics, 1 to 64 characters without / + # % $, \
                     since {BROKER} is given; is {text:?}"
                );
                self.problem(key, message);
            }
        }
        BoothName { site, booth }
    }

    fn mqtt_tls(&mut self, address: Option<&Address>) -> TlsFiles {
        const CERTIFICATE: &str = "mqtt.client_certificate";
        const KEY: &str = "mqtt.client_key";
        let ca = self.path("mqtt.ca_file");
        let (certificate, key) = (self.path(CERTIFICATE), self.path(KEY));
        let is_clear = address.is_some_and(|address| !address.is_tls);
        for (name, path) in [("mqtt.ca_file", &ca), (CERTIFICATE, &certificate), (KEY, &key)] {
            if path.is_some() && is_clear {
                self.problem(name, format!("needs {BROKER} to begin with mqtts://"));
            }
        }
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                self.problem(CERTIFICATE, format!("is given, so {KEY} must be given too"));
                None
            }
            (None, Some(_)) => {
                self.problem(KEY, format!("is given, so {CERTIFICATE} must be given too"));
                None
            }
        };
        TlsFiles { ca, client }
    }

    fn commands(&mut self) -> BTreeSet<CommandName> {
        const KEY: &str = "mqtt.commands";
        let Some(Value::Texts(words)) = self.given.get(KEY) else { return BTreeSet::new() };
        let mut commands = BTreeSet::new();
        for word in words {
            match CommandName::find(&word) {
                Some(command) => drop(commands.insert(command)),
                None => {
                    let known = CommandName::ALL.map(CommandName::word).join(", ");
                    self.problem(KEY, format!("holds {word:?}, which must be one of {known}"));
                }
            }
        }
        commands
    }
}

fn parse_address(text: &str) -> Option<Address> {
    let (scheme, rest) = text.split_once("://")?;
    let is_tls = match scheme {
        "mqtt" => false,
        "mqtts" => true,
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // The colons of an IPv6 address stand in brackets.
    let after_host = rest.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match rest[after_host..].rfind(':') {
        Some(at) => {
            let (host, port) = rest.split_at(after_host + at);
            (host, port[1..].parse().ok().filter(|port| *port != 0)?)
        }
        None => (rest, PORTS[usize::from(is_tls)]),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_name = !host.is_empty()
        && !host.contains(|c: char| "/@?# \"".contains(c) || c.is_control())
        && (is_bracketed || !host.contains(['[', ']', ':']));
    is_name.then(|| Address { host: host.to_owned(), port, is_tls })
}
