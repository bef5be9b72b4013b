//! The measured side of `benches/peers`: one task on pair files, and one line of JSON with its seconds,
//! its CPU seconds and the peak memory of the process.
//!
//! ```text
//! cargo run --release --example peer -- epoch --data $LIGHTGCN_DATA/gowalla --steps 48
//! cargo run --release --example peer -- evaluate --data $LIGHTGCN_DATA/gowalla
//! cargo run --release --example peer -- topk --data $LIGHTGCN_DATA/gowalla --users 1024
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a program")]

use clap::{Parser, Subcommand};
use lightgcn::core::random::{Random, Stream};
use lightgcn::graph::{GraphOptions, Normalization, TrainGraph};
use lightgcn::prelude::*;
use lightgcn::simd::{CsrView, propagate, top_k};
use lightgcn::train::{Observer, StopSignal, TrainEvent};
use std::path::PathBuf;
use std::time::Instant;

/// As in training proper: this allocator keeps large buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    task: Task,
    /// A folder with train.txt and test.txt, pair files of the field's form
    #[arg(long, global = true, default_value = "")]
    data: PathBuf,
    /// Steps, or repetitions, to measure
    #[arg(long, global = true, default_value_t = 1)]
    steps: usize,
    /// Consumers that are answered at once
    #[arg(long, global = true, default_value_t = 1024)]
    users: usize,
}

#[derive(Subcommand, Clone, Copy)]
enum Task {
    /// Steps of LightGCN's published recipe
    Epoch,
    /// Propagation, and Recall and NDCG of all consumers, from random embeddings
    Evaluate,
    /// The best 20 products
    Topk,
}

/// A moment on the wall and on the CPU.
#[derive(Clone, Copy)]
struct Moment(Instant, f64);

impl Moment {
    fn now() -> Self {
        // User and system time in hundredths of a second: fields 14 and 15, after the name.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let ticks: f64 = fields
            .skip(11)
            .take(2)
            .filter_map(|t| t.parse::<f64>().ok())
            .sum();
        Self(Instant::now(), ticks / 100.0)
    }
}

fn report(start: Moment, end: Moment, steps: usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().split(' ').next()?.parse::<f64>().ok());
    println!(
        r#"{{"wall_s":{:.6},"cpu_s":{:.2},"steps":{steps},"peak_mb":{:.1}}}"#,
        (end.0 - start.0).as_secs_f64(),
        end.1 - start.1,
        kilobytes.unwrap_or(0.0) / 1024.0
    );
}

/// Takes the time between the first report of batches and the one after the wanted steps.
struct Watch {
    steps: usize,
    start: Option<(Moment, usize)>,
    end: Option<(Moment, usize)>,
    stop: StopSignal,
}

impl Observer for Watch {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        let TrainEvent::Batches { done, .. } = event else {
            return;
        };
        let here = (Moment::now(), *done);
        let (_, first) = *self.start.get_or_insert(here);
        if done - first >= self.steps && self.end.is_none() {
            self.end = Some(here);
            self.stop.stop();
        }
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let files = PairFiles {
        test: Some(args.data.join("test.txt")),
        keep_unseen: true,
        ..PairFiles::new(args.data.join("train.txt"))
    };
    let dataset = files.read()?;
    if let Task::Epoch = args.task {
        return epoch(&dataset, args.steps);
    }
    let train = &dataset.split.train;
    let n_users = train.interactions().n_users();
    let graph = TrainGraph::new(train, &GraphOptions::default())?;
    let adjacency = graph.adjacency(Normalization::Symmetric);
    let (n_nodes, dim) = (graph.n_nodes(), 64);
    let (offsets, columns) = (adjacency.row_offsets(), adjacency.columns());
    let matrix = CsrView::new(offsets, columns, adjacency.values(), n_nodes)?;
    let random = Random::new(42, Stream::Initialization);
    let table: Vec<f32> = (0..n_nodes * dim)
        .map(|n| (0.1 * random.at(0, n as u64).normal()) as f32)
        .collect();
    let embed = || propagate(matrix, &table, dim, &[0.25; 4]);
    if let Task::Topk = args.task {
        let embeddings = embed();
        let (users, items) = embeddings.split_at(n_users * dim);
        let users = &users[..args.users.min(n_users) * dim];
        let seen = |user: usize| {
            let known = train
                .interactions()
                .items_of(lightgcn::core::UserId(user as u32));
            known.iter().map(|item| item.0).collect::<Vec<u32>>()
        };
        let seen: Vec<Vec<u32>> = (0..users.len() / dim).map(seen).collect();
        let answer = || top_k(users, items, dim, 20, |user| &seen[user]);
        assert_eq!(answer().len(), users.len() / dim);
        let start = Moment::now();
        for _ in 0..args.steps {
            std::hint::black_box(answer());
        }
        report(start, Moment::now(), args.steps);
        return Ok(());
    }
    let start = Moment::now();
    for _ in 0..args.steps {
        let ranker = EmbeddingRanker::from_nodes("random", embed(), n_users, dim)?;
        let options = EvaluationOptions {
            ks: vec![20],
            ..EvaluationOptions::default()
        };
        let evaluation = evaluate_test(&ranker, train, &dataset.split.test, &options)?;
        eprintln!("Recall@20 {:.6}", evaluation.mean(Metric::Recall, 20)?);
    }
    report(start, Moment::now(), args.steps);
    Ok(())
}

fn epoch(dataset: &Dataset, steps: usize) -> anyhow::Result<()> {
    let run = RunOptions::default();
    let mut watch = Watch {
        steps,
        start: None,
        end: None,
        stop: run.stop.clone(),
    };
    let config = TrainConfig {
        epochs: 2,
        ..TrainConfig::default()
    };
    train_with(
        dataset,
        &ModelSpec::lightgcn(),
        &config,
        Device::Cpu,
        &run,
        &mut watch,
    )?;
    match (watch.start, watch.end) {
        (Some((start, first)), Some((end, last))) => report(start, end, last - first),
        _ => anyhow::bail!("there are too few batches for {steps} steps"),
    }
    Ok(())
}
