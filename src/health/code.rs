//! [`Code`]: the catalog of all that can be wrong with a component.

use super::ComponentId;

/// How much of the booth's job a finding costs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing; the booth does its whole job.
    Notice,
    /// The booth does part of its job.
    Degraded,
    /// Nothing comes in, what comes in is not analysed, or what must be kept is lost.
    Unhealthy,
}

impl Severity {
    /// Its name in JSON and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Notice => "notice",
            Severity::Degraded => "degraded",
            Severity::Unhealthy => "unhealthy",
        }
    }
}

/// The entry of one code in the catalog.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) component: ComponentId,
    pub(super) severity: Severity,
    pub(super) what: &'static str,
    pub(super) remedy: &'static str,
}

macro_rules! catalog {
    ($($(#[$doc:meta])* $code:ident = $name:literal: $component:ident, $severity:ident,
        $what:literal, $remedy:literal;)*) => {
        /// What can be wrong. The wire names are stable: add, do not rename.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// Every code, grouped by component.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            pub(super) fn entry(self) -> Entry {
                match self {
                    $(Code::$code => Entry {
                        name: $name,
                        component: ComponentId::$component,
                        severity: Severity::$severity,
                        what: $what,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

// One row each: code = wire name: component, default severity, what is wrong, what to do.
// A sentence is "what: detail; remedy".
catalog! {
    /// No policy was chosen.
    PolicyUnchosen = "policy_unchosen": Policy, Unhealthy,
        "no policy is chosen, nothing is analysed",
        "set policy.profile to \"eu\" or \"default\" and start boothd again";

    /// The recording light cannot be switched, so both devices stay closed.
    LightFails = "light_fails": Light, Unhealthy,
        "the recording light fails", "see docs/guide/light.md";

    /// The camera is not there or cannot be opened.
    CameraAway = "camera_away": Camera, Degraded,
        "camera away", "plug it in; boothd devices lists what there is";
    /// The camera is being opened.
    CameraStarting = "camera_starting": Camera, Degraded,
        "camera is being opened", "wait some seconds";
    /// The camera is open and delivers no frames.
    CameraSilent = "camera_silent": Camera, Degraded,
        "camera gives no frames", "try another cable or USB port";
    /// The camera delivers identical frames.
    CameraFrozen = "camera_frozen": Camera, Degraded,
        "camera gives the same picture again and again",
        "unplug it and plug it in again; if this repeats, replace it";
    /// The camera delivers black frames.
    CameraBlack = "camera_black": Camera, Degraded,
        "the picture is black", "take off the lens cap or open the shutter, or switch on a light";
    /// Faces are upright in the camera's picture only when it is turned.
    CameraTurned = "camera_turned": Camera, Degraded,
        "the camera seems to be upside down or on its side",
        "turn it, or set video.rotate_deg to those degrees";
    /// Some frames of the camera are short or damaged.
    CameraErrors = "camera_errors": Camera, Degraded,
        "the camera gives damaged frames",
        "try another cable or USB port, or a powered hub";
    /// The recording that stands in for the camera is over.
    CameraStopped = "camera_stopped": Camera, Degraded,
        "camera has stopped", "start boothd again";

    /// The microphone is not there or cannot be opened.
    MicrophoneAway = "microphone_away": Microphone, Degraded,
        "microphone away", "plug it in; boothd devices lists what there is";
    /// The microphone is being opened.
    MicrophoneStarting = "microphone_starting": Microphone, Degraded,
        "microphone is being opened", "wait some seconds";
    /// The microphone is open and delivers no samples.
    MicrophoneSilent = "microphone_silent": Microphone, Degraded,
        "microphone gives no sound", "try another cable or USB port";
    /// The microphone delivers digital silence or one constant value.
    MicrophoneConstant = "microphone_constant": Microphone, Degraded,
        "microphone gives digital silence",
        "it is muted or switched off: look at its switch and at alsamixer";
    /// The microphone's samples have a constant offset; it is removed before anything is measured.
    MicrophoneOffset = "microphone_offset": Microphone, Notice,
        "the microphone's signal is off its zero line",
        "try another socket or another microphone; boothd takes the offset away, but the loudest \
         sounds have less room";
    /// One of the microphone's channels is dead or turned over; boothd does without it.
    MicrophoneChannels = "microphone_channels": Microphone, Notice,
        "the microphone's channels are not alike",
        "plug a balanced microphone in through an adapter that makes one channel of it, or look at \
         its cable";
    /// The microphone delivers almost silence.
    MicrophoneQuiet = "microphone_quiet": Microphone, Degraded,
        "the microphone gives next to silence",
        "look at its switch, its gain (alsamixer) and its plug";
    /// The recording that stands in for the microphone is over.
    MicrophoneStopped = "microphone_stopped": Microphone, Degraded,
        "microphone has stopped", "start boothd again";

    /// The models that analyse frames are being loaded.
    VisionStarting = "vision_starting": Vision, Unhealthy,
        "the models that analyse frames are being loaded", "wait some seconds";
    /// The threads that analyse frames have ended.
    VisionStopped = "vision_stopped": Vision, Unhealthy,
        "nothing analyses frames", "start boothd again";
    /// Frames come in and none of them can be decoded or analysed.
    FramesUnreadable = "frames_unreadable": Vision, Degraded,
        "camera not analysed",
        "choose another camera or format: boothd devices lists what there is";
    /// Frames come in and none was analysed, without an error.
    FramesNotAnalysed = "frames_not_analysed": Vision, Degraded,
        "camera not analysed",
        "the processor cannot keep up or a worker hangs: lower video.fps, or start boothd again";
    /// Some frames cannot be decoded or analysed.
    FramesDamaged = "frames_damaged": Vision, Degraded,
        "frames cannot be analysed",
        "the camera or its cable damages pictures (the journal has the error): try another cable, \
         another USB port or a powered hub, no other device on that bus, or a lower resolution";

    /// The models that analyse sound are being loaded.
    SpeechStarting = "speech_starting": Speech, Unhealthy,
        "the models that analyse sound are being loaded", "wait some seconds";
    /// The threads that analyse sound have ended.
    SpeechStopped = "speech_stopped": Speech, Unhealthy,
        "nothing analyses sound", "start boothd again";
    /// Sound comes in and none of it can be analysed.
    SoundUnreadable = "sound_unreadable": Speech, Degraded,
        "microphone not analysed", "read the journal for the reason: journalctl -u boothd";
    /// Sound comes in and none was analysed, without an error.
    SoundNotAnalysed = "sound_not_analysed": Speech, Degraded,
        "microphone not analysed",
        "the processor cannot keep up or a worker hangs: lower video.fps, or start boothd again";
    /// Some segments cannot be analysed.
    SoundDamaged = "sound_damaged": Speech, Degraded,
        "sound cannot be analysed", "read the journal for the reason: journalctl -u boothd";

    /// A session runs and media is analysed, but no metrics reach the database.
    NotRecorded = "not_recorded": Recorder, Unhealthy,
        "a session runs and its metrics are not recorded",
        "end the session and start boothd again";

    /// The database cannot be read or written.
    StoreAway = "store_away": Store, Degraded,
        "the database is away", "look at the disk of state.dir; boothd tries on by itself";
    /// Another file was put in the place of the database, and what the database held is kept
    /// beside it.
    StoreReplaced = "store_replaced": Store, Degraded,
        "the database was replaced while boothd ran",
        "stop boothd and put the right one of the two in place with boothd restore FILE, then move \
         the file that is named out of state.dir";
    /// Metrics wait for the database longer than they may.
    RowsNotWritten = "rows_not_written": Store, Degraded,
        "metrics wait and are not written", "look at the disk of state.dir; it may hang";
    /// Metrics were lost since too many waited for the database.
    RowsLost = "rows_lost": Store, Unhealthy,
        "metrics were lost since the database did not take them",
        "make room on the disk of state.dir, or replace it";

    /// Messages wait though the broker is connected.
    RecordsNotDelivered = "records_not_delivered": Outbox, Degraded,
        "the broker is connected and acknowledges no records",
        "look at the broker: its log, its limits and its disk";
    /// Messages were deleted before the broker took them.
    RecordsLost = "records_lost": Outbox, Degraded,
        "records were too old or too many and are lost",
        "look at the broker, or raise mqtt.outbox_max_mb";

    /// There is no connection to the broker.
    MqttAway = "mqtt_away": Mqtt, Degraded,
        "no connection to the broker", "nothing is lost; look at mqtt.broker and the network";
    /// Outbox messages that the broker refused are set aside.
    MqttSetAside = "mqtt_set_aside": Mqtt, Degraded,
        "messages are set aside, as the broker refuses them",
        "look at the reason of each (the page, or boothd outbox list) and send them again";
    /// The broker does not let something through that must reach it.
    MqttRefused = "mqtt_refused": Mqtt, Degraded,
        "the broker does not let everything through", "look at the broker's log and its limits";
    /// A limit of the broker costs something, and nothing is lost.
    MqttLimited = "mqtt_limited": Mqtt, Notice,
        "the broker is limited", "look at its limits";

    /// The fleet server receives nothing from the broker.
    BrokerAway = "broker_away": Broker, Unhealthy,
        "the fleet server receives nothing from the broker",
        "look at mqtt.broker, the network and the broker's log";
    /// The archive of the fleet server cannot be read or written.
    ArchiveAway = "archive_away": Archive, Unhealthy,
        "the archive of the fleet server is away",
        "look at the disk of state.dir; records wait at the broker, and boothd tries on by itself";
    /// Another file was put in the place of the archive.
    ArchiveReplaced = "archive_replaced": Archive, Unhealthy,
        "the archive was replaced while the fleet server ran",
        "stop boothd fleet and put the right one of the two in place with boothd restore FILE, then \
         move the file that is named out of state.dir";

    /// The board is slowed down by heat or its supply.
    BoardSlowed = "board_slowed": Board, Degraded,
        "the board is slowed down", "cool it, and look at its supply";
    /// The disk of the database is nearly full.
    DiskLow = "disk_low": Disk, Degraded,
        "the disk is nearly full", "make room, or keep less (store.retention_days)";
    /// Clients present many wrong tokens.
    TokensGuessed = "tokens_guessed": Access, Notice,
        "many wrong tokens are tried",
        "the journal names the addresses each minute; block them, or give a forgotten program its \
         new token";
    /// The configuration file was read again and has mistakes.
    ConfigurationRefused = "configuration_refused": Configuration, Degraded,
        "the configuration file has mistakes and is not what runs; boothd would not start with it",
        "run boothd check-config, mend the file and reload";
    /// The configuration file was read again and has changes that a reload does not take.
    ConfigurationNeedsRestart = "configuration_needs_restart": Configuration, Notice,
        "keys of the configuration file have changed that hold after a restart only",
        "restart boothd while the booth is empty";
    /// Nothing keeps wall time right.
    ClockUnset = "clock_unset": Clock, Notice,
        "no time server keeps the clock right, so times may be wrong and old data is deleted by \
         running time only",
        "connect the booth to one (timedatectl shows which)";
    /// The clock was set after a time server had vouched for it, and none stands by the change.
    ClockDisputed = "clock_disputed": Clock, Notice,
        "the machine's clock differs from the time that boothd keeps",
        "let a time server set it, or restart the machine";

    /// A certificate has ended.
    CertificateEnded = "certificate_ended": Certificate, Degraded,
        "a certificate has ended", "renew it";
    /// A certificate is not valid yet.
    CertificateNotYetValid = "certificate_not_yet_valid": Certificate, Degraded,
        "a certificate is not valid yet", "look at the date of the machine that made it";
    /// A certificate could not be renewed.
    CertificateNotRenewed = "certificate_not_renewed": Certificate, Degraded,
        "a new certificate cannot be used, the old one stays", "give a pair that belongs together";
    /// A certificate ends within 14 days.
    CertificateEndsSoon = "certificate_ends_soon": Certificate, Degraded,
        "a certificate ends soon", "renew it";
}

impl Code {
    /// Its name in JSON, metrics and MQTT.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The component it is about.
    pub fn component(self) -> ComponentId {
        self.entry().component
    }

    /// What is wrong, without the instance's detail.
    pub fn what(self) -> &'static str {
        self.entry().what
    }

    /// What a person does about it.
    pub fn remedy(self) -> &'static str {
        self.entry().remedy
    }
}
