//! Metrics, in Prometheus' text format.

mod merged;
mod outcomes;
mod process;
mod text;

pub(crate) use merged::merged;
pub(crate) use outcomes::OutcomeReadings;

use crate::error::ServeError;
use crate::events::{EventError, SinkState};
use crate::models::Model;
use crate::shadow::Shadow;
use crate::work::{Budget, Pool};
use lightgcn_recommend::Source;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use text::Text;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
/// The bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 17] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];
/// The number of requests between two upkeep runs, which sort measured times into buckets: without
/// them the times would pile up while no one reads the metrics.
const UPKEEP: u64 = 4096;

/// The metrics with labels.
const REQUESTS: &str = "lightgcn_http_requests_total";
const SECONDS: &str = "lightgcn_http_request_duration_seconds";
const CANCELLED: &str = "lightgcn_jobs_cancelled_total";
const FAILURES: &str = "lightgcn_event_store_failures_total";
const ACTIONS: &str = "lightgcn_admin_actions_total";
const REFITS: &str = "lightgcn_refits_total";
const ITEMS: &str = "lightgcn_recommended_items_total";

/// The labels of a request: its route, method and status.
type Kind = (String, &'static str, u16);

/// The metrics of one service. They are not global, so a program may have several services and its
/// own metrics.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// By labels.
    requests: RwLock<HashMap<Kind, (Counter, Histogram)>>,
    items: HashMap<Source, Counter>,
    n_requests: AtomicU64,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    waiting: Gauge,
    waiting_cost: Gauge,
    unread: Gauge,
    cancelled: [Counter; 2],
    pub(crate) events: Counter,
    pub(crate) swaps: Counter,
    pub(crate) refused_models: Counter,
    /// Requests without a valid token, or for a foreign host.
    pub(crate) refused: Counter,
    /// Posts that the event store did not take, by reason.
    failures: [(&'static str, Counter); 3],
    /// By action.
    actions: [(&'static str, Counter); 4],
    /// By outcome.
    refits: [(&'static str, Counter); 4],
    refit_time: Gauge,
    refit_end: Gauge,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The recorder of a service, with the buckets of times and the descriptions of metrics with labels.
fn recorder(builder: PrometheusBuilder) -> Result<PrometheusRecorder, ServeError> {
    let time = Matcher::Full(SECONDS.to_owned());
    let builder = builder.set_buckets_for_metric(time, &BUCKETS);
    let builder = builder.map_err(|error| ServeError::System {
        what: "set up the histograms",
        source: std::io::Error::other(error),
    })?;
    let recorder = builder.build_recorder();
    describe(&recorder);
    Ok(recorder)
}

fn counter(recorder: &PrometheusRecorder, name: &'static str, text: &'static str) -> Counter {
    recorder.describe_counter(name.into(), None, text.into());
    recorder.register_counter(&Key::from_static_name(name), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, name: &'static str, text: &'static str) -> Gauge {
    recorder.describe_gauge(name.into(), None, text.into());
    recorder.register_gauge(&Key::from_static_name(name), &METADATA)
}

/// The counter of a metric with one label.
fn labelled(
    recorder: &PrometheusRecorder,
    name: &'static str,
    label: &'static str,
    value: &'static str,
) -> Counter {
    let key = Key::from_parts(name, vec![Label::new(label, value)]);
    recorder.register_counter(&key, &METADATA)
}

/// Adds the texts of metrics that are registered when they are first counted.
fn describe(recorder: &PrometheusRecorder) {
    for (name, text) in [
        (REQUESTS, "Requests by route, method and status."),
        (ITEMS, "Recommended items by source."),
        (
            FAILURES,
            "Posts that the event store did not take, by reason.",
        ),
        (
            ACTIONS,
            "Requests to load, activate or roll back a model, and to remove a user.",
        ),
        (REFITS, "Scheduled retrainings by outcome."),
        (
            CANCELLED,
            "Parts of requests that never ran, because the client disconnected or their time \
            was up.",
        ),
    ] {
        recorder.describe_counter(name.into(), None, text.into());
    }
    let text = "Seconds from a request's header to its response, by route.";
    recorder.describe_histogram(SECONDS.into(), None, text.into());
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, ServeError> {
        Self::with(PrometheusBuilder::new())
    }

    /// The metrics of one of several shops, with its name as a label.
    pub(crate) fn of_shop(name: &str) -> Result<Self, ServeError> {
        Self::with(PrometheusBuilder::new().add_global_label("shop", name))
    }

    fn with(builder: PrometheusBuilder) -> Result<Self, ServeError> {
        let recorder = recorder(builder)?;
        let counter = |name, text| counter(&recorder, name, text);
        let gauge = |name, text| gauge(&recorder, name, text);
        let labelled = |name, label, value| labelled(&recorder, name, label, value);
        let sources = Source::ALL.into_iter().chain([Source::Exploration]);
        let items = sources.map(|source| (source, labelled(ITEMS, "source", source.name())));
        Ok(Self {
            items: items.collect(),
            in_flight: gauge(
                "lightgcn_http_requests_in_flight",
                "Requests being answered.",
            ),
            connections: gauge("lightgcn_connections", "Open connections."),
            waiting: gauge("lightgcn_queue_length", "Requests that wait for a thread."),
            waiting_cost: gauge(
                "lightgcn_queue_cost_seconds",
                "Seconds of one thread that waiting requests are expected to take.",
            ),
            unread: gauge(
                "lightgcn_unread_bytes",
                "Bytes of answers that are being computed or not yet written to clients.",
            ),
            cancelled: ["gone", "late"].map(|reason| labelled(CANCELLED, "reason", reason)),
            events: counter("lightgcn_events_total", "Stored events."),
            swaps: counter("lightgcn_model_swaps_total", "Switches to another model."),
            refused_models: counter("lightgcn_model_refused_total", "Models that were rejected."),
            refused: counter(
                "lightgcn_refused_authentications_total",
                "Requests without a valid token or key, or for a foreign host.",
            ),
            failures: ["full", "moved", "failed"]
                .map(|reason| (reason, labelled(FAILURES, "reason", reason))),
            refits: ["published", "worse", "nothing_new", "failed"]
                .map(|outcome| (outcome, labelled(REFITS, "outcome", outcome))),
            refit_time: gauge(
                "lightgcn_refit_duration_seconds",
                "Seconds that the latest scheduled retraining took.",
            ),
            refit_end: gauge(
                "lightgcn_refit_end_timestamp_seconds",
                "When the latest scheduled retraining ended, in seconds since 1970; 0 before the first.",
            ),
            actions: ["load", "activate", "roll_back", "forget"]
                .map(|action| (action, labelled(ACTIONS, "action", action))),
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

    /// Counts a post that was not stored.
    pub(crate) fn not_stored(&self, error: &EventError) {
        let reason = match error {
            EventError::Full { .. } => "full",
            EventError::Moved { .. } => "moved",
            EventError::Store { .. } => "failed",
        };
        count(&self.failures, reason);
    }

    /// Counts an action of an administrator.
    pub(crate) fn action(&self, action: &'static str) {
        count(&self.actions, action);
    }

    /// Counts a scheduled retraining that ended now.
    pub(crate) fn refitted(&self, outcome: &'static str, took: Option<Duration>) {
        count(&self.refits, outcome);
        if let Some(took) = took {
            self.refit_time.set(took.as_secs_f64());
        }
        if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
            self.refit_end.set(now.as_secs_f64());
        }
    }

    /// Reads the gauges of the queue and of unread answers.
    fn read(&self, pool: &Pool, unread: &Budget) {
        let waiting = pool.waiting();
        self.waiting.set(waiting.requests as f64);
        self.waiting_cost.set(waiting.time.as_secs_f64());
        self.unread.set(unread.used() as f64);
        let cancelled = pool.cancelled();
        for (counter, count) in self
            .cancelled
            .iter()
            .zip([&cancelled.gone, &cancelled.late])
        {
            counter.absolute(count.load(Ordering::Relaxed));
        }
    }

    /// All metrics.
    pub(crate) fn render(&self, readings: &Readings<'_>) -> String {
        let mut text = self.of_process(readings.pool, readings.unread);
        readings.describe(&mut text);
        text.lines
    }

    /// Those of the process and of requests, without a model.
    pub(crate) fn render_process(&self, pool: &Pool, unread: &Budget) -> String {
        self.of_process(pool, unread).lines
    }

    /// Those of a shop, which [`merged`] adds to those of the process.
    pub(crate) fn render_shop(&self, name: &str, readings: Option<&Readings<'_>>) -> String {
        let mut text = Text {
            lines: self.handle.render(),
            shop: Some(name.to_owned()),
        };
        if let Some(readings) = readings {
            readings.describe(&mut text);
        }
        text.lines
    }

    fn of_process(&self, pool: &Pool, unread: &Budget) -> Text {
        self.read(pool, unread);
        let mut text = Text {
            lines: self.handle.render(),
            shop: None,
        };
        let help = "The program.";
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        text.info("lightgcn_build_info", help, &version);
        process::describe(&mut text);
        text
    }
}

fn count(counters: &[(&str, Counter)], label: &str) {
    let counter = counters.iter().find(|(known, _)| *known == label);
    if let Some((_, counter)) = counter {
        counter.increment(1);
    }
}

/// Values read when the metrics are requested.
pub(crate) struct Readings<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) unread: &'a Budget,
    pub(crate) model: &'a Model,
    pub(crate) events: SinkState,
    pub(crate) shadow: Option<&'a Shadow>,
    /// `None` if they are not counted.
    pub(crate) outcomes: Option<OutcomeReadings>,
    /// The number of items changed since training.
    pub(crate) catalogue: usize,
}

impl Readings<'_> {
    fn describe(&self, text: &mut Text) {
        self.describe_model(text);
        self.describe_events(text);
        self.describe_shadow(text);
        if let Some(outcomes) = &self.outcomes {
            outcomes.describe(text);
        }
        let help = "Items changed since training.";
        let n_items = Some(self.catalogue as f64);
        text.gauge("lightgcn_catalogue_changed_items", help, n_items);
    }

    fn describe_model(&self, text: &mut Text) {
        let model = self.model;
        let name = &model.recommender.artifact().model.name;
        let labels = [("version", model.version.as_str()), ("model", name)];
        text.info("lightgcn_model_info", "The active model.", &labels);
        let help = "When the active model was loaded, in seconds since 1970.";
        let loaded = model.loaded.duration_since(UNIX_EPOCH).ok();
        let loaded = loaded.map(|since| since.as_secs_f64());
        text.gauge("lightgcn_model_loaded_timestamp_seconds", help, loaded);
        let help = "Seconds that loading the active model took.";
        let took = Some(model.took.as_secs_f64());
        text.gauge("lightgcn_model_load_duration_seconds", help, took);
        let help = "The time of the latest event that the active model was trained on, in seconds since 1970.";
        let trained = model.trained_until.map(|time| time as f64);
        text.gauge(
            "lightgcn_model_trained_until_timestamp_seconds",
            help,
            trained,
        );
    }

    fn describe_shadow(&self, text: &mut Text) {
        let Some(Shadow {
            version, agreement, ..
        }) = self.shadow
        else {
            return;
        };
        for (name, help, count) in [
            (
                "lists",
                "Lists that the second model also made.",
                &agreement.lists,
            ),
            ("items", "Items of these lists, as shown.", &agreement.shown),
            (
                "common_items",
                "Those that the second model also listed.",
                &agreement.common,
            ),
            (
                "skipped_lists",
                "Lists that the second model did not make.",
                &agreement.skipped,
            ),
        ] {
            let labels = vec![("model", version.as_str())];
            let value = (labels, count.load(Ordering::Relaxed));
            text.counters(
                &format!("lightgcn_shadow_{name}_total"),
                help,
                std::iter::once(value),
            );
        }
    }

    fn describe_events(&self, text: &mut Text) {
        let SinkState {
            events,
            bytes,
            free_bytes,
        } = self.events;
        let number = |n: Option<u64>| n.map(|n| n as f64);
        let help = "Events in the store.";
        text.gauge("lightgcn_event_store_events", help, number(events));
        let help = "Bytes of the event store.";
        text.gauge("lightgcn_event_store_bytes", help, number(bytes));
        let help = "Bytes free on the disk of the event store.";
        text.gauge("lightgcn_event_store_free_bytes", help, number(free_bytes));
    }
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
        let text = metrics.handle.render();
        for line in [
            "lightgcn_http_requests_total{route=\"/v1/popular\",method=\"GET\",status=\"200\"} 4099",
            "lightgcn_http_requests_total{route=\"/v1/popular\",method=\"GET\",status=\"400\"} 1",
            "lightgcn_http_request_duration_seconds_bucket{route=\"/v1/popular\",le=\"0.001\"} 1",
            "lightgcn_http_request_duration_seconds_bucket{route=\"/v1/popular\",le=\"0.002\"} 4100",
            "lightgcn_recommended_items_total{source=\"model\"} 2",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
