//! Metrics, in Prometheus' text format.

use crate::error::ServeError;
use lightgcn_recommend::Source;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
/// The bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
/// Requests between two upkeeps, which sort measured times into buckets: without them the times would pile up while nobody
/// reads the metrics.
const UPKEEP: u64 = 4096;

/// The metrics with labels.
const REQUESTS: &str = "lightgcn_http_requests_total";
const SECONDS: &str = "lightgcn_http_request_seconds";
const ITEMS: &str = "lightgcn_recommended_items_total";

/// The labels of a request: its route, method and status.
type Kind = (String, &'static str, u16);

/// The metrics of one service. They are not global, so that a program may have several services and its own metrics.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// By labels.
    requests: RwLock<HashMap<Kind, (Counter, Histogram)>>,
    items: HashMap<Source, Counter>,
    n_requests: AtomicU64,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) events: Counter,
    pub(crate) swaps: Counter,
    pub(crate) refused_models: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, ServeError> {
        let time = Matcher::Full(SECONDS.to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(time, &BUCKETS);
        let recorder = match builder {
            Ok(builder) => builder.build_recorder(),
            Err(error) => {
                return Err(ServeError::System {
                    what: "set up the histograms",
                    source: std::io::Error::other(error),
                });
            }
        };
        for (name, text) in [
            (REQUESTS, "Requests by route, method and status."),
            (ITEMS, "Recommended items by source."),
        ] {
            recorder.describe_counter(name.into(), None, text.into());
        }
        let text = "Seconds from a request's header to its response, by route.";
        recorder.describe_histogram(SECONDS.into(), None, text.into());
        let counter = |name: &'static str, text: &'static str| {
            recorder.describe_counter(name.into(), None, text.into());
            recorder.register_counter(&Key::from_static_name(name), &METADATA)
        };
        let gauge = |name: &'static str, text: &'static str| {
            recorder.describe_gauge(name.into(), None, text.into());
            recorder.register_gauge(&Key::from_static_name(name), &METADATA)
        };
        let sources = Source::ALL.into_iter().chain([Source::Exploration]);
        let items = sources.map(|source| {
            let labels = vec![Label::new("source", source.name())];
            let key = Key::from_parts(ITEMS, labels);
            (source, recorder.register_counter(&key, &METADATA))
        });
        Ok(Self {
            items: items.collect(),
            in_flight: gauge(
                "lightgcn_http_requests_in_flight",
                "Requests being answered.",
            ),
            connections: gauge("lightgcn_connections", "Open connections."),
            waiting: gauge("lightgcn_queue_length", "Requests that wait for a thread."),
            events: counter("lightgcn_events_total", "Stored events."),
            swaps: counter("lightgcn_model_swaps_total", "Switches to another model."),
            refused_models: counter("lightgcn_model_refused_total", "Models that were refused."),
            requests: RwLock::default(),
            n_requests: AtomicU64::new(0),
            handle: recorder.handle(),
            recorder,
        })
    }

    /// Counts a request. `route` is a pattern such as `/v1/similar/{item}`, never a path with ids.
    pub(crate) fn request(&self, route: &str, method: &'static str, status: u16, time: Duration) {
        if self.n_requests.fetch_add(1, Ordering::Relaxed) % UPKEEP == UPKEEP - 1 {
            self.handle.run_upkeep();
        }
        let key = (route.to_owned(), method, status);
        {
            let known = self.requests.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((count, seconds)) = known.get(&key) {
                count.increment(1);
                seconds.record(time.as_secs_f64());
                return;
            }
        }
        let label = Label::new("route", route.to_owned());
        let seconds = Key::from_parts(SECONDS, vec![label.clone()]);
        let seconds = self.recorder.register_histogram(&seconds, &METADATA);
        let labels = vec![
            label,
            Label::new("method", method),
            Label::new("status", status.to_string()),
        ];
        let count = Key::from_parts(REQUESTS, labels);
        let count = self.recorder.register_counter(&count, &METADATA);
        count.increment(1);
        seconds.record(time.as_secs_f64());
        let mut known = self
            .requests
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(key, (count, seconds));
    }

    /// Counts the items of an answer.
    pub(crate) fn items(&self, sources: impl Iterator<Item = Source>) {
        for source in sources {
            if let Some(counter) = self.items.get(&source) {
                counter.increment(1);
            }
        }
    }

    /// All metrics, with the version and name of the active model.
    pub(crate) fn render(&self, version: &str, model: &str) -> String {
        let mut text = self.handle.render();
        let name: String = model
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            .collect();
        text += "# HELP lightgcn_model_info The active model.\n# TYPE lightgcn_model_info gauge\n";
        text += &format!("lightgcn_model_info{{version=\"{version}\",model=\"{name}\"}} 1\n");
        for (name, help, value) in process() {
            text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
        }
        text
    }
}

/// Memory, descriptors and threads of the process, as far as the system reports them.
fn process() -> Vec<(&'static str, &'static str, u64)> {
    let mut figures = Vec::new();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
    };
    if let Some(kib) = field("VmRSS:") {
        figures.push((
            "process_resident_memory_bytes",
            "Resident memory.",
            kib * 1024,
        ));
    }
    if let Some(threads) = field("Threads:") {
        figures.push(("process_threads", "Threads.", threads));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        figures.push(("process_open_fds", "Open descriptors.", open.count() as u64));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route() {
        let metrics = Metrics::new().unwrap();
        for _ in 0..UPKEEP + 3 {
            metrics.request("/v1/popular", "GET", 200, Duration::from_micros(1500));
        }
        metrics.request("/v1/popular", "GET", 400, Duration::from_micros(100));
        metrics.items([Source::Model, Source::Model, Source::Random].into_iter());
        let text = metrics.render("abc", "light\"gcn");
        for line in [
            "lightgcn_http_requests_total{route=\"/v1/popular\",method=\"GET\",status=\"200\"} 4099",
            "lightgcn_http_requests_total{route=\"/v1/popular\",method=\"GET\",status=\"400\"} 1",
            "lightgcn_http_request_seconds_bucket{route=\"/v1/popular\",le=\"0.001\"} 1",
            "lightgcn_http_request_seconds_bucket{route=\"/v1/popular\",le=\"0.002\"} 4100",
            "lightgcn_recommended_items_total{source=\"model\"} 2",
            "lightgcn_model_info{version=\"abc\",model=\"lightgcn\"} 1",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
