//! The service under load, over real sockets: overload, model switches, slow clients and shutdown.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Connection, Running, artifact, ask, body_of, config, raw, service, service_with};
use lightgcn_recommend::{ContextEvent, Recommender};
use lightgcn_serve::{EventError, EventSink, Service, StoredEvent};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// An event sink that blocks every request until it is opened.
#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    /// How many requests have reached it.
    entered: AtomicUsize,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

impl EventSink for Gate {
    fn append(&self, _: &[StoredEvent]) -> Result<u64, EventError> {
        Err(EventError::Store {
            detail: "the disk is full; free some space".to_owned(),
        })
    }

    fn of_user(&self, _: &str) -> Vec<ContextEvent> {
        self.entered.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.changed.wait(open).unwrap();
        }
        Vec::new()
    }
}

fn gated(change: impl FnOnce(&mut lightgcn_serve::ServeConfig)) -> (Service, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let mut config = config();
    change(&mut config);
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    let events = Arc::clone(&gate) as Arc<dyn EventSink>;
    (
        Service::from_recommender(recommender, config, events).unwrap(),
        gate,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_queue_are_rejected() {
    let (service, gate) = gated(|config| {
        config.workers = 1;
        config.queue = 2;
    });
    let running = Running::start(service).await;
    let address = running.address;
    let mut asked = vec![tokio::spawn(ask_owned(address, "/v1/recommendations/u0"))];
    while gate.entered.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asked.extend((0..11).map(|_| tokio::spawn(ask_owned(address, "/v1/recommendations/u0"))));
    // One is being scored and two wait; the other nine are rejected at once.
    let start = Instant::now();
    let mut shed = 0;
    while shed < 9 && start.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        shed = asked.iter().filter(|task| task.is_finished()).count();
    }
    assert_eq!(shed, 9);
    // Requests that need no scores are still answered.
    assert!(
        ask(address, "/health/live")
            .await
            .starts_with("HTTP/1.1 200")
    );
    gate.open();
    let mut replies = Vec::new();
    for task in asked {
        replies.push(task.await.unwrap());
    }
    let rejected: Vec<&String> = replies
        .iter()
        .filter(|r| r.starts_with("HTTP/1.1 503"))
        .collect();
    assert_eq!(rejected.len(), 9);
    assert!(
        rejected
            .iter()
            .all(|r| r.contains("retry-after: 1") && r.contains("\"overloaded\""))
    );
    assert_eq!(
        replies
            .iter()
            .filter(|r| r.starts_with("HTTP/1.1 200"))
            .count(),
        3
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_stays_full_is_told() {
    let (service, gate) = gated(|config| {
        config.workers = 1;
        config.queue = 1;
        config.overloaded_after_seconds = 0.3;
    });
    let running = Running::start(service).await;
    let address = running.address;
    let ready = async || {
        let reply = ask(address, "/health/ready").await;
        let code = reply.split(' ').nth(1).unwrap().to_owned();
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        (code, body["status"].as_str().unwrap().to_owned())
    };
    let is = |code: &str, status: &str| (code.to_owned(), status.to_owned());
    assert_eq!(ready().await, is("200", "ready"));
    let ask_one = |_| tokio::spawn(ask_owned(address, "/v1/recommendations/u0"));
    let mut asked = vec![ask_one(0)];
    while gate.entered.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One is being scored, one waits, and the others are turned away: from then on the queue is full.
    asked.extend((1..6).map(ask_one));
    let start = Instant::now();
    while asked.iter().filter(|task| task.is_finished()).count() < 4 {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(ready().await, is("503", "overloaded"));
    gate.open();
    let mut answered = 0;
    for task in asked {
        answered += usize::from(task.await.unwrap().starts_with("HTTP/1.1 200"));
    }
    assert_eq!(answered, 2);
    assert_eq!(ready().await, is("200", "ready"));
}

async fn ask_owned(address: std::net::SocketAddr, path: &'static str) -> String {
    ask(address, path).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_times_out() {
    let (service, gate) = gated(|config| {
        config.workers = 1;
        config.request_timeout_seconds = 0.2;
    });
    let running = Running::start(service).await;
    let reply = ask(running.address, "/v1/recommendations/u0").await;
    assert!(
        reply.starts_with("HTTP/1.1 503") && reply.contains("\"timeout\""),
        "{reply}"
    );
    gate.open();
    body_of(&ask(running.address, "/v1/recommendations/u0").await);
}

#[tokio::test]
async fn events_that_cannot_be_stored_are_an_error() {
    let (service, _) = gated(|_| {});
    let body = r#"{"events": [{"user": "u0", "item": "p1", "behavior": "view"}]}"#;
    let reply = common::post(&service.router(), "/v1/events", body).await;
    assert_eq!(reply.error(503), "events_failed");
    // Until the store works again, other instances should get the requests.
    let ready = common::get(&service.router(), "/health/ready").await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()["status"].as_str()),
        (503, Some("events_failing"))
    );
    let text = common::get(&service.router(), "/metrics").await.text();
    assert!(
        text.contains("lightgcn_event_store_failures_total{reason=\"failed\"} 1"),
        "{text}"
    );
}

/// The first item for `u0` by model version.
fn lists(service: &Service, other: &Service) -> HashMap<String, &'static str> {
    HashMap::from([
        (service.model_version(), "p6"),
        (other.model_version(), "p5"),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_models_fails_no_request_and_mixes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sign) in [("up", 1.0), ("down", -1.0)] {
        artifact(sign).save(folder.path().join(name)).unwrap();
    }
    let mut config = config();
    // Every switch loads the model again.
    config.admin.keep = 1;
    let service = Service::open(folder.path().join("up"), config.clone()).unwrap();
    let down = Service::open(folder.path().join("down"), config).unwrap();
    let expected = lists(&service, &down);
    let running = Running::start(service).await;
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| tokio::spawn(client(running.address, Arc::clone(&done), expected.clone())))
        .collect();
    for n in 0..20 {
        let name = ["down", "up"][n % 2];
        let body = format!("{{\"path\": \"{name}\"}}");
        let request = format!(
            "POST /admin/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = raw(running.admin.unwrap(), request.as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        // A failed load in between changes nothing.
        assert!(running.service.load("none").is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for client in clients {
        for (version, n) in client.await.unwrap() {
            *seen.entry(version).or_default() += n;
        }
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.values().sum::<usize>() > 100, "{seen:?}");
}

/// Sends requests over one connection until `done`, and checks each answer against its version.
async fn client(
    address: std::net::SocketAddr,
    done: Arc<AtomicBool>,
    expected: HashMap<String, &'static str>,
) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    let mut connection = Connection::open(address).await;
    while !done.load(Ordering::Relaxed) {
        let (status, json) = connection.get("/v1/recommendations/u0?k=1").await;
        assert_eq!(status, 200, "{json}");
        let version = json["model_version"].as_str().unwrap().to_owned();
        assert_eq!(common::items(&json), [expected[&version]], "{json}");
        *seen.entry(version).or_default() += 1;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incomplete_header_is_cut_off_after_the_timeout() {
    let running = Running::start(service()).await;
    let start = Instant::now();
    let halves = [&b""[..], b"GET /v1/popular HTTP/1.1\r\nhost: loc", b"GET /"]
        .map(|half| raw(running.address, half));
    let [a, b, c] = halves;
    tokio::join!(a, b, c);
    let elapsed = start.elapsed();
    assert!(elapsed <= Duration::from_secs(6), "{elapsed:?}");
    assert!(
        elapsed >= Duration::from_secs(4),
        "{elapsed:?}: the default timeout is 5 s"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_sockets_do_not_delay_others() {
    let mut config = config();
    config.header_timeout_seconds = 3.0;
    let running = Running::start(service_with(config)).await;
    let mut slow = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let start: &[u8] = match n % 3 {
            0 => b"GET /v1/pop",
            1 => b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
            _ => b"",
        };
        stream.write_all(start).await.unwrap();
        slow.push(stream);
    }
    let mut connection = Connection::open(running.address).await;
    for _ in 0..100 {
        let start = Instant::now();
        let (status, _) = connection.get("/v1/recommendations/u0").await;
        assert_eq!(status, 200);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_wait() {
    let mut config = config();
    config.max_connections = 2;
    config.header_timeout_seconds = 0.5;
    let running = Running::start(service_with(config)).await;
    let idle = [
        TcpStream::connect(running.address).await.unwrap(),
        TcpStream::connect(running.address).await.unwrap(),
    ];
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    body_of(&ask(running.address, "/health/live").await);
    assert!(
        start.elapsed() >= Duration::from_millis(300),
        "{:?}",
        start.elapsed()
    );
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_http_is_refused() {
    let running = Running::start(service()).await;
    let many = (0..100)
        .map(|n| format!("x-{n}: y\r\n"))
        .collect::<String>();
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "a".repeat(100_000)
    );
    let two_lengths = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}";
    for bytes in [
        many.as_str(),
        &long,
        two_lengths,
        "\u{16}\u{3}\u{1}hello",
        "NONSENSE\r\n\r\n",
    ] {
        let reply = raw(running.address, bytes.as_bytes()).await;
        assert!(
            reply.is_empty() || reply.starts_with("HTTP/1.1 4"),
            "{reply}"
        );
    }
    body_of(&ask(running.address, "/health/live").await);
}

/// A request whose header has this many lines, and as many bytes in all.
fn with_header(lines: usize, bytes: usize) -> String {
    let mut header =
        "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n".to_owned();
    for n in 2..lines.saturating_sub(1) {
        header.push_str(&format!("x-{n}: y\r\n"));
    }
    let rest = bytes.saturating_sub(header.len() + "x-l: \r\n\r\n".len());
    format!("{header}x-l: {}\r\n\r\n", "y".repeat(rest))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_have_64_lines_and_32_kib_at_most() {
    let running = Running::start(service()).await;
    for (lines, bytes, status) in [
        (64, 1000, "200"),
        (65, 1000, "431"),
        // A little more may pass, since the rest of a header is read at once.
        (4, 32 * 1024 - 1, "200"),
        (4, 64 * 1024, "431"),
    ] {
        let request = with_header(lines, bytes);
        assert_eq!(request.matches("\r\n").count(), lines + 2);
        if bytes > 2000 {
            assert_eq!(request.len(), bytes);
        }
        let reply = raw(running.address, request.as_bytes()).await;
        let given = reply.split(' ').nth(1);
        assert_eq!(given, Some(status), "{lines} lines, {bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_finishes_open_requests() {
    let (service, gate) = gated(|config| config.drain_delay_seconds = 0.3);
    let running = Running::start(service).await;
    let address = running.address;
    let open = tokio::spawn(ask_owned(address, "/v1/recommendations/u0?k=1"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ended = running.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // During the delay it still answers, but is not ready.
    assert!(
        ask(address, "/health/ready")
            .await
            .starts_with("HTTP/1.1 503")
    );
    assert!(
        ask(address, "/health/live")
            .await
            .starts_with("HTTP/1.1 200")
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!ended.is_finished());
    gate.open();
    body_of(&open.await.unwrap());
    tokio::time::timeout(Duration::from_secs(5), ended)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_outlast_the_drain_timeout_are_cut() {
    let (service, gate) = gated(|config| config.drain_timeout_seconds = 0.2);
    let running = Running::start(service).await;
    let address = running.address;
    let open = tokio::spawn(ask_owned(address, "/v1/recommendations/u0?k=1"));
    while gate.entered.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ended = running.stop();
    tokio::time::timeout(Duration::from_secs(5), ended)
        .await
        .unwrap()
        .unwrap();
    // The request still waits, and its connection is closed without an answer.
    let reply = tokio::time::timeout(Duration::from_secs(5), open).await;
    assert_eq!(reply.unwrap().unwrap(), "");
    gate.open();
}
