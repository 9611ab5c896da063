//! One HTTP request on a connection of its own.

use std::sync::LazyLock;

use serde_json::Value;
use ureq::{
    Agent,
    http::{Request, header},
};

/// Takes every status as an answer, and no proxy of the environment.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .max_redirects(0)
        .proxy(None);
    config.build().into()
});

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its header lines in small letters.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} is no JSON", self.body))
    }

    /// Status and code of a refusal, which always has a sentence too.
    pub fn refusal(&self) -> (u16, String) {
        let body = self.json();
        assert!(body["error"].as_str().is_some_and(|text| text.len() > 5), "{body}");
        (self.status, body["code"].as_str().expect("a code").to_owned())
    }

    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// The whole answer to one request with that bearer token; `None` when the server is gone.
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> Option<Answer> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(body.to_owned());
    let mut answer = AGENT.run(request.expect("a good request")).ok()?;
    let head = answer.headers().iter().map(|(name, value)| {
        format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
    });
    Some(Answer {
        status: answer.status().as_u16(),
        head: head.collect::<String>().to_ascii_lowercase(),
        // A body that was cut off in the middle is none.
        body: answer.body_mut().with_config().limit(u64::MAX).read_to_string().ok()?,
    })
}
