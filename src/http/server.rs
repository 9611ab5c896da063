//! [`HttpServer`]: serves a router with the rules of every request: the accepted host names, the time
//! limit, the headers of the response. Knows no route.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, time::timeout};

use super::{
    config::HttpConfig, context::HttpContext, counters::Counters, host::Hosts, proxy::Proxies,
    refused::Refused, rejections::Reason, serve::Acceptor, tls::Tls,
};
use crate::{certificate::Certificate, clock::Clock, error::Result, stop::Stop, store::Store};

/// Nothing from elsewhere, nothing inline, no frame around: the page works offline. The page
/// shows its own camera (`blob:` media) and charts that it drew itself (`data:` pictures).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Only the page itself may use this machine's camera and microphone, and nothing else.
const PERMISSIONS_POLICY: &str =
    "camera=(self), microphone=(self), geolocation=(), payment=(), usb=(), display-capture=()";

/// Headers of every response.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
];

/// Answers that go on: a proxy must neither gather nor compress them.
const STREAMS: [&[u8]; 2] = [b"text/event-stream", b"multipart/x-mixed-replace"];

/// What nginx understands by that.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Header of every response over TLS: half a year without plain HTTP.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// How long open connections may take to close.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);

/// See the module.
pub(crate) struct HttpServer {
    config: HttpConfig,
    tls: Option<Arc<Tls>>,
    context: HttpContext,
    stop: Stop,
}

impl HttpServer {
    /// Opens a server with the tokens of `store`.
    ///
    /// # Errors
    /// `Config` when the certificate cannot be used.
    pub(crate) fn open(
        config: &HttpConfig,
        store: &Store,
        clock: &Arc<dyn Clock>,
        stop: Stop,
    ) -> Result<Self> {
        let tls = config.tls.clone().map(|files| Tls::open(files, clock.clone()));
        Ok(HttpServer {
            tls: tls.transpose()?.map(Arc::new),
            context: HttpContext::new(config, store, clock),
            config: config.clone(),
            stop,
        })
    }

    /// What requests and connections share.
    pub(crate) fn context(&self) -> &HttpContext {
        &self.context
    }

    /// The certificate in use; `None`: no TLS.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        self.tls.as_ref().map(|tls| tls.certificate())
    }

    /// The router with what holds for every request.
    pub(super) fn guarded(&self, router: Router) -> Router {
        let rules = Rules {
            hosts: self.context.hosts.clone(),
            proxies: Arc::new(Proxies::new(&self.config.proxies)),
            counters: self.context.counters.clone(),
            request_timeout: self.config.request_timeout,
            has_tls: self.tls.is_some(),
        };
        router
            .fallback(nothing_here)
            .method_not_allowed_fallback(wrong_method)
            .layer(DefaultBodyLimit::max(self.config.max_body_bytes))
            .layer(from_fn_with_state(rules, guard))
    }

    /// Serves until `stop` is requested and the open connections are closed.
    pub(crate) async fn serve(self, listener: TcpListener, router: Router) {
        let router = self.guarded(router);
        let following = self.tls.clone().map(|tls| tokio::spawn(tls.follow()));
        let rejections = self.context.counters.rejections().clone();
        let reporting = tokio::spawn(async move { rejections.report_for_ever().await });
        let acceptor = Acceptor::new(router, self.config, self.tls, self.context, self.stop);
        acceptor.accept_all(listener).await;
        reporting.abort();
        following.inspect(tokio::task::JoinHandle::abort);
        // `stop` reaches every connection; twice the time, since a close is also answered.
        if timeout(DRAIN_TIMEOUT * 2, acceptor.wait_empty()).await.is_err() {
            log::debug!(target: "web", "some connections did not close in time");
        }
    }
}

/// What holds for every request.
#[derive(Clone)]
struct Rules {
    hosts: Arc<Hosts>,
    proxies: Arc<Proxies>,
    counters: Arc<Counters>,
    request_timeout: Duration,
    has_tls: bool,
}

async fn nothing_here(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return Refused::not_found("nothing here; see /api/v1/openapi.json").into_response();
    }
    (StatusCode::NOT_FOUND, "nothing here; the page is at /").into_response()
}

async fn wrong_method() -> Response {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "this address does not know the method; see /api/v1/openapi.json",
    )
    .into_response()
}

/// What holds for every request.
async fn guard(State(rules): State<Rules>, mut request: Request, next: Next) -> Response {
    let asked = rules.proxies.asked(&request);
    let is_https = asked.is_https == Some(true);
    let mut response = if !names_one_host(&request) {
        ambiguous_host()
    } else if rules.hosts.admits(&asked) {
        request.extensions_mut().insert(asked);
        match timeout(rules.request_timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => too_slow(),
        }
    } else {
        rules.counters.rejections().note_request(Reason::WrongHost, &asked, None);
        unknown_host()
    };
    add_headers(response.headers_mut());
    if rules.has_tls || is_https {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

/// RFC 9112, section 3.2: a request of HTTP/1.1 has one field Host. With two, a proxy in front and
/// the booth may understand different ones.
fn names_one_host(request: &Request) -> bool {
    let count = request.headers().get_all(header::HOST).iter().count();
    match request.version() {
        Version::HTTP_11 => count == 1,
        _ => count <= 1,
    }
}

fn ambiguous_host() -> Response {
    let close = [(header::CONNECTION, "close")];
    let sentence = "a request has exactly one header Host";
    (StatusCode::BAD_REQUEST, close, sentence).into_response()
}

fn too_slow() -> Response {
    let close = [(header::CONNECTION, "close")];
    (StatusCode::REQUEST_TIMEOUT, close, "the request took too long").into_response()
}

fn unknown_host() -> Response {
    let sentence = "the booth is not called by this name; use its address, its hostname, or add \
                    the name to web.hosts";
    (StatusCode::MISDIRECTED_REQUEST, sentence).into_response()
}

fn add_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let mime = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if STREAMS.iter().any(|stream| mime.starts_with(stream)) {
        let untouched = HeaderValue::from_static("no-store, no-transform");
        headers.insert(header::CACHE_CONTROL, untouched);
        headers.insert(UNBUFFERED.0, HeaderValue::from_static(UNBUFFERED.1));
    }
}
