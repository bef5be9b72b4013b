//! Requests that ask for much, and clients that do not read: what others notice of them.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::large::{expensive, shop};
use common::{Connection, Running, config, get, post};
use lightgcn_recommend::ContextEvent;
use lightgcn_serve::{EventError, EventSink, MemoryEvents, ServeConfig, Service, StoredEvent};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// One thread that scores, and time enough for everything.
fn patient() -> ServeConfig {
    ServeConfig {
        workers: 1,
        request_timeout_seconds: 600.0,
        ..config()
    }
}

fn service(config: ServeConfig) -> Service {
    Service::from_recommender(shop(), config, Arc::new(MemoryEvents::default())).unwrap()
}

/// Sends a post on a connection of its own, whose buffer for incoming bytes is small.
async fn send(address: SocketAddr, body: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8192).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = format!(
        "POST /v1/recommendations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

/// Waits until there is something to read.
async fn first_bytes(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value of a metric without labels, or with those in its name.
async fn metric(service: &Service, name: &str) -> f64 {
    let text = get(&service.router(), "/metrics").await.text();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("{name} is not in\n{text}"))
        .parse()
        .unwrap()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_costs_too_much_is_refused_before_any_work() {
    let mut config = patient();
    config.limits.cost_ms = 1000;
    let service = service(config);
    let router = service.router();
    let reply = post(&router, "/v1/recommendations", expensive(256)).await;
    assert_eq!(reply.error(422), "too_expensive");
    let message = reply.json()["error"]["message"].to_string();
    assert!(message.contains("limits.cost_ms"), "{message}");
    // Fewer questions are fine, and so are as many for shorter lists without diversity.
    let few = post(&router, "/v1/recommendations", expensive(3)).await;
    assert_eq!(few.json()["answers"].as_array().unwrap().len(), 3);
    let plain = expensive(256).replace("0.5", "0").replace("1000", "100");
    let plain = post(&router, "/v1/recommendations", plain).await;
    assert_eq!(plain.json()["answers"].as_array().unwrap().len(), 256);
    assert_eq!(metric(&service, "lightgcn_queue_cost_seconds").await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordinary_requests_pass_between_the_questions_of_a_batch() {
    let running = Running::start(service(patient())).await;
    let mut batches = Vec::new();
    for _ in 0..2 {
        let mut stream = send(running.address, &expensive(256)).await;
        assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 200");
        batches.push(tokio::spawn(async move {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            String::from_utf8(bytes).unwrap()
        }));
    }
    let mut connection = Connection::open(running.address).await;
    for n in 0..20 {
        let (status, answer) = connection
            .get(&format!("/v1/recommendations/u{n}?k=20"))
            .await;
        assert_eq!((status, common::items(&answer).len()), (200, 20));
    }
    // Each of them waited for one question of a batch at most: neither batch can be done.
    let done = batches.iter().filter(|batch| batch.is_finished()).count();
    assert_eq!(done, 0);
    // The batches are answered in full.
    for batch in batches {
        let text = batch.await.unwrap();
        assert!(text.contains("transfer-encoding: chunked"));
        assert_eq!(text.matches("\"known\":true").count(), 256);
        assert!(text.ends_with("]}\r\n0\r\n\r\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_cancelled_when_its_client_is_gone() {
    let running = Running::start(service(patient())).await;
    let mut stream = send(running.address, &expensive(256)).await;
    first_bytes(&mut stream).await;
    drop(stream);
    let service = &running.service;
    until("the queue is empty", async || {
        metric(service, "lightgcn_queue_cost_seconds").await == 0.0
            && metric(service, "lightgcn_unread_bytes").await == 0.0
    })
    .await;
    let made = metric(
        service,
        "lightgcn_recommended_items_total{source=\"model\"}",
    )
    .await;
    assert!((1000.0..256_000.0).contains(&made), "{made}");
}

/// A sink at which the fourth question waits until its time is over.
#[derive(Debug, Default)]
struct Delay(AtomicUsize);

impl EventSink for Delay {
    fn append(&self, _: &[StoredEvent]) -> Result<u64, EventError> {
        Ok(0)
    }

    fn of_user(&self, _: &str) -> Vec<ContextEvent> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 3 {
            std::thread::sleep(Duration::from_millis(3100));
        }
        Vec::new()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_cancelled_when_its_time_is_over() {
    let sink = Arc::new(Delay::default());
    let config = ServeConfig {
        request_timeout_seconds: 3.0,
        ..patient()
    };
    let events = Arc::clone(&sink) as Arc<dyn EventSink>;
    let service = Service::from_recommender(shop(), config, events).unwrap();
    let reply = post(&service.router(), "/v1/recommendations", expensive(12)).await;
    assert_eq!(reply.status, 200);
    let answers = reply.json()["answers"].as_array().unwrap().clone();
    let of = |n: usize| {
        answers[n]["error"]["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    };
    let codes: Vec<String> = (0..12).map(of).collect();
    let expected: Vec<&str> = (0..12)
        .map(|n| if n < 4 { "none" } else { "timeout" })
        .collect();
    assert_eq!(codes, expected);
    assert_eq!(sink.0.load(Ordering::Relaxed), 4);
    let late = metric(&service, "lightgcn_jobs_cancelled_total{reason=\"late\"}").await;
    assert_eq!(late, 8.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_take_bounded_memory() {
    let limit = 1 << 20;
    let config = ServeConfig {
        unread_bytes: limit,
        ..patient()
    };
    let running = Running::start(service(config)).await;
    let (service, address) = (&running.service, running.address);
    let mut unread = Vec::new();
    for _ in 0..3 {
        unread.push(send(address, &expensive(120)).await);
    }
    // Once the buffers of the system are full, answers wait in the service: a long list no longer fits.
    until("long answers are refused", async || {
        let used = metric(service, "lightgcn_unread_bytes").await;
        assert!(used <= limit as f64, "{used}");
        let long = common::ask(address, "/v1/recommendations/u1?k=1000").await;
        long.starts_with("HTTP/1.1 503") && long.contains("unread_answers")
    })
    .await;
    // Short ones do.
    for n in 0..20 {
        common::body_of(&common::ask(address, &format!("/v1/recommendations/u{n}?k=5")).await);
    }
    drop(unread);
    until("the memory is free again", async || {
        metric(service, "lightgcn_unread_bytes").await == 0.0
    })
    .await;
    common::body_of(&common::ask(address, "/v1/recommendations/u1?k=1000").await);
}
