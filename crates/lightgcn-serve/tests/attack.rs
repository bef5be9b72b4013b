//! Two clients who ask for as much as they may, beside one who asks ordinary questions. It is the only test of its process,
//! so that nothing else takes memory.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::large::{expensive, shop};
use common::{Connection, Running, config, items, most_resident, post, resident};
use lightgcn_serve::{MemoryEvents, ServeConfig, Service};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The questions of each batch.
const QUESTIONS: usize = 64;

/// Asks a batch, and returns how many of its answers are lists. It reads at once, and keeps nothing.
async fn attack(address: SocketAddr, n: usize) -> usize {
    let body = expensive(n);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/recommendations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let word = b"\"known\":true";
    let (mut answered, mut rest, mut chunk) = (0, Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut chunk).await.unwrap();
        if read == 0 {
            return answered;
        }
        rest.extend_from_slice(&chunk[..read]);
        answered += rest.windows(word.len()).filter(|w| w == word).count();
        // The word may be cut.
        rest.drain(..rest.len().saturating_sub(word.len() - 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordinary_questions_are_answered_beside_an_attack() {
    let config = ServeConfig {
        workers: 1,
        request_timeout_seconds: 600.0,
        unread_bytes: 16 << 20,
        ..config()
    };
    let service = Service::from_recommender(shop(), config, Arc::new(MemoryEvents::default()));
    let running = Running::start(service.unwrap()).await;
    let address = running.address;
    let mut connection = Connection::open(address).await;
    // Caches and buffers are warm.
    assert_eq!(attack(address, 4).await, 4);
    connection.get("/v1/recommendations/u0?k=20").await;
    // A body may have as many requests as bytes, which are refused before memory is taken for each.
    let before = most_resident();
    let body = format!("{{\"requests\":[{}{{}}]}}", "{},".repeat(340_000));
    let reply = post(&running.service.router(), "/v1/recommendations", body).await;
    assert_eq!(reply.error(400), "batch_too_large");
    let after = most_resident();
    assert!(after < before + 32 * 1024, "{before} KiB, then {after}");
    let idle = resident();

    let start = Instant::now();
    let attacks: Vec<_> = (0..2)
        .map(|_| tokio::spawn(attack(address, QUESTIONS)))
        .collect();
    let (mut times, mut most) = (Vec::new(), idle);
    for n in 0.. {
        let asked = Instant::now();
        let path = format!("/v1/recommendations/u{}?k=20", n % 40);
        let (status, answer) = connection.get(&path).await;
        assert_eq!((status, items(&answer).len()), (200, 20), "{answer}");
        if attacks.iter().all(tokio::task::JoinHandle::is_finished) {
            break;
        }
        times.push(asked.elapsed());
        most = most.max(resident());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = start.elapsed();
    for attack in attacks {
        assert_eq!(attack.await.unwrap(), QUESTIONS);
    }
    times.sort_unstable();
    let p99 = times[(times.len() * 99).div_ceil(100) - 1];
    println!(
        "{} questions, p50 {:?}, p99 {p99:?}, beside attacks of {took:?}; {idle} KiB, then {most} at most",
        times.len(),
        times[times.len() / 2]
    );
    // Each waits for one or two questions of the batches, which have 128 together: on a slow machine all take longer. Had
    // they waited for the batches, there would be a few, and they would have taken as long as these.
    assert!(times.len() >= 20, "{}", times.len());
    assert!(p99 < took / 8, "{p99:?} of {took:?}");
    assert!(most * 10 <= idle * 13, "{idle} KiB, then {most}");
}
