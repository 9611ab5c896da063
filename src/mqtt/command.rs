//! [`Commander`]: executes commands received over MQTT, one at a time, and answers.
//!
//! A command that the configuration does not allow is refused with a sentence; so is a retained
//! one, since the time of its request is not known.

use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{
    CommandName, MqttConfig,
    message::Message,
    topics::{self, Topic},
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
    features::FeatureChange,
    interview::{Interview, StartSession},
    names::{NoticeVersion, SubjectRef, is_unseen},
    store::{EraseTarget, EventRecord, Store},
};

/// Actor of MQTT commands in the audit log.
const ACTOR: &str = "mqtt";

/// A request may carry a reference (`ref`); longer ones are cut off.
const MOST_REF_CHARS: usize = 200;

/// A received command.
#[derive(Clone, Debug)]
pub(super) struct Request {
    asked: Asked,
    payload: Vec<u8>,
    is_retained: bool,
    /// Response topic of the request, and its correlation data.
    respond_to: Option<(String, PublishProperties)>,
}

#[derive(Clone, Debug)]
enum Asked {
    Command(String),
    Feature(String),
}

/// Messages to publish, and whether the daemon restarts after them.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) messages: Vec<Message>,
    pub(super) must_restart: bool,
}

/// Executes commands on the interview and the store.
pub(super) struct Commander {
    pub(super) config: MqttConfig,
    pub(super) booth: Interview,
    pub(super) store: Store,
    pub(super) clock: std::sync::Arc<dyn Clock>,
}

impl Request {
    /// The request in a message to the booth of that configuration; `None` where it is no command.
    pub(super) fn of(publish: &Publish, config: &MqttConfig) -> Option<Self> {
        let topic = std::str::from_utf8(&publish.topic).ok()?;
        let topic = topics::parse(topic).filter(|topic| topic.name == config.name)?;
        let asked = match topic.topic {
            Topic::Command(name) => Asked::Command(name),
            Topic::FeatureSet(name) => Asked::Feature(name),
            _ => return None,
        };
        let respond_to = publish.properties.as_ref().and_then(|properties| {
            let topic = properties.response_topic.clone()?;
            let mark = PublishProperties {
                correlation_data: properties.correlation_data.clone(),
                ..PublishProperties::default()
            };
            may_answer_to(&topic, config).then_some((topic, mark))
        });
        let payload = publish.payload.to_vec();
        Some(Request { asked, payload, is_retained: publish.retain, respond_to })
    }

    /// Name of the command; a switch is the command `features`.
    fn word(&self) -> &str {
        match &self.asked {
            Asked::Command(word) => word,
            Asked::Feature(_) => CommandName::Features.word(),
        }
    }

    /// The answer, on the booth's own topic and on the response topic of the request.
    pub(super) fn answered(&self, result: Result<Value>, config: &MqttConfig) -> Vec<Message> {
        let mut answer = match result {
            Ok(Value::Object(more)) => more,
            Ok(_) => Map::new(),
            Err(ref error) => Map::from_iter([("error".into(), json!(error.to_string()))]),
        };
        answer.insert("ok".into(), json!(!answer.contains_key("error")));
        answer.entry("error").or_insert(Value::Null);
        answer.insert("ref".into(), self.reference());
        if let Asked::Feature(name) = &self.asked {
            answer.insert("feature".into(), json!(name));
        }
        let answer = Value::Object(answer);
        // An unknown command may be any text; it gets no topic of its own.
        let known = CommandName::find(self.word()).map_or("unknown", CommandName::word);
        let own = Topic::CommandResult(known.into()).of(&config.name);
        let mut messages = vec![Message::sure(own, &answer)];
        if let Some((topic, mark)) = &self.respond_to {
            let mut message = Message::sure(topic.clone(), &answer);
            message.properties.correlation_data.clone_from(&mark.correlation_data);
            messages.push(message);
        }
        messages
    }

    /// Reference of the request: `ref` in the payload.
    fn reference(&self) -> Value {
        let payload: Option<Value> = serde_json::from_slice(&self.payload).ok();
        match payload.as_ref().and_then(|payload| payload.get("ref")) {
            Some(Value::String(text)) => {
                json!(text.chars().take(MOST_REF_CHARS).collect::<String>())
            }
            Some(Value::Number(number)) => json!(number),
            _ => Value::Null,
        }
    }
}

/// An answer must not become a command to another booth.
fn may_answer_to(topic: &str, config: &MqttConfig) -> bool {
    let is_topic =
        !topic.is_empty() && !topic.contains(['+', '#']) && !topic.contains(is_unseen);
    let own = format!("{}/cmd/", topics::base(&config.name));
    let is_foreign = topic.starts_with(topics::ROOT) && !is_own_result(topic, &own);
    is_topic && !topic.starts_with('$') && !is_foreign
}

fn is_own_result(topic: &str, own: &str) -> bool {
    topic.strip_prefix(own).is_some_and(|rest| rest.ends_with("/result"))
}

impl Commander {
    /// Runs until every sender of requests is dropped.
    pub(super) async fn run(
        self,
        mut requests: mpsc::Receiver<Request>,
        answers: mpsc::Sender<Answer>,
    ) {
        while let Some(request) = requests.recv().await {
            let result = self.obey(&request).await;
            let must_restart = result.is_ok() && request.word() == CommandName::Restart.word();
            log_result(&request, &result);
            let mut messages = request.answered(result, &self.config);
            if let Asked::Feature(name) = &request.asked {
                // Home Assistant shows the requested state until the booth publishes the real one.
                messages.extend(self.feature_state(name));
            }
            if answers.send(Answer { messages, must_restart }).await.is_err() {
                return;
            }
        }
    }

