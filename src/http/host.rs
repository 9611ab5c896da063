//! Checks the host and the origin of a request, against DNS rebinding and foreign pages.

use std::{fs, net::IpAddr};

use axum::http::{HeaderMap, header};

use super::proxy::{Asked, text};

/// The accepted host names and origins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    /// The machine's own names and those of the configuration.
    names: Vec<String>,
    /// Those of the configuration alone.
    configured: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    /// `names` are those of the configuration beside the machine's own; `origins` are whole
    /// origins such as `https://desk.example`.
    pub(super) fn new(names: &[String], origins: &[String]) -> Self {
        let own = own_name().into_iter().flat_map(|name| [format!("{name}.local"), name]);
        let lower = |text: &String| text.to_ascii_lowercase();
        let configured: Vec<_> = names.iter().map(lower).collect();
        Hosts {
            names: own.chain(configured.iter().cloned()).collect(),
            configured,
            origins: origins.iter().map(lower).collect(),
        }
    }

    /// Whether the request's host is a name of the booth. An address is always accepted: a foreign
    /// page reaches the booth only by a name that it owns. A request without a host is accepted, too:
    /// browsers send one, so it comes from a program.
    pub(super) fn admits(&self, asked: &Asked) -> bool {
        let Some((host, _)) = asked.host.as_deref().map(host_and_port) else { return true };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        bare.parse::<IpAddr>().is_ok() || name == "localhost" || self.names.contains(&name)
    }

    /// Whether the origin is the booth's own or listed. Programs send none.
    ///
    /// The booth's own page has the origin of the host that was called; a port that is the usual
    /// one of the origin's scheme may be named or not. A page under a name of `web.hosts` at a
    /// usual port is the booth's own too: a proxy that passes no `Host` on hides which was called.
    pub(crate) fn admits_origin(&self, headers: &HeaderMap, asked: &Asked) -> bool {
        let Some(origin) = text(headers, header::ORIGIN) else { return true };
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let usual = if scheme == "https" { "443" } else { "80" };
        let (name, port) = host_and_port(host);
        let port = port.unwrap_or(usual);
        let called = asked.host.as_deref().unwrap_or_default().to_ascii_lowercase();
        let (called, called_port) = host_and_port(&called);
        // nginx's $host has lost its port; what the proxy leaves out cannot be compared.
        let is_port = called_port.map_or(asked.is_proxied, |called| called == port)
            || called_port.is_none() && port == usual;
        (name == called && is_port)
            || (port == usual && self.configured.iter().any(|own| own == name))
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

/// The host, and its port if one is named.
fn host_and_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, Some(port)),
        _ => (host, None),
    }
}

/// The machine's name; `None`: the system does not report it.
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

    fn called(host: &str) -> Asked {
        Asked { host: Some(host.into()), ..Asked::default() }
    }

    fn admits(host: &str) -> bool {
        hosts().admits(&called(host))
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
    fn a_program_without_a_name_is_let_in() {
        assert!(hosts().admits(&Asked::default()));
    }

    fn from(origin: Option<&str>, asked: &Asked) -> bool {
        let mut headers = HeaderMap::new();
        origin.map(|o| headers.insert(header::ORIGIN, o.parse().unwrap()));
        hosts().admits_origin(&headers, asked)
    }

    #[test]
    fn only_the_own_page_a_listed_one_or_a_program_connects() {
        let from = |origin| from(origin, &called("booth:8000"));
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
    fn a_usual_port_may_be_named_or_not() {
        assert!(from(Some("https://own"), &called("own:443")));
        assert!(from(Some("http://own"), &called("own:80")));
        assert!(from(Some("http://own:80"), &called("own")));
        assert!(!from(Some("http://own"), &called("own:443")));
        assert!(!from(Some("http://own:8443"), &called("own")));
        let proxied = Asked { is_proxied: true, ..called("own") };
        assert!(from(Some("http://own:8443"), &proxied), "nginx's $host has no port");
        assert!(!from(Some("http://evil:8443"), &proxied));
    }

    #[test]
    fn a_configured_name_is_the_own_page_where_a_proxy_hides_what_was_called() {
        let hidden = called("127.0.0.1:8000");
        assert!(from(Some("http://booth.example"), &hidden));
        assert!(from(Some("https://booth.example"), &hidden));
        assert!(!from(Some("https://booth.example:444"), &hidden), "another server's port");
        assert!(!from(Some("https://evil.example"), &hidden));
        assert!(!from(Some("http://localhost"), &hidden));
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
