//! Exports the spans of requests by the OpenTelemetry protocol (feature `otlp`).

use crate::error::ServeError;
use crate::trace_context::Trace;
use axum::http::StatusCode;
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// The name of the service, unless `OTEL_SERVICE_NAME` has another one.
const NAME: &str = "lightgcn";

/// Sends the spans of requests to an OpenTelemetry collector, over HTTP in protobuf, in the
/// background. Dropping it sends what is left.
///
/// The environment configures it as the OpenTelemetry specification says:
/// `OTEL_EXPORTER_OTLP_ENDPOINT` (`http://localhost:4318`, or `https://`), `OTEL_EXPORTER_OTLP_HEADERS`,
/// `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, and the others. A request with a `traceparent`
/// continues its trace, or none if that is not sampled.
#[derive(Debug)]
pub struct OtlpExport {
    provider: SdkTracerProvider,
}

impl OtlpExport {
    /// Starts the thread that sends spans.
    ///
    /// # Errors
    /// [`ServeError::System`] if the environment has an invalid setting.
    pub fn start() -> Result<Self, ServeError> {
        prepare_tls();
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.map_err(|error| ServeError::System {
            what: "export traces; check the variables OTEL_EXPORTER_OTLP_...",
            source: std::io::Error::other(error),
        })?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(NAME);
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Self { provider })
    }

    /// The layer to add to a subscriber of `tracing`.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.provider.tracer(NAME);
        // Only spans: log lines stay in the log.
        let filter = Targets::new().with_target("lightgcn_serve::observe", LevelFilter::ERROR);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_filter(filter)
    }
}

impl Drop for OtlpExport {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

/// Installs the TLS crypto provider, unless the program has installed one. The exporter's HTTP client
/// cannot be made without it, whatever the endpoint.
fn prepare_tls() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Lets the span of a request continue the trace that it belongs to.
pub(crate) fn begin(span: &Span, method: &'static str, route: &str, trace: Option<Trace<'_>>) {
    if let Some(remote) = trace.and_then(remote) {
        let parent = Context::new().with_remote_span_context(remote);
        // It fails only without the layer.
        let _ = span.set_parent(parent);
    }
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
}

/// Adds what is known at the end of a request.
pub(crate) fn end(span: &Span, status: StatusCode) {
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}

/// The span that sent a request.
fn remote(trace: Trace<'_>) -> Option<SpanContext> {
    let flags = match trace.is_sampled {
        true => TraceFlags::SAMPLED,
        false => TraceFlags::default(),
    };
    Some(SpanContext::new(
        TraceId::from_hex(trace.trace).ok()?,
        SpanId::from_hex(trace.parent).ok()?,
        flags,
        true,
        TraceState::NONE,
    ))
}
