//! Models from a source that changes while the service runs.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{artifact, config, get, post};
use lightgcn_serve::{
    EventStore, EventStoreConfig, FetchedModel, ModelSource, ServeConfig, ServeError, Service,
    SourceError,
};
use lightgcn_store::StoreError;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LOCATION: &str = "s3://shop/up";
const REFUSED: &str = "lightgcn_model_refused_total";
const SWAPS: &str = "lightgcn_model_swaps_total";

/// What is at the source.
#[derive(Debug, Clone, Copy)]
enum There {
    Model(f32),
    /// A model with a file that is not what its manifest says.
    Damaged,
    Unreachable,
}

#[derive(Debug)]
struct Source {
    there: Mutex<There>,
    /// The identities that the service knew.
    known: Mutex<Vec<Option<String>>>,
    folder: TempDir,
}

impl Source {
    fn new(there: There) -> Arc<Self> {
        Arc::new(Self {
            there: Mutex::new(there),
            known: Mutex::default(),
            folder: TempDir::new().unwrap(),
        })
    }

    fn put(&self, there: There) {
        *self.there.lock().unwrap() = there;
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }
}

impl ModelSource for Source {
    fn location(&self) -> &str {
        LOCATION
    }

    fn fetch(&self, known: Option<&str>) -> Result<Option<FetchedModel>, SourceError> {
        self.known.lock().unwrap().push(known.map(str::to_owned));
        let path = self.copy();
        let model = match *self.there.lock().unwrap() {
            There::Model(sign) => artifact(sign),
            There::Damaged => artifact(2.0),
            There::Unreachable => return Err("the network is down; repair it".into()),
        };
        if known == Some(model.identity()?.as_str()) {
            return Ok(None);
        }
        model.save(&path)?;
        if matches!(*self.there.lock().unwrap(), There::Damaged) {
            std::fs::write(path.join("model.json"), "{}")?;
        }
        Ok(Some(FetchedModel::new(path)))
    }
}

fn watching() -> ServeConfig {
    ServeConfig {
        model_poll_seconds: 0.1,
        ..config()
    }
}

async fn counter(service: &Service, name: &str) -> u64 {
    let metrics = get(&service.router(), "/metrics").await.text();
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

/// Waits until the counter is at least so high.
async fn wait_for(service: &Service, name: &str, least: u64) {
    let start = Instant::now();
    while counter(service, name).await < least {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "no {least} of {name}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn best(service: &Service) -> String {
    let answer = get(&service.router(), "/v1/recommendations/u0?k=1").await;
    answer.items().remove(0)
}

#[tokio::test]
async fn another_model_takes_over_and_a_bad_one_does_not() {
    let source = Source::new(There::Model(1.0));
    let service = Service::open_from(Arc::<Source>::clone(&source), watching()).unwrap();
    let first = artifact(1.0).identity().unwrap();
    assert_eq!(service.model_version(), first[..16]);
    assert!(!source.copy().exists());
    let watched = service.clone();
    let watch = tokio::spawn(async move { watched.follow().await });

    source.put(There::Unreachable);
    wait_for(&service, REFUSED, 1).await;
    source.put(There::Damaged);
    let refused = counter(&service, REFUSED).await;
    wait_for(&service, REFUSED, refused + 2).await;
    assert_eq!(best(&service).await, "p6");
    assert_eq!(service.model_version(), first[..16]);

    source.put(There::Model(-1.0));
    wait_for(&service, SWAPS, 1).await;
    let second = artifact(-1.0).identity().unwrap();
    assert_eq!(service.model_version(), second[..16]);
    assert_eq!(best(&service).await, "p5");
    assert!(!source.copy().exists());
    let request = axum::http::Request::get("/admin/models").header("host", "localhost:8081");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let models = common::send(&service.admin_router(), request).await.json();
    assert_eq!(models["models"][0]["path"], LOCATION);

    // It is loaded once.
    source.known.lock().unwrap().clear();
    let start = Instant::now();
    while source.known.lock().unwrap().len() < 3 {
        assert!(start.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    watch.abort();
    let known = source.known.lock().unwrap().clone();
    assert!(known.iter().all(|known| *known == Some(second.clone())));
    assert_eq!(counter(&service, SWAPS).await, 1);
}

#[tokio::test]
async fn a_model_from_a_source_is_not_rolled_back() {
    let source = Source::new(There::Model(1.0));
    let service = Service::open_from(source, config()).unwrap();
    for error in [
        service.reload().unwrap_err(),
        service.roll_back(None).unwrap_err(),
    ] {
        assert!(
            matches!(&error, ServeError::NotOnDisk { location } if location == LOCATION),
            "{error}"
        );
    }
    // Its folder is none of models.
    let error = service.load("up").unwrap_err();
    assert!(
        matches!(&error, ServeError::ModelName { detail, .. } if detail.contains("admin.models")),
        "{error}"
    );
    let request = axum::http::Request::post("/admin/rollback").header("host", "localhost:8081");
    let request = request.header("content-type", "application/json");
    let request = request.body(axum::body::Body::from("{}")).unwrap();
    let reply = common::send(&service.admin_router(), request).await;
    assert_eq!(reply.error(422), "bad_model");
}

#[test]
fn a_service_does_not_start_without_a_model() {
    let open = |there| Service::open_from(Source::new(there), config()).unwrap_err();
    let error = open(There::Unreachable);
    assert_eq!(
        error.to_string(),
        "cannot load the model s3://shop/up: the network is down; repair it"
    );
    let error = open(There::Damaged);
    let ServeError::Source { detail, cause, .. } = &error else {
        panic!("{error}");
    };
    // The copy is gone; the message names the place.
    assert!(
        detail.starts_with("s3://shop/up/model.json has "),
        "{detail}"
    );
    let cause = cause.downcast_ref::<ServeError>().unwrap();
    assert!(
        matches!(cause, ServeError::Store(StoreError::Size { .. })),
        "{cause:?}"
    );
}

#[tokio::test]
async fn other_services_follow_nothing() {
    let service = common::service();
    service.follow().await;
}

#[test]
fn what_was_posted_survives_another_model() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("events.redb");
    let config = ServeConfig {
        events: Some(file.clone()),
        ..watching()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let source = Source::new(There::Model(1.0));
    runtime.block_on(async {
        let service = Service::open_from(Arc::<Source>::clone(&source), config).unwrap();
        let event = r#"{"events": [{"user": "u0", "item": "p6", "behavior": "purchase", "time": 2000000}]}"#;
        let posted = post(&service.router(), "/v1/events", event).await;
        assert_eq!(posted.status, 200, "{}", posted.text());
        let watched = service.clone();
        let watch = tokio::spawn(async move { watched.follow().await });
        source.put(There::Model(0.5));
        wait_for(&service, SWAPS, 1).await;
        assert_ne!(best(&service).await, "p6");
        watch.abort();
        let _ = watch.await;
    });
    drop(runtime);
    let store = EventStore::open(&file, EventStoreConfig::default()).unwrap();
    assert_eq!(lightgcn_serve::EventSink::of_user(&store, "u0").len(), 1);
}
