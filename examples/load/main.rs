//! Load tests of the service: throughput, latency, model switches, slow clients, and resources over time.
//!
//! ```text
//! cargo build --release -p lightgcn-serve --example load
//! target/release/examples/load model --out target/load/a --seed 1     # 54,000 random items
//! target/release/examples/load model --out target/load/b --seed 2
//! target/release/examples/load serve target/load/a &                  # or: lightgcn serve target/load/a
//! target/release/examples/load rate --rate 500 --seconds 30
//! target/release/examples/load rate --rate 50 --seconds 30 --what explanations
//! target/release/examples/load swaps --seconds 60 a b
//! target/release/examples/load slow --sockets 2000
//! target/release/examples/load attack --clients 2                      # 256 long and diverse lists at once
//! target/release/examples/load attack --clients 60 --questions 64 --unread
//! target/release/examples/load soak --seconds 3600 --swaps 100 a b
//! ```
//!
//! Requests are sent at a fixed rate, whether or not earlier ones are answered, and the time of each counts from when it
//! was due: a service that stalls cannot hide it by slowing its clients down.
#![expect(clippy::print_stdout, reason = "it prints its measurements")]

mod attack;
mod client;
mod shop;
mod swaps;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};
use client::Connection;
use lightgcn_serve::{ServeConfig, Server, Service, raise_descriptor_limit, stop_signal};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The allocator of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load tests of the service.
#[derive(Parser)]
struct Args {
    /// Address of the service
    #[arg(long, global = true, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// Address of its admin listener
    #[arg(long, global = true, default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Write a random model
    Model {
        /// The folder to write it to
        #[arg(long)]
        out: PathBuf,
        #[arg(long, default_value_t = 54_000)]
        items: u32,
        #[arg(long, default_value_t = 50_000)]
        users: u32,
        #[arg(long, default_value_t = 64)]
        dimension: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Serve a model, as `lightgcn serve` does
    Serve {
        model: PathBuf,
        #[arg(long, default_value_t = 2)]
        keep: usize,
    },
    /// Send requests at a fixed rate
    Rate {
        /// Requests per second
        #[arg(long, default_value_t = 500.0)]
        rate: f64,
        #[arg(long, default_value_t = 30.0)]
        seconds: f64,
        #[arg(long, value_enum, default_value = "recommendations")]
        what: What,
    },
    /// Send requests as fast as they are answered while models are switched, and check each answer
    Swaps(SwapOptions),
    /// Send requests at a fixed rate, first alone, then alongside sockets that send a byte now and
    /// then
    Slow {
        #[arg(long, default_value_t = 2000)]
        sockets: usize,
        #[arg(long, default_value_t = 500.0)]
        rate: f64,
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
    },
    /// Send ordinary requests at a fixed rate alongside batches that take much time, or that no one
    /// reads
    Attack(attack::AttackOptions),
    /// Send requests at a fixed rate for a long time, with model switches, and print the resources in use
    Soak(SoakOptions),
}

#[derive(clap::Args)]
struct SwapOptions {
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Milliseconds between switches
    #[arg(long, default_value_t = 500)]
    every: u64,
    /// Concurrent clients
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Two models in the folder of models
    #[arg(num_args = 2, required = true)]
    models: Vec<String>,
}

#[derive(clap::Args)]
struct SoakOptions {
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    #[arg(long, default_value_t = 3600.0)]
    seconds: f64,
    #[arg(long, default_value_t = 100)]
    swaps: u32,
    /// Two models in the folder of models
    #[arg(num_args = 2, required = true)]
    models: Vec<String>,
}

/// The two listeners of a service.
#[derive(Clone, Copy)]
struct Target {
    address: SocketAddr,
    admin: SocketAddr,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// One user's top 20
    Recommendations,
    /// The explanation of one of these
    Explanations,
    /// Both, and similar items
    Mixed,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread();
    runtime_of(runtime, &args.mode)?.block_on(run(args))
}

/// A client needs one thread; the service uses all cores.
fn runtime_of(
    mut runtime: tokio::runtime::Builder,
    mode: &Mode,
) -> anyhow::Result<tokio::runtime::Runtime> {
    if !matches!(mode, Mode::Serve { .. }) {
        runtime.worker_threads(1);
    }
    runtime.enable_all().build().context("starting the threads")
}

async fn run(args: Args) -> anyhow::Result<()> {
    let (address, admin) = (args.address, args.admin);
    let target = Target { address, admin };
    match args.mode {
        Mode::Model {
            out,
            items,
            users,
            dimension,
            seed,
        } => shop::write_model(&out, items, users, dimension, seed),
        Mode::Serve { model, keep } => serve(address, admin, &model, keep).await,
        Mode::Rate {
            rate,
            seconds,
            what,
        } => {
            let paths = paths(address, what).await?;
            measure(address, paths, rate, seconds).await?.print("rate")
        }
        Mode::Swaps(options) => swaps::swaps(target, &options).await,
        Mode::Slow {
            sockets,
            rate,
            seconds,
        } => slow(address, sockets, rate, seconds).await,
        Mode::Attack(options) => attack::attack(address, &options).await,
        Mode::Soak(options) => soak(target, options).await,
    }
}

async fn serve(
    bind: SocketAddr,
    admin: SocketAddr,
    model: &Path,
    keep: usize,
) -> anyhow::Result<()> {
    let mut config = ServeConfig {
        bind,
        ..ServeConfig::default()
    };
    config.admin.bind = admin;
    config.admin.keep = keep;
    let server = Server::bind(Service::open(model, config)?).await?;
    println!("answers at http://{}/", server.address());
    server.run(stop_signal()?).await?;
    Ok(())
}

/// Paths to request, for the users with the longest histories.
async fn paths(address: SocketAddr, what: What) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::open(address).await?;
    let found = connection.json("GET", "/v1/users?limit=200", "").await?;
    let users = found["users"].as_array().context("users")?;
    let mut paths = Vec::new();
    for (n, user) in users.iter().enumerate() {
        let user = user["id"].as_str().context("an id")?;
        let list = format!("/v1/recommendations/{user}?k=20");
        let answer = connection.json("GET", &list, "").await?;
        let item = answer["items"][n % 20]["item"]
            .as_str()
            .context("an item")?;
        let why = format!("/v1/explanations/{user}/{item}");
        match what {
            What::Recommendations => paths.push(list),
            What::Explanations => paths.push(why),
            What::Mixed => {
                paths.extend([list.clone(), list, why, format!("/v1/similar/{item}?k=20")])
            }
        }
    }
    Ok(paths)
}

