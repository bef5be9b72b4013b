//! What is recorded for each request: its id, its trace, a log line, and its count and time.

use crate::front::Front;
use crate::metrics::Metrics;
use crate::trace_context::Trace;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, Span, field};

/// The header that names a request, in the response and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header with the trace that a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The maximum length of an id from a client.
const MAX_ID: usize = 64;
/// The target of access log lines, for filters such as `lightgcn_serve::access=info`.
const ACCESS: &str = "lightgcn_serve::access";

/// The address that sent a request, according to its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What a response records about the shop that answered.
#[derive(Clone)]
pub(crate) struct ByShop {
    pub(crate) name: Arc<str>,
    /// The shop's route, without the shop.
    pub(crate) route: Option<MatchedPath>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Gives a request without a usable id a new one, and its response the same id; logs, counts and
/// times it.
// One function instead of tower-http's layers: they keep unusable ids, and the line and the metrics
// need the route and the shop of the answer.
pub(crate) async fn observe(
    State(front): State<Front>,
    mut request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let id = id_of(request.headers());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("other", MatchedPath::as_str);
    let method = method_name(request.method());
    let trace = request.headers().get(TRACEPARENT);
    let trace = trace.and_then(|text| Trace::parse(text.to_str().ok()?));
    let span = span(route, method, &id, trace);
    #[cfg(feature = "otlp")]
    crate::otlp::begin(&span, method, route, trace);
    let _guard = InFlight::new(front.metrics.in_flight.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(REQUEST_ID, id);
    let (status, time) = (response.status().as_u16(), start.elapsed());
    let shop = response.extensions_mut().remove::<ByShop>();
    let of_shop = shop.as_ref().and_then(|shop| shop.route.as_ref());
    let counted = of_shop.map_or(route, MatchedPath::as_str);
    let metrics = shop.as_ref().map_or(&front.metrics, |shop| &shop.metrics);
    metrics.request(counted, method, status, time);
    #[cfg(feature = "otlp")]
    crate::otlp::end(&span, response.status());
    let _entered = span.enter();
    let name = shop.as_ref().map(|shop| &*shop.name);
    log(name, status, time, response.body().size_hint().exact());
    response
}

/// The access log line; `bytes` is `None` for streamed answers.
fn log(shop: Option<&str>, status: u16, time: Duration, bytes: Option<u64>) {
    let seconds = time.as_secs_f64();
    tracing::info!(target: ACCESS, shop, status, seconds, bytes, "answered");
}

/// The log span of a request: its route, never its path, since paths contain users' ids. It is
/// attached to every line about the request, at any level.
fn span(route: &str, method: &'static str, id: &HeaderValue, trace: Option<Trace<'_>>) -> Span {
    tracing::error_span!(
        "request",
        method,
        route,
        request_id = id.to_str().unwrap_or_default(),
        trace_id = trace.map(|trace| field::display(trace.trace)),
        parent_id = trace.map(|trace| field::display(trace.parent)),
    )
}

fn id_of(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID);
    let usable = given.filter(|id| (1..=MAX_ID).contains(&id.len()) && id.to_str().is_ok());
    usable.cloned().unwrap_or_else(|| {
        // The standard library's random keys, from hashing nothing.
        let id = RandomState::new().build_hasher().finish();
        HeaderValue::from_str(&format!("{id:016x}")).unwrap_or(HeaderValue::from_static(""))
    })
}

/// A label that clients cannot choose freely.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request in flight, until it is dropped, answered or not.
struct InFlight(metrics::Gauge);

impl InFlight {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
