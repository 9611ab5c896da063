//! By which name the booth may be called, and from which pages: against DNS rebinding and
//! foreign pages.

use std::{fs, net::IpAddr};

use axum::http::{HeaderMap, Request, header};

/// The names and origins that are let in.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    names: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    /// `names` are those of the configuration beside the machine's own; `origins` are whole
    /// origins such as `https://desk.example`.
    pub(super) fn new(names: &[String], origins: &[String]) -> Self {
        let own = own_name().into_iter().flat_map(|name| [format!("{name}.local"), name]);
        let lower = |text: &String| text.to_ascii_lowercase();
        Hosts {
            names: own.chain(names.iter().map(lower)).collect(),
            origins: origins.iter().map(lower).collect(),
        }
    }

    /// Whether the request calls the booth by a name that is its own. An address is always
    /// right: a foreign page reaches the booth only by a name that it owns. What no browser
    /// sends, a request without a name, comes from a program.
    pub(super) fn admits<B>(&self, request: &Request<B>) -> bool {
        let named = request.uri().authority().map(axum::http::uri::Authority::as_str);
        let named = named.or_else(|| text(request.headers(), header::HOST));
        let Some(host) = named.map(without_port) else { return true };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        bare.parse::<IpAddr>().is_ok() || name == "localhost" || self.names.contains(&name)
    }

    /// Whether the page that asks may: the booth's own, or one of the listed. Programs name none.
    pub(super) fn admits_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = text(headers, header::ORIGIN) else { return true };
        let host = origin.split_once("://").map(|(_, host)| host);
        let is_own = host.is_some() && host == text(headers, header::HOST);
        is_own || self.origins.contains(&origin.to_ascii_lowercase())
    }
}

/// Whether `text` is an origin as browsers send it: scheme, host, port if it is unusual.
pub fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(is_host_and_port)
}

/// Whether `text` is a host's name.
pub fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn is_host_and_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => {
            is_host(host) || host.starts_with('[') && host.ends_with(']')
        }
        _ => is_host(text) || text.starts_with('[') && text.ends_with(']'),
    }
}

/// The header as text; one that is no text is there, and matches nothing.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The machine's name, where the system tells it.
fn own_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let names = ["Booth.example".to_owned()];
        Hosts::new(&names, &["https://desk.example".to_owned()])
    }

    fn admits(host: &str) -> bool {
        let request = Request::builder().header(header::HOST, host).body(()).unwrap();
        hosts().admits(&request)
    }

    #[test]
    fn the_booth_answers_to_its_names_and_to_every_address() {
        let own = own_name().unwrap();
        for host in [
            "localhost",
            "localhost:8000",
            "LOCALHOST",
            "127.0.0.1:8000",
            "[::1]:8000",
            "[fe80::1]",
            "192.168.1.9",
            "booth.example",
            "BOOTH.example.:8000",
            &own,
            &format!("{own}.local:8000"),
        ] {
            assert!(admits(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil",
            "",
        ] {
            assert!(!admits(host), "{host}");
        }
    }

    #[test]
    fn the_name_in_the_request_line_counts_before_the_header() {
        let request =
            Request::builder().uri("http://evil.example/").header("host", "localhost");
        assert!(!hosts().admits(&request.body(()).unwrap()));
        assert!(hosts().admits(&Request::new(())), "a program without a name");
    }

    #[test]
    fn only_the_own_page_a_listed_one_or_a_program_connects() {
        let from = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "booth:8000".parse().unwrap());
            origin.map(|o| headers.insert(header::ORIGIN, o.parse().unwrap()));
            hosts().admits_origin(&headers)
        };
        assert!(from(None));
        assert!(from(Some("http://booth:8000")));
        assert!(from(Some("https://desk.example")));
        assert!(!from(Some("http://desk.example")), "another scheme is another origin");
        assert!(!from(Some("https://desk.example.evil")));
        assert!(!from(Some("http://booth")));
        assert!(!from(Some("http://elsewhere:8000")));
        assert!(!from(Some("null")));
    }

    #[test]
    fn an_origin_is_scheme_and_host_without_a_path() {
        for right in ["https://desk.example", "http://10.0.0.1:8080", "http://[::1]:8000"] {
            assert!(is_origin(right), "{right}");
        }
        for wrong in ["desk.example", "https://desk.example/", "https://", "*", "https://a:b"] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}
