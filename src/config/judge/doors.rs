//! What the `[web]` keys mean together: the address, the token, the limits, TLS.

use std::net::{IpAddr, SocketAddr};

use super::{Judge, Value};
use crate::{
    http::{self, HttpConfig, TlsFiles},
    store::{Secret, faults_of_token},
};

impl Judge<'_> {
    pub(super) fn listen(&mut self) -> SocketAddr {
        let text = self.text("web.bind");
        let address = text.parse::<IpAddr>().unwrap_or_else(|_| {
            let message = format!("must be an IP address such as 127.0.0.1 or ::, is {text:?}");
            self.problem("web.bind", message);
            IpAddr::from([127, 0, 0, 1])
        });
        SocketAddr::new(address, self.count("web.port"))
    }

    pub(super) fn token(&mut self) -> Option<Secret> {
        let token = self.optional_text("web.token")?;
        for fault in faults_of_token(&token) {
            self.problem("web.token", fault);
        }
        Some(Secret::new(token))
    }

    pub(super) fn web(&mut self) -> HttpConfig {
        let (idle, beat) = ("web.idle_timeout_s", "web.heartbeat_s");
        if self.number(beat) >= self.number(idle) {
            let message = format!("must be less than {idle} ({})", self.number(idle));
            self.problem_of(&[beat, idle], message);
        }
        HttpConfig {
            max_connections: self.count("web.max_connections"),
            idle_timeout: self.seconds(idle),
            heartbeat: self.seconds(beat),
            max_message_bytes: self.count("web.max_message_bytes"),
            rate_limit_per_s: self.number("web.rate_limit_per_s"),
            tls: self.tls(),
            hosts: self.texts(
                "web.hosts",
                http::is_host,
                "a host's name such as booth.example",
            ),
            origins: self.texts(
                "web.origins",
                http::is_origin,
                "an origin such as https://desk.example, without a path",
            ),
            proxies: self.texts(
                "web.proxies",
                http::is_network,
                "an address or a network such as 127.0.0.1 or 10.0.0.0/8",
            ),
            metrics_public: self.switch("web.metrics_public"),
            ..HttpConfig::default()
        }
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        let (certificate, key) = ("web.tls_certificate", "web.tls_key");
        match (self.path(certificate), self.path(key)) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                self.problem(certificate, format!("is given, so {key} must be given too"));
                None
            }
            (None, Some(_)) => {
                self.problem(key, format!("is given, so {certificate} must be given too"));
                None
            }
        }
    }

    /// A list of texts, each of which must be `meant`.
    fn texts(&mut self, key: &str, is_right: fn(&str) -> bool, meant: &str) -> Vec<String> {
        let Some(Value::Texts(texts)) = self.given.get(key) else { return Vec::new() };
        if let Some(wrong) = texts.iter().find(|text| !is_right(text)) {
            self.problem(key, format!("holds {wrong:?}, which must be {meant}"));
        }
        texts
    }
}
