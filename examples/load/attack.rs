//! Ordinary requests alongside clients that request as much as they can, or do not read what they
//! requested.

use crate::client::Connection;
use crate::{What, held, measure, paths};
use anyhow::Context;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(clap::Args)]
pub(crate) struct AttackOptions {
    /// Clients that send such batches one after the other
    #[arg(long, default_value_t = 2)]
    clients: usize,
    /// Questions in a batch
    #[arg(long, default_value_t = 256)]
    questions: usize,
    /// Items in a list
    #[arg(long, default_value_t = 1000)]
    k: usize,
    /// Diversity of the lists
    #[arg(long, default_value_t = 0.5)]
    diversity: f64,
    /// Whether the clients do not read the answers
    #[arg(long)]
    unread: bool,
    /// Ordinary requests per second
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
}

/// Statuses of the batches, and how often.
type Statuses = Arc<Mutex<BTreeMap<String, usize>>>;

fn count(statuses: &Statuses, status: String) {
    let mut statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner);
    *statuses.entry(status).or_default() += 1;
}

/// Measures ordinary requests alone, during the attack, and after it is over.
pub(crate) async fn attack(address: SocketAddr, options: &AttackOptions) -> anyhow::Result<()> {
    let ordinary = paths(address, What::Recommendations).await?;
    let alone = measure(address, ordinary.clone(), options.rate, options.seconds).await?;
    alone.print("alone")?;
    let idle = held(address).await?;
    let request = Arc::new(batch(address, options).await?);
    println!("a batch has {} bytes", request.len());
    let (done, statuses) = (Arc::new(AtomicBool::new(false)), Statuses::default());
    let attackers: Vec<_> = (0..options.clients)
        .map(|_| {
            let (request, done) = (Arc::clone(&request), Arc::clone(&done));
            let (statuses, unread) = (Arc::clone(&statuses), options.unread);
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let status = send(address, &request, unread, &done).await;
                    let status = status.unwrap_or_else(|error| error.to_string());
                    count(&statuses, status);
                    // Refusals take no time: without a pause the clients would measure themselves.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asking = tokio::spawn(measure(
        address,
        ordinary.clone(),
        options.rate,
        options.seconds,
    ));
    let mut most = 0.0_f64;
    while !asking.is_finished() {
        most = most.max(held(address).await.map_or(0.0, |held| held[0]));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    asking.await??.print("beside the attack")?;
    done.store(true, Ordering::Relaxed);
    for attacker in attackers {
        let _ = attacker.await;
    }
    let statuses = statuses
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    println!("batches by status: {statuses:?}");
    println!(
        "memory: {:.1} MiB before, at most {most:.1} during the attack ({:.2} times)",
        idle[0],
        most / idle[0]
    );
    measure(
        address,
        ordinary,
        options.rate,
        5.0_f64.min(options.seconds),
    )
    .await?
    .print("after the attack")
}

/// The request for one batch, for the users with the longest histories.
async fn batch(address: SocketAddr, options: &AttackOptions) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    let found = connection.json("GET", "/v1/users?limit=200", "").await?;
    let users = found["users"].as_array().context("users")?;
    let AttackOptions { k, diversity, .. } = options;
    let questions: Vec<String> = (0..options.questions)
        .map(|n| {
            let user = &users[n % users.len()]["id"];
            format!("{{\"user\":{user},\"options\":{{\"k\":{k},\"diversity\":{diversity}}}}}")
        })
        .collect();
    let body = format!("{{\"requests\":[{}]}}", questions.join(","));
    let head = format!(
        "POST /v1/recommendations HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Ok([head, body].concat().into_bytes())
}

/// Sends a batch and reads the response, or only its status; returns the status.
async fn send(
    address: SocketAddr,
    request: &[u8],
    unread: bool,
    done: &AtomicBool,
) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut chunk = vec![0; 1 << 16];
    let mut status = None;
    while !done.load(Ordering::Relaxed) {
        let read = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut chunk));
        let Ok(n) = read.await else { continue };
        let n = n?;
        if n == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&chunk[..n.min(12)]).into_owned();
        status.get_or_insert_with(|| text.get(9..12).unwrap_or("none").to_owned());
        while unread && !done.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(status.unwrap_or_else(|| "unanswered".to_owned()))
}