/// The times of the answers, and the failures.
#[derive(Default)]
struct Figures {
    micros: Vec<u64>,
    failures: BTreeMap<String, usize>,
    seconds: f64,
}

impl Figures {
    fn percentile(&self, share: f64) -> f64 {
        let place = (self.micros.len() as f64 * share).ceil() as usize;
        self.micros
            .get(place.saturating_sub(1))
            .map_or(f64::NAN, |&us| us as f64 / 1000.0)
    }

    fn print(&self, name: &str) -> anyhow::Result<()> {
        println!(
            "{name}: {} answers in {:.1} s ({:.0}/s); p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, most {:.2}; failures {:?}",
            self.micros.len(),
            self.seconds,
            self.micros.len() as f64 / self.seconds,
            self.percentile(0.5),
            self.percentile(0.9),
            self.percentile(0.99),
            self.percentile(0.999),
            self.percentile(1.0),
            self.failures
        );
        Ok(())
    }
}

/// Sends requests at a fixed rate. A thread says when each is due, since tokio's timers have a resolution of only a
/// millisecond.
async fn measure(
    address: SocketAddr,
    paths: Vec<String>,
    rate: f64,
    seconds: f64,
) -> anyhow::Result<Figures> {
    let n = (rate * seconds) as usize;
    let (sender, mut due) = mpsc::unbounded_channel();
    let start = Instant::now() + Duration::from_millis(20);
    std::thread::spawn(move || {
        for n in 0..n {
            let at = start + Duration::from_secs_f64(n as f64 / rate);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if sender.send((n, at)).is_err() {
                return;
            }
        }
    });
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let figures: Arc<Mutex<Figures>> = Arc::default();
    let paths = Arc::new(paths);
    let mut tasks = tokio::task::JoinSet::new();
    while let Some((n, at)) = due.recv().await {
        let (idle, figures, paths) = (Arc::clone(&idle), Arc::clone(&figures), Arc::clone(&paths));
        tasks.spawn(async move {
            let outcome = once(address, &idle, &paths[n % paths.len()]).await;
            let micros = at.elapsed().as_micros() as u64;
            let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(200) => figures.micros.push(micros),
                Ok(status) => *figures.failures.entry(status.to_string()).or_default() += 1,
                Err(error) => *figures.failures.entry(error.to_string()).or_default() += 1,
            }
        });
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
    let mut figures = std::mem::take(&mut *figures.lock().unwrap_or_else(PoisonError::into_inner));
    figures.seconds = start.elapsed().as_secs_f64();
    figures.micros.sort_unstable();
    Ok(figures)
}

