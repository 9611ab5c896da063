//! What an operator asks of a daemon over HTTP.

use boothd::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    daemon::TOKEN,
    http::{self, Answer},
};

/// The whole answer to one request of the operator; `None` when the daemon is gone.
pub fn ask_whole(address: &str, method: &str, path: &str) -> Option<Answer> {
    http::request(address, method, path, TOKEN, "")
}

/// Status and body of one request of the operator; `None` when the daemon is gone.
pub fn ask(address: &str, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = http::request(address, method, path, TOKEN, &body)?;
    Some((answer.status, serde_json::from_str(&answer.body).ok()?))
}

/// What "candidate 7" agrees to now, by the daemon's own clock.
pub fn consent() -> Value {
    let consent_at = SystemClock::default().unix_ms();
    json!({"notice_version": "1", "consent_at": consent_at, "subject_ref": "candidate 7"})
}

/// Begins the booth's session: its id.
pub fn begin(address: &str) -> Option<String> {
    let (status, session) = ask(address, "POST", "/api/v1/sessions", &consent())?;
    (status == 201).then(|| session["session_id"].as_str().unwrap().to_owned())
}

/// Ends it: the status.
pub fn end(address: &str, session_id: &str) -> Option<u16> {
    let path = format!("/api/v1/sessions/{session_id}/end");
    Some(ask(address, "POST", &path, &Value::Null)?.0)
}

/// Work beside the test.
pub fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::Builder::new().name("aside".into()).spawn(work).unwrap()
}

/// Sessions begun and ended until the daemon is gone; those that it acknowledged are on the disk.
pub fn sessions_until_it_dies(address: &str) -> (Vec<String>, Vec<String>) {
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    while let Some(session) = begin(address) {
        begun.push(session.clone());
        if end(address, &session) != Some(200) {
            break;
        }
        ended.push(session);
    }
    (begun, ended)
}
