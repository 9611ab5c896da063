//! [`MqttConfig`]: the broker, the booth's login, and the commands that the booth accepts.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::topics::BoothName;

/// The broker and what is published to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MqttConfig {
    /// The broker's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS with the broker; `None`: plain TCP.
    pub tls: Option<TlsFiles>,
    /// Site and booth id in every topic.
    pub name: BoothName,
    /// User name of the login.
    pub username: Option<String>,
    /// File of the password; `None`: the systemd credential `mqtt_password`, if there is one.
    pub password_file: Option<PathBuf>,
    /// Allowed commands; all others are answered by a refusal.
    pub commands: BTreeSet<CommandName>,
    /// Form of the discovery messages for Home Assistant.
    pub home_assistant: HomeAssistant,
    /// The first level of Home Assistant's topics.
    pub home_assistant_prefix: String,
    /// Messages of the outbox that are published in a second at most.
    pub replay_per_s: u32,
    /// Keep-alive interval of the connection.
    pub keep_alive: Duration,
    /// Interval at which status and health are published again: it corrects a late last will of an
    /// old connection.
    pub republish_every: Duration,
    /// Least and longest pause before the next attempt to connect.
    pub retry: (Duration, Duration),
}

/// Certificates of the broker and of the booth.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsFiles {
    /// Certificates that the broker's must come from, PEM; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Commands to a booth.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CommandName {
    /// Begin a session.
    Start,
    /// End it.
    End,
    /// Switch features.
    Features,
    /// Log a line that identifies the booth.
    Identify,
    /// Stop, so that systemd starts the daemon again.
    Restart,
    /// Erase a session or a subject.
    Erase,
}

/// Form of Home Assistant's discovery messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HomeAssistant {
    /// No discovery messages.
    #[default]
    Off,
    /// One message for the whole device (Home Assistant 2024.11 and later).
    Device,
    /// One message for each entity.
    Entities,
}

impl CommandName {
    /// Every command, in the order of a session.
    pub const ALL: [CommandName; 6] = [
        CommandName::Start,
        CommandName::End,
        CommandName::Features,
        CommandName::Identify,
        CommandName::Restart,
        CommandName::Erase,
    ];

    /// Name on the wire and in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            CommandName::Start => "start",
            CommandName::End => "end",
            CommandName::Features => "features",
            CommandName::Identify => "identify",
            CommandName::Restart => "restart",
            CommandName::Erase => "erase",
        }
    }

    /// The command of that name.
    pub fn find(word: &str) -> Option<Self> {
        CommandName::ALL.into_iter().find(|command| command.word() == word)
    }
}

impl MqttConfig {
    /// That broker, in the clear, with every default.
    pub fn new(host: impl Into<String>, port: u16, name: BoothName) -> Self {
        MqttConfig {
            host: host.into(),
            port,
            tls: None,
            name,
            username: None,
            password_file: None,
            commands: BTreeSet::new(),
            home_assistant: HomeAssistant::Off,
            home_assistant_prefix: "homeassistant".into(),
            replay_per_s: 200,
            keep_alive: Duration::from_secs(30),
            republish_every: Duration::from_secs(30),
            retry: (Duration::from_secs(1), Duration::from_secs(30)),
        }
    }

    /// Address of the broker as `host:port`.
    pub fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}
