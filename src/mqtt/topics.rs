//! All topics: formatted and parsed only here.

use std::borrow::Cow;

use crate::names::is_unseen;

/// The first two levels: the application and the version of its topics.
pub const ROOT: &str = "boothd/v1";

/// Maximum length of a level, characters.
const MOST_LEVEL_CHARS: usize = 64;

/// Site and booth id in the topics.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BoothName {
    /// Site of the booth.
    pub site: String,
    /// Id of the booth at the site.
    pub booth: String,
}

/// A topic with its booth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BoothTopic {
    /// The booth.
    pub name: BoothName,
    /// The topic.
    pub topic: Topic,
}

/// A topic of one booth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Topic {
    /// `status`: online, offline or restarting.
    Status,
    /// `info`: version, models, addresses.
    Info,
    /// `health`: the content of /health.
    Health,
    /// `metrics/video`.
    MetricsVideo,
    /// `metrics/audio`.
    MetricsAudio,
    /// `session/<id>/started`.
    SessionStarted(String),
    /// `session/<id>/summary`.
    SessionSummary(String),
    /// `event/<kind>`.
    Event(String),
    /// `cmd/<name>`, published by other clients.
    Command(String),
    /// `cmd/<name>/result`.
    CommandResult(String),
    /// `feature/<name>/set`, published by other clients.
    FeatureSet(String),
    /// `feature/<name>/state`.
    FeatureState(String),
}

/// Every topic of every booth.
pub fn all_booths() -> String {
    format!("{ROOT}/#")
}

/// The commands to that booth, of whatever name.
pub fn commands(name: &BoothName) -> String {
    format!("{}/cmd/+", base(name))
}

/// The switches of that booth.
pub fn feature_sets(name: &BoothName) -> String {
    format!("{}/feature/+/set", base(name))
}

/// The levels before a booth's own.
pub fn base(name: &BoothName) -> String {
    format!("{ROOT}/{}/{}", level(&name.site), level(&name.booth))
}

/// Whether a text can be one level of a topic as it is, so that ACLs can name it; `.` and `..` can
/// be no part of an address of the fleet server.
pub fn is_level(text: &str) -> bool {
    let chars = text.chars().count();
    (1..=MOST_LEVEL_CHARS).contains(&chars)
        && !matches!(text, "." | "..")
        && !text.contains(['/', '+', '#', '%', '$'])
        && !text.contains(is_unseen)
}

impl BoothName {
    /// A booth's place.
    pub fn new(site: impl Into<String>, booth: impl Into<String>) -> Self {
        BoothName { site: site.into(), booth: booth.into() }
    }
}

impl Topic {
    /// The topic of an outbox row of that kind; `None` for a kind that has none.
    pub fn of_row(kind: &str, session_id: Option<&str>) -> Option<Topic> {
        match (kind, session_id) {
            ("started", Some(id)) => Some(Topic::SessionStarted(id.into())),
            ("summary", Some(id)) => Some(Topic::SessionSummary(id.into())),
            (kind, _) => {
                let event = kind.strip_prefix("event/").filter(|event| !event.is_empty());
                event.map(|event| Topic::Event(event.into()))
            }
        }
    }

    /// The whole topic, for that booth.
    pub fn of(&self, name: &BoothName) -> String {
        format!("{}/{}", base(name), self.levels())
    }

    fn levels(&self) -> String {
        match self {
            Topic::Status => "status".into(),
            Topic::Info => "info".into(),
            Topic::Health => "health".into(),
            Topic::MetricsVideo => "metrics/video".into(),
            Topic::MetricsAudio => "metrics/audio".into(),
            Topic::SessionStarted(id) => format!("session/{}/started", level(id)),
            Topic::SessionSummary(id) => format!("session/{}/summary", level(id)),
            Topic::Event(kind) => format!("event/{}", level(kind)),
            Topic::Command(name) => format!("cmd/{}", level(name)),
            Topic::CommandResult(name) => format!("cmd/{}/result", level(name)),
            Topic::FeatureSet(name) => format!("feature/{}/set", level(name)),
            Topic::FeatureState(name) => format!("feature/{}/state", level(name)),
        }
    }
}

