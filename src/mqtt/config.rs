//! [`MqttConfig`]: which broker, who the booth is there, and what it takes from others.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::topics::BoothName;

/// The broker and what is published to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MqttConfig {
    /// The broker's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is known and shown who we are; `None`: in the clear.
    pub tls: Option<TlsFiles>,
    /// The booth's place among all topics.
    pub name: BoothName,
    /// With whose name to log in.
    pub username: Option<String>,
    /// Where the password stands; `None`: the systemd credential `mqtt_password`, if there is one.
    pub password_file: Option<PathBuf>,
    /// Commands that are obeyed; all others are answered by a refusal.
    pub commands: BTreeSet<CommandName>,
    /// How the booth is shown to Home Assistant.
    pub home_assistant: HomeAssistant,
    /// The first level of Home Assistant's topics.
    pub home_assistant_prefix: String,
    /// Messages of the outbox that are published in a second at most.
    pub replay_per_s: u32,
    /// How often the broker is asked whether it is there.
    pub keep_alive: Duration,
    /// How often status and health are published again: a late last will of an old connection heals.
    pub say_again: Duration,
    /// Least and longest pause before the next attempt to connect.
    pub retry: (Duration, Duration),
}

/// What proves who the broker is, and who we are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsFiles {
    /// Certificates that the broker's must come from, PEM; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What others may ask of the booth.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CommandName {
    /// Begin a session.
    Start,
    /// End it.
    End,
    /// Switch features.
    Features,
    /// Say where you are.
    Identify,
    /// Leave, to be started again.
    Restart,
    /// Forget a session or a subject.
    Erase,
}

/// How Home Assistant is told of the booth.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HomeAssistant {
    /// Not at all.
    #[default]
    Off,
    /// In one message for the whole device (Home Assistant 2024.11 and later).
    Device,
    /// In one message for each entity.
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

    /// The word on the wire and in the configuration.
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

    /// The command of that word.
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
            say_again: Duration::from_secs(30),
            retry: (Duration::from_secs(1), Duration::from_secs(30)),
        }
    }

    /// The broker, as a person writes it.
    pub fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}