    fn feature_state(&self, name: &str) -> Option<Message> {
        let features = self.booth.state().borrow().features.by_name();
        let (_, is_on) = features.into_iter().find(|(known, _)| *known == name)?;
        let topic = Topic::FeatureState(name.into()).of(&self.config.name);
        Some(Message::state_word(topic, on_off(is_on)))
    }

    async fn obey(&self, request: &Request) -> Result<Value> {
        let word = request.word();
        let command = CommandName::find(word).ok_or_else(|| {
            let known = CommandName::ALL.map(CommandName::word).join(", ");
            refusal(format!("there is no command {word:?}; there are {known}"))
        })?;
        if !self.config.commands.contains(&command) {
            let what = format!("{word} is not allowed here; mqtt.commands does not list it");
            return Err(Error::new(ErrorKind::Unauthorized, what));
        }
        if request.is_retained {
            return Err(refusal(
                "a retained command is stale and never obeyed; publish it without retain",
            ));
        }
        if let Asked::Feature(name) = &request.asked {
            let is_on = parse_switch(&request.payload)?;
            let change = json!({ name: is_on });
            return self.configure(parse(change)?).await;
        }
        let payload = object(&request.payload)?;
        match command {
            CommandName::Start => self.start(parse(payload)?).await,
            CommandName::End => {
                parse::<Nothing>(payload)?;
                let summary = self.booth.end_session(ACTOR).await?;
                Ok(json!({ "session_id": summary.session_id, "ended_at": summary.ended_at }))
            }
            CommandName::Features => self.configure(parse::<Switches>(payload)?.features).await,
            CommandName::Identify => self.identify(parse(payload)?).await,
            CommandName::Restart => parse::<Nothing>(payload).map(|_| json!({})),
            CommandName::Erase => self.erase(parse(payload)?).await,
        }
    }

    async fn start(&self, start: Start) -> Result<Value> {
        let Start { notice_version, consent_at, subject_ref, features } = start;
        let start = StartSession { notice_version, consent_at, subject_ref, features };
        let session = self.booth.start_session(start, ACTOR).await?;
        Ok(json!({ "session_id": session.session_id, "started_at": session.started_at }))
    }

    async fn configure(&self, change: FeatureChange) -> Result<Value> {
        self.booth.configure(&change, ACTOR).await?;
        Ok(json!({ "features": self.booth.state().borrow().features }))
    }

    async fn identify(&self, _: Nothing) -> Result<Value> {
        log::info!(target: "mqtt", "IDENTIFY: the fleet server asks which booth this is");
        let kind = "identify".into();
        let (at, data) = (self.clock.unix_ms(), json!({ "actor": ACTOR }));
        self.store.event(EventRecord { session_id: None, at, kind, data }).await?;
        Ok(json!({}))
    }

    async fn erase(&self, erase: Erase) -> Result<Value> {
        let target = match (erase.session_id, erase.subject_ref) {
            (Some(session_id), None) => EraseTarget::Session(session_id),
            (None, Some(subject_ref)) => EraseTarget::Subject(subject_ref),
            _ => return Err(refusal("erase needs either session_id or subject_ref")),
        };
        let receipt = self.store.erase(target, ACTOR).await?;
        serde_json::to_value(receipt).map_err(|cause| {
            Error::new(ErrorKind::Internal, "a receipt is no JSON").because(cause)
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    notice_version: NoticeVersion,
    consent_at: i64,
    subject_ref: Option<SubjectRef>,
    features: Option<FeatureChange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switches {
    features: FeatureChange,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
    session_id: Option<String>,
    subject_ref: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Logs the result of a command, without text of the request.
fn log_result(request: &Request, result: &Result<Value>) {
    let command = CommandName::find(request.word()).map_or("unknown", CommandName::word);
    match result {
        Ok(_) => log::info!(target: "mqtt", command; "command done"),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            log::info!(target: "mqtt", command; "command refused; the answer has the reason");
        }
        Err(error) => {
            let error = error.chain().to_string().replace('\n', "; ");
            log::warn!(target: "mqtt", command, error = error.as_str(); "command refused");
        }
    }
}

/// State of a switch in Home Assistant.
pub(super) fn on_off(is_on: bool) -> &'static str {
    if is_on { "ON" } else { "OFF" }
}

fn parse_switch(payload: &[u8]) -> Result<bool> {
    match payload.trim_ascii().to_ascii_lowercase().as_slice() {
        b"on" | b"true" => Ok(true),
        b"off" | b"false" => Ok(false),
        _ => Err(refusal("a switch takes ON, OFF, true or false")),
    }
}

/// The payload without `ref`; an empty payload is an empty object.
fn object(payload: &[u8]) -> Result<Value> {
    if payload.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    let mut payload: Value = serde_json::from_slice(payload)
        .map_err(|cause| refusal("the payload is no JSON").because(cause))?;
    let Some(object) = payload.as_object_mut() else {
        return Err(refusal("the payload must be a JSON object"));
    };
    object.remove("ref");
    Ok(payload)
}

fn parse<T: DeserializeOwned>(payload: Value) -> Result<T> {
    serde_json::from_value(payload)
        .map_err(|cause| refusal(format!("the payload cannot be used: {cause}")))
}

fn refusal(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests;
