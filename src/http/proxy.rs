//! Reverse proxies in front of the server: client, host and scheme of a request, from the connection
//! or, where a proxy of `web.proxies` opened it, from `Forwarded` and `X-Forwarded-*`.
//!
//! Any client can send these headers, so they count only on connections from `web.proxies`.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, Request, header, uri::Authority};

use super::network::Subnet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of an accepted connection; each request carries it among its extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerAddress(pub(super) IpAddr);

/// The reverse proxies whose headers are trusted.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies(Vec<Subnet>);

/// Client, host and scheme of a request; each request carries it among its extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The client's own address: the connection's, or behind named proxies the address that the
    /// outermost of them saw. None only where a test brings no connection.
    pub(crate) client: Option<IpAddr>,
    /// A named proxy passed the request on.
    pub(crate) is_proxied: bool,
    /// The host that the client called, with its port if the client named one.
    pub(crate) host: Option<String>,
    /// Whether the client spoke TLS to the proxy; None: the proxy does not report it, or there is none.
    pub(crate) is_https: Option<bool>,
}

impl Asked {
    /// Of a request that the server let through.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        request.extensions().get::<Asked>().expect("the server adds it to each request").clone()
    }
}

impl Proxies {
    /// From the addresses and networks of `web.proxies`.
    pub(super) fn new(networks: &[String]) -> Self {
        Proxies(networks.iter().filter_map(|network| network.parse().ok()).collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client, host and scheme of a request, from its connection and its headers.
    pub(super) fn asked<B>(&self, request: &Request<B>) -> Asked {
        let headers = request.headers();
        let named = request.uri().authority().map(Authority::as_str);
        let host = named.or_else(|| text(headers, header::HOST)).map(str::to_owned);
        let peer = request
            .extensions()
            .get::<PeerAddress>()
            .map(|PeerAddress(address)| address.to_canonical());
        match peer.filter(|peer| self.trusts(*peer)) {
            Some(proxy) => self.forwarded(proxy, headers, host),
            None => Asked { client: peer, host, ..Asked::default() },
        }
    }

    /// Each proxy appends the address that it saw, so the list is read from its end: what a
    /// named proxy wrote is believed, what stands before that is the client's own claim.
    fn forwarded(&self, proxy: IpAddr, headers: &HeaderMap, host: Option<String>) -> Asked {
        let hops = Hops::of(headers);
        let mut client = proxy;
        let mut believed = 0;
        for address in hops.addresses.iter().rev() {
            let Some(address) = address else { break };
            client = *address;
            believed += 1;
            if !self.trusts(client) {
                break;
            }
        }
        // The outermost believed proxy knows what the client called; one that appends nothing
        // replaced the value.
        let outermost = |values: &[String]| -> Option<String> {
            let value = values.get(values.len().saturating_sub(believed.max(1)))?;
            Some(value.clone()).filter(|value| !value.is_empty())
        };
        Asked {
            client: Some(client),
            is_proxied: true,
            host: outermost(&hops.hosts).or(host),
            is_https: outermost(&hops.schemes)
                .map(|scheme| scheme.eq_ignore_ascii_case("https")),
        }
    }
}

/// What the forwarding headers list, in the order in which the request passed the proxies.
#[derive(Default)]
struct Hops {
    /// None: not an address, such as `unknown`.
    addresses: Vec<Option<IpAddr>>,
    hosts: Vec<String>,
    schemes: Vec<String>,
}

impl Hops {
    /// A proxy writes one kind of header and passes the other on as the client sent it. The usual
    /// ones write `X-Forwarded-For`, so `Forwarded` counts only where that is missing.
    fn of(headers: &HeaderMap) -> Self {
        let hops = Hops {
            addresses: items(headers, X_FORWARDED_FOR).map(address).collect(),
            hosts: items(headers, X_FORWARDED_HOST).map(str::to_owned).collect(),
            schemes: items(headers, X_FORWARDED_PROTO).map(str::to_owned).collect(),
        };
        if !hops.addresses.is_empty() {
            return hops;
        }
        let standard: Vec<_> = items(headers, header::FORWARDED).collect();
        if standard.is_empty() {
            return hops;
        }
        let mut hops = Hops::default();
        for element in standard {
            let pairs = || element.split(';').filter_map(|pair| pair.split_once('='));
            let of = |name: &str| {
                let found = pairs().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.trim().trim_matches('"'))
            };
            hops.addresses.push(of("for").and_then(address));
            hops.hosts.push(of("host").unwrap_or_default().to_owned());
            hops.schemes.push(of("proto").unwrap_or_default().to_owned());
        }
        hops
    }
}

/// The items of every header of that name. A quoted value of `Forwarded` that holds a comma is no
/// address and no host, so cutting it apart loses nothing that could be believed.
fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> + use<'_> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The header as text; one that is no text is there, and matches nothing.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies::new(&["127.0.0.1".into(), "10.0.0.0/8".into(), "fd00::/8".into()])
    }

    fn asked(peer: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().header("host", "127.0.0.1:8000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        proxies().asked(&request)
    }

    #[test]
    fn headers_of_an_unknown_proxy_are_ignored() {
        let all = [
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=198.51.100.7;host=evil.example;proto=https"),
        ];
        let asked = asked("192.0.2.1", &all);
        assert_eq!(asked.client, Some("192.0.2.1".parse().unwrap()));
        assert_eq!((asked.host.as_deref(), asked.is_https), (Some("127.0.0.1:8000"), None));
        assert!(!asked.is_proxied);
    }

    #[test]
    fn the_client_is_the_first_address_from_the_end_that_is_no_proxy() {
        let client = |list: &str| {
            let asked = asked("127.0.0.1", &[("x-forwarded-for", list)]);
            asked.client.unwrap().to_string()
        };
        assert_eq!(client("192.0.2.1"), "192.0.2.1");
        assert_eq!(
            client("203.0.113.9, 192.0.2.1"),
            "192.0.2.1",
            "its own claim stands before"
        );
        assert_eq!(client("203.0.113.9, 192.0.2.1, 10.1.2.3"), "192.0.2.1");
        assert_eq!(client("203.0.113.9, unknown"), "127.0.0.1", "what is no address ends it");
        assert_eq!(client("[2001:db8::1]:4711"), "2001:db8::1");
        let claims = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "192.0.2.1")];
        let both = asked("127.0.0.1", &claims).client;
        assert_eq!(both, Some("192.0.2.1".parse().unwrap()), "the client sent the other one");
        assert_eq!(client("192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(asked("::ffff:127.0.0.1", &[]).client.unwrap().to_string(), "127.0.0.1");
        assert_eq!(asked("fd00::7", &[]).client.unwrap().to_string(), "fd00::7");
    }

    #[test]
    fn the_outermost_named_proxy_reports_what_the_client_called() {
        let one = asked(
            "127.0.0.1",
            &[
                ("x-forwarded-for", "192.0.2.1"),
                ("x-forwarded-host", "evil.example, booth.example"),
                ("x-forwarded-proto", "https"),
            ],
        );
        assert_eq!(one.host.as_deref(), Some("booth.example"));
        assert_eq!(one.is_https, Some(true));
        let two = asked(
            "10.0.0.1",
            &[(
                "forwarded",
                "for=203.0.113.9;host=evil.example, for=\"192.0.2.1:99\";host=booth.example;proto=https, for=10.0.0.2",
            )],
        );
        assert_eq!(two.client.unwrap().to_string(), "192.0.2.1");
        assert_eq!(two.host.as_deref(), Some("booth.example"));
        assert_eq!(asked("127.0.0.1", &[]).host.as_deref(), Some("127.0.0.1:8000"));
    }
}
