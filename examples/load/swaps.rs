//! Switching models under load.

use crate::client::Connection;
use crate::{SwapOptions, Target, What, paths};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Switches to a model by name and returns its version.
pub(crate) async fn switch(admin: SocketAddr, name: &str) -> anyhow::Result<String> {
    let mut connection = Connection::open(admin).await?;
    let body = format!("{{\"path\": \"{name}\"}}");
    let models = connection.json("POST", "/admin/models", &body).await?;
    Ok(models["models"][0]["version"]
        .as_str()
        .context("a version")?
        .to_owned())
}

/// Switches to a version in memory, or loads it if it is no longer there.
async fn switch_back(admin: SocketAddr, name: &str, version: &str) -> anyhow::Result<()> {
    let mut connection = Connection::open(admin).await?;
    let path = format!("/admin/models/{version}/activate");
    let (status, _) = connection.send("POST", &path, "").await?;
    if status != 200 {
        switch(admin, name).await?;
    }
    Ok(())
}

/// Full load while models are switched: no answer may fail or come from another version.
pub(crate) async fn swaps(target: Target, options: &SwapOptions) -> anyhow::Result<()> {
    let Target { address, admin } = target;
    let models = &options.models;
    let paths = paths(address, What::Recommendations).await?;
    // What each version answers when nothing else happens.
    let mut expected: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut versions = Vec::new();
    let mut connection = Connection::open(address).await?;
    for name in models {
        let version = switch(admin, name).await?;
        for path in &paths {
            let answer = connection.json("GET", path, "").await?;
            expected.insert((version.clone(), path.clone()), answer);
        }
        versions.push(version);
    }
    let (expected, paths) = (Arc::new(expected), Arc::new(paths));
    let done = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let tasks: Vec<_> = (0..options.clients)
        .map(|n| {
            let (expected, paths, done) =
                (Arc::clone(&expected), Arc::clone(&paths), Arc::clone(&done));
            tokio::spawn(async move { check(address, n, &expected, &paths, &done).await })
        })
        .collect();
    let mut n_swaps = 0;
    let mut slowest = Duration::ZERO;
    while start.elapsed().as_secs_f64() < options.seconds {
        tokio::time::sleep(Duration::from_millis(options.every)).await;
        let (name, version) = (&models[n_swaps % 2], &versions[n_swaps % 2]);
        let began = Instant::now();
        switch_back(admin, name, version).await?;
        slowest = slowest.max(began.elapsed());
        n_swaps += 1;
    }
    done.store(true, Ordering::Relaxed);
    let elapsed = start.elapsed().as_secs_f64();
    let (mut answers, mut failures, mut mixed) = (0, 0, 0);
    for task in tasks {
        let counts = task.await?;
        answers += counts.0;
        failures += counts.1;
        mixed += counts.2;
    }
    println!(
        "swaps: {n_swaps} swaps (the slowest {slowest:?}), {answers} answers in {elapsed:.1} s ({:.0}/s), \
         {failures} failures, {mixed} answers from another version",
        f64::from(answers) / elapsed
    );
    ensure!(failures == 0 && mixed == 0, "a switch affected clients");
    Ok(())
}

/// Sends requests until `done`; counts answers, failures and answers from another version.
async fn check(
    address: SocketAddr,
    first: usize,
    expected: &BTreeMap<(String, String), Value>,
    paths: &[String],
    done: &AtomicBool,
) -> (u32, u32, u32) {
    let (mut answers, mut failures, mut mixed) = (0, 0, 0);
    let mut connection = Connection::open(address).await.ok();
    let mut n = first * 7;
    while !done.load(Ordering::Relaxed) {
        let path = &paths[n % paths.len()];
        n += 1;
        let Some(open) = &mut connection else {
            failures += 1;
            connection = Connection::open(address).await.ok();
            continue;
        };
        match open.json("GET", path, "").await {
            Ok(answer) => {
                answers += 1;
                let version = answer["model_version"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                mixed += u32::from(expected.get(&(version, path.clone())) != Some(&answer));
            }
            Err(_) => {
                failures += 1;
                connection = Connection::open(address).await.ok();
            }
        }
    }
    (answers, failures, mixed)
}