/// Parses a topic; `None` where it is no booth's.
pub fn parse(topic: &str) -> Option<BoothTopic> {
    let levels = topic.strip_prefix(ROOT)?.strip_prefix('/')?;
    let levels: Vec<String> = levels.split('/').map(unescaped).collect::<Option<_>>()?;
    let [site, booth, rest @ ..] = &*levels else { return None };
    if site.is_empty() || booth.is_empty() || rest.iter().any(String::is_empty) {
        return None;
    }
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let topic = match &*rest {
        ["status"] => Topic::Status,
        ["info"] => Topic::Info,
        ["health"] => Topic::Health,
        ["metrics", "video"] => Topic::MetricsVideo,
        ["metrics", "audio"] => Topic::MetricsAudio,
        ["session", id, "started"] => Topic::SessionStarted((*id).into()),
        ["session", id, "summary"] => Topic::SessionSummary((*id).into()),
        ["event", kind] => Topic::Event((*kind).into()),
        ["cmd", name] => Topic::Command((*name).into()),
        ["cmd", name, "result"] => Topic::CommandResult((*name).into()),
        ["feature", name, "set"] => Topic::FeatureSet((*name).into()),
        ["feature", name, "state"] => Topic::FeatureState((*name).into()),
        _ => return None,
    };
    Some(BoothTopic { name: BoothName::new(site, booth), topic })
}

/// A text as one level: what a level may not hold, or what a broker cuts the connection for (a
/// control character, a noncharacter), is %-escaped, as in a URL. Rows of an older database may
/// be of sessions of any id.
fn level(text: &str) -> Cow<'_, str> {
    let must_go = |c: char| matches!(c, '/' | '+' | '#' | '%') || is_unseen(c);
    if !text.contains(must_go) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut bytes = [0; 4];
    for c in text.chars() {
        if must_go(c) {
            for byte in c.encode_utf8(&mut bytes).bytes() {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// The text of a level; `None` where its escapes are none.
fn unescaped(level: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(level.len());
    let mut rest = level.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2)?;
        rest = &after[2..];
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let name = BoothName::new("berlin", "北京 1");
        let odd = "a/b+c#d%e\u{1}ü\u{ffff}\u{fdd0}\u{202e}".to_owned();
        let topics = [
            Topic::Status,
            Topic::Info,
            Topic::Health,
            Topic::MetricsVideo,
            Topic::MetricsAudio,
            Topic::SessionStarted(odd.clone()),
            Topic::SessionSummary("7".into()),
            Topic::Event("camera_lost".into()),
            Topic::Command("start".into()),
            Topic::CommandResult("start".into()),
            Topic::FeatureSet("gaze".into()),
            Topic::FeatureState(odd),
        ];
        for topic in topics {
            let written = topic.of(&name);
            assert!(!written.contains(['+', '#']) && !written.contains(is_unseen), "{written}");
            let read = parse(&written).expect("is a booth's");
            assert_eq!(read, BoothTopic { name: name.clone(), topic });
        }
    }

    #[test]
    fn what_is_no_booths_is_nothing() {
        let others = [
            "boothd/v1",
            "boothd/v1/a/b",
            "boothd/v1/a/b/c",
            "boothd/v1//b/status",
            "boothd/v1/a/b/event/",
            "boothd/v1/a/b/event/%4",
            "boothd/v1/a/b/event/%FF",
            "boothd/v2/a/b/status",
            "homeassistant/status",
        ];
        for other in others {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_row_has_the_topic_of_its_kind() {
        let of = |kind| Topic::of_row(kind, Some("7"));
        assert_eq!(of("started"), Some(Topic::SessionStarted("7".into())));
        assert_eq!(of("summary"), Some(Topic::SessionSummary("7".into())));
        assert_eq!(of("event/erased"), Some(Topic::Event("erased".into())));
        assert_eq!(of("event/"), None);
        assert_eq!(Topic::of_row("started", None), None);
    }

    #[test]
    fn a_level_is_short_and_plain() {
        assert!(is_level("booth-1") && is_level("北京"));
        for bad in
            ["", ".", "..", "a/b", "+", "#", "a%", "$SYS", "\u{0}", "\u{ffff}", &"x".repeat(65)]
        {
            assert!(!is_level(bad), "{bad:?}");
        }
    }
}
