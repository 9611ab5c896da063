//! [`ComponentId`]: the components that `health` judges.

/// A component of the daemon or of the fleet server that `health` judges.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ComponentId {
    /// The booth's camera, or the recording that plays in its place.
    Camera,
    /// The booth's microphone, or the recording that plays in its place.
    Microphone,
    /// The recording light.
    Light,
    /// The workers that analyse frames.
    Vision,
    /// The workers that analyse sound.
    Speech,
    /// Passes the metrics of the running session to the store.
    Recorder,
    /// The database.
    Store,
    /// Messages that wait for the broker.
    Outbox,
    /// The connection to the broker.
    Mqtt,
    /// The policy that the operator chose.
    Policy,
    /// Temperature, throttling and supply of the computer.
    Board,
    /// Free space of the disk that holds the database.
    Disk,
    /// Wall time.
    Clock,
    /// The TLS certificate of the web server.
    Certificate,
    /// Tokens that clients present.
    Access,
    /// Places for connections of the web server.
    Connections,
    /// The configuration file.
    Configuration,
    /// The fleet server's connection to the broker.
    Broker,
    /// The fleet server's database.
    Archive,
}

impl ComponentId {
    /// Every component.
    pub const ALL: [ComponentId; 19] = [
        ComponentId::Camera,
        ComponentId::Microphone,
        ComponentId::Light,
        ComponentId::Vision,
        ComponentId::Speech,
        ComponentId::Recorder,
        ComponentId::Store,
        ComponentId::Outbox,
        ComponentId::Mqtt,
        ComponentId::Policy,
        ComponentId::Board,
        ComponentId::Disk,
        ComponentId::Clock,
        ComponentId::Certificate,
        ComponentId::Access,
        ComponentId::Connections,
        ComponentId::Configuration,
        ComponentId::Broker,
        ComponentId::Archive,
    ];

    /// Its name in /health, metrics, MQTT and the log. Stable: clients depend on it.
    pub fn name(self) -> &'static str {
        match self {
            ComponentId::Camera => "camera",
            ComponentId::Microphone => "microphone",
            ComponentId::Light => "light",
            ComponentId::Vision => "vision",
            ComponentId::Speech => "speech",
            ComponentId::Recorder => "recorder",
            ComponentId::Store => "store",
            ComponentId::Outbox => "outbox",
            ComponentId::Mqtt => "mqtt",
            ComponentId::Policy => "policy",
            ComponentId::Board => "board",
            ComponentId::Disk => "disk",
            ComponentId::Clock => "clock",
            ComponentId::Certificate => "certificate",
            ComponentId::Access => "access",
            ComponentId::Connections => "connections",
            ComponentId::Configuration => "configuration",
            ComponentId::Broker => "broker",
            ComponentId::Archive => "archive",
        }
    }

    /// The component of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.name() == name)
    }
}