async fn once(
    address: SocketAddr,
    idle: &Mutex<Vec<Connection>>,
    path: &str,
) -> anyhow::Result<u16> {
    let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut connection = match waiting {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let (status, _) = connection.send("GET", path, "").await?;
    idle.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(connection);
    Ok(status)
}

async fn slow(address: SocketAddr, sockets: usize, rate: f64, seconds: f64) -> anyhow::Result<()> {
    let paths = paths(address, What::Recommendations).await?;
    let alone = measure(address, paths.clone(), rate, seconds).await?;
    alone.print("alone")?;
    let open = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..sockets)
        .map(|n| tokio::spawn(dribble(address, n, Arc::clone(&open))))
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!(
        "{} of {sockets} slow sockets are open",
        open.load(Ordering::Relaxed)
    );
    let beside = measure(address, paths, rate, seconds).await?;
    beside.print("beside slow sockets")?;
    println!(
        "p99 is {:.2} times the one alone",
        beside.percentile(0.99) / alone.percentile(0.99)
    );
    tasks.iter().for_each(|task| task.abort());
    // Half a header alone.
    let mut half = TcpStream::connect(address).await?;
    half.write_all(b"GET /v1/popular HTTP/1.1\r\nhost:").await?;
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest).await;
    println!(
        "half a header is closed after {:.2} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Sends a header a letter at a time, again and again as it is cut off.
async fn dribble(address: SocketAddr, n: usize, open: Arc<AtomicUsize>) {
    loop {
        tokio::time::sleep(Duration::from_millis(n as u64 % 1000)).await;
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        open.fetch_add(1, Ordering::Relaxed);
        for letter in b"GET /v1/popular HTTP/1.1\r\nhost: localhost\r\nx-slow: yes".iter() {
            if stream.write_all(&[*letter]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the process of the service holds, by its own figures: MiB, descriptors, threads.
async fn held(address: SocketAddr) -> anyhow::Result<[f64; 3]> {
    let mut connection = Connection::open(address).await?;
    let (_, text) = connection.send("GET", "/metrics", "").await?;
    let text = std::str::from_utf8(text)?;
    let figure = |name: &str| -> anyhow::Result<f64> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no figure {name}"))?.parse()?)
    };
    Ok([
        figure("process_resident_memory_bytes")? / f64::from(1 << 20),
        figure("process_open_fds")?,
        figure("process_threads")?,
    ])
}

async fn soak(target: Target, options: SoakOptions) -> anyhow::Result<()> {
    let Target { address, admin } = target;
    let SoakOptions {
        rate,
        seconds,
        swaps,
        models,
    } = options;
    if swaps == 0 {
        bail!("a soak needs at least one switch");
    }
    let paths = paths(address, What::Mixed).await?;
    let start = Instant::now();
    let asking = tokio::spawn(measure(address, paths, rate, seconds));
    let between = Duration::from_secs_f64(seconds / f64::from(swaps + 1));
    let mut settled = None;
    for n in 0..swaps {
        // By the clock, so that a slow switch does not delay the next ones.
        tokio::time::sleep_until((start + between * (n + 1)).into()).await;
        // Every switch loads the model again.
        swaps::switch(admin, &models[n as usize % 2]).await?;
        let now = held(address).await?;
        let elapsed = start.elapsed().as_secs_f64();
        // The first twelfth (5 minutes of an hour) is warm-up.
        if settled.is_none() && elapsed >= seconds / 12.0 {
            settled = Some(now);
        }
        println!(
            "{elapsed:.0} s: {:.1} MiB, {} descriptors, {} threads",
            now[0], now[1], now[2]
        );
    }
    asking.await??.print("soak")?;
    let (before, after) = (settled.unwrap_or([f64::NAN; 3]), held(address).await?);
    println!(
        "memory {:+.2} % since warm ({:.1} to {:.1} MiB), descriptors {} to {}, threads {} to {}",
        100.0 * (after[0] / before[0] - 1.0),
        before[0],
        after[0],
        before[1],
        after[1],
        before[2],
        after[2]
    );
    Ok(())
}
