//! A soak test: requests and model switches for a while, after which the process holds no more resources than before.
//! It is the only test of its process, so that nothing else is counted.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Connection, Running, artifact, config, resident};
use lightgcn_recommend::Recommender;
use lightgcn_serve::{MemoryEvents, Service};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The resources of the process: descriptors, threads and resident KiB.
fn held() -> (usize, usize, u64) {
    let count = |path| std::fs::read_dir(path).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"), resident())
}

/// The length of the test: LIGHTGCN_SOAK_SECONDS. Default: 6 s.
fn soak_time() -> Duration {
    let given = std::env::var("LIGHTGCN_SOAK_SECONDS").ok();
    Duration::from_secs(given.and_then(|text| text.parse().ok()).unwrap_or(6))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_leaks_nothing() {
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    let events = Arc::new(MemoryEvents::default());
    let service = Service::from_recommender(recommender, config(), events).unwrap();
    let running = Running::start(service.clone()).await;
    let mut connection = Connection::open(running.address).await;
    let (mut n, start) = (0usize, Instant::now());
    // The first third warms up caches and buffers.
    let mut before = None;
    while start.elapsed() < soak_time() {
        let path = match n % 6 {
            0 => "/v1/recommendations/u1?k=5&exploration=0.5",
            1 => "/v1/explanations/u0/p6",
            2 => "/v1/similar/p3",
            3 => "/v1/graph/u3",
            4 => "/metrics-that-are-none",
            _ => "/v1/users?q=1",
        };
        let (status, json) = connection.get(path).await;
        assert_eq!(status, if n % 6 == 4 { 404 } else { 200 }, "{json}");
        if n.is_multiple_of(50) {
            let sign = if n.is_multiple_of(100) { -1.0 } else { 1.0 };
            let recommender = Recommender::from_artifact(artifact(sign)).unwrap();
            service.switch_to(recommender).unwrap();
            drop(Connection::open(running.address).await);
        }
        n += 1;
        if before.is_none() && start.elapsed() > soak_time() / 3 {
            before = Some(held());
        }
    }
    // The service notices dropped connections when it polls them next.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (before, after) = (before.unwrap(), held());
    assert!(n > 500, "{n}");
    assert!(
        after.0 <= before.0 + 2,
        "descriptors: {before:?}, then {after:?}"
    );
    assert!(
        after.1 <= before.1 + 1,
        "threads: {before:?}, then {after:?}"
    );
    assert!(
        after.2 <= before.2 + before.2 / 20 + 4096,
        "memory: {before:?}, then {after:?}"
    );
}
