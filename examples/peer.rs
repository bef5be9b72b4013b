//! Our side of `benches/peers`: runs one task on pair files and prints one line of JSON with its seconds, CPU
//! seconds, the peak memory of the process and, for an evaluation, the figures.
//!
//! ```text
//! cargo run --release --example peer -- epoch --data $LIGHTGCN_DATA/gowalla --steps 48
//! cargo run --release --example peer -- evaluate --data $LIGHTGCN_DATA/gowalla
//! cargo run --release --example peer -- topk --data $LIGHTGCN_DATA/gowalla --users 1024
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a program")]

use clap::{Parser, ValueEnum};
use lightgcn::core::UserId;
use lightgcn::core::random::{Random, Stream};
use lightgcn::graph::{Adjacency, AdjacencyRequest, GraphOptions, TrainGraph};
use lightgcn::prelude::*;
use lightgcn::recommend::Exclusions;
use lightgcn::simd::{CsrView, propagate};
use lightgcn::train::{Observer, Preset, StopSignal, TrainEvent};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// As in the command: this allocator keeps large buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Args {
    /// What to measure
    task: Task,
    /// Folder with the pair files train.txt and test.txt
    #[arg(long)]
    data: PathBuf,
    /// Steps, or repetitions, to measure
    #[arg(long, default_value_t = 1)]
    steps: usize,
    /// Users per call
    #[arg(long, default_value_t = 1024)]
    users: usize,
    /// Embeddings of layer 0 to rank by: 32-bit numbers, little-endian, [n_nodes, 64], users
    /// first [default: random]
    #[arg(long)]
    start: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy)]
enum Task {
    /// Steps of LightGCN's published recipe
    Epoch,
    /// Propagation, and Recall and NDCG of all users
    Evaluate,
    /// The best 20 items
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

fn report(start: Moment, end: Moment, steps: usize, figures: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().split(' ').next()?.parse::<f64>().ok());
    println!(
        r#"{{"wall_s":{:.6},"cpu_s":{:.2},"steps":{steps},"peak_mb":{:.1}{figures}}}"#,
        (end.0 - start.0).as_secs_f64(),
        end.1 - start.1,
        kilobytes.unwrap_or(0.0) * 1024.0 / 1e6,
    );
}

/// Measures the time from the first report of batches to the one after the requested steps.
struct Watch {
    steps: usize,
    /// Batches of an epoch.
    n_batches: usize,
    start: Option<(Moment, usize)>,
    end: Option<(Moment, usize)>,
    stop: StopSignal,
}

impl Observer for Watch {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        let steps = match *event {
            TrainEvent::Started { n_batches, .. } => {
                self.n_batches = n_batches;
                return;
            }
            TrainEvent::Batches { epoch, done, .. } => (epoch as usize - 1) * self.n_batches + done,
            _ => return,
        };
        let here = (Moment::now(), steps);
        let (_, first) = *self.start.get_or_insert(here);
        if steps - first >= self.steps && self.end.is_none() {
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
    match args.task {
        Task::Epoch => epoch(&dataset, args.steps),
        Task::Evaluate => evaluate(&dataset, &args),
        Task::Topk => best_items(&dataset, &args),
    }
}

/// Steps of the published recipe, regardless of the library's defaults: three layers, BPR with one
/// negative, L2 1e-4, batches of 2,048 pairs; linear propagation, so that they are fused.
fn epoch(dataset: &Dataset, steps: usize) -> anyhow::Result<()> {
    let recipe = Preset::Paper.candidate();
    let config = TrainConfig {
        batch_size: 2048,
        fused: true,
        validate_every: Some(u32::MAX),
        ..recipe.train
    };
    let stop = StopSignal::new();
    let mut watch = Watch {
        steps,
        n_batches: 0,
        start: None,
        end: None,
        stop: stop.clone(),
    };
    let epochs = config.epochs;
    let trainer = Trainer::new(dataset)
        .model(recipe.model)
        .config(config)
        .ranking(None)
        .device(Device::Cpu);
    trainer.observer(&mut watch).stop(stop).run()?;
    match (watch.start, watch.end) {
        (Some((start, first)), Some((end, last))) => report(start, end, last - first, ""),
        _ => anyhow::bail!("{steps} steps are more than {epochs} epochs"),
    }
    Ok(())
}

/// From the embeddings of layer 0 to the figures of all users.
fn evaluate(dataset: &Dataset, args: &Args) -> anyhow::Result<()> {
    let split = &dataset.split;
    let table = Table::new(dataset, args.start.as_deref())?;
    let options = EvaluationOptions {
        ks: vec![20],
        ..EvaluationOptions::default()
    };
    let mut figures = String::new();
    let start = Moment::now();
    for _ in 0..args.steps {
        let ranker = table.ranker()?;
        let evaluation = evaluate_test(&ranker, &split.train, &split.test, &options)?;
        let recall = evaluation.mean(Metric::Recall, 20)?;
        let ndcg = evaluation.mean(Metric::Ndcg, 20)?;
        figures = format!(r#","recall_at_20":{recall:.9},"ndcg_at_20":{ndcg:.9}"#);
    }
    report(start, Moment::now(), args.steps, &figures);
    Ok(())
}

/// The best 20 items of users not asked about before.
fn best_items(dataset: &Dataset, args: &Args) -> anyhow::Result<()> {
    const WARM_UP: usize = 3;
    let ranker = Table::new(dataset, args.start.as_deref())?.ranker()?;
    let bought = Exclusions::targets(dataset.split.train.interactions());
    let n_users = ranker.n_users();
    let call = |number: usize| {
        // A number without a common factor spreads the calls over all users.
        let first = number * args.users * 7919;
        let users = (first..first + args.users.min(n_users))
            .map(|n| UserId((n % n_users) as u32))
            .collect::<Vec<_>>();
        ranker.top_k(&users, 20, &bought)
    };
    for number in 0..WARM_UP {
        anyhow::ensure!(
            call(number).iter().all(|list| list.len() == 20),
            "there are too few items"
        );
    }
    let start = Moment::now();
    for number in WARM_UP..WARM_UP + args.steps {
        std::hint::black_box(call(number));
    }
    report(start, Moment::now(), args.steps, "");
    Ok(())
}

/// Layer 0 and the graph that propagates it to the final embeddings.
struct Table {
    layer: Vec<f32>,
    adjacency: Adjacency,
    n_users: usize,
}

const DIMENSION: usize = 64;

impl Table {
    /// The numbers of the file, or random ones.
    fn new(dataset: &Dataset, start: Option<&Path>) -> anyhow::Result<Self> {
        let graph = TrainGraph::new(&dataset.split.train, &GraphOptions::default())?;
        let length = graph.n_nodes() * DIMENSION;
        let layer: Vec<f32> = match start {
            None => {
                let random = Random::new(42, Stream::Initialization);
                let number = |n| (0.1 * random.at(0, n).normal()) as f32;
                (0..length as u64).map(number).collect()
            }
            Some(path) => {
                let bytes = std::fs::read(path)?;
                let (numbers, _) = bytes.as_chunks::<4>();
                numbers.iter().map(|&n| f32::from_le_bytes(n)).collect()
            }
        };
        anyhow::ensure!(
            layer.len() == length,
            "{length} numbers are needed, but there are {}",
            layer.len()
        );
        Ok(Self {
            layer,
            adjacency: graph.adjacency(&AdjacencyRequest::default())?,
            n_users: graph.n_users(),
        })
    }

    /// Propagates three layers, and ranks by their mean with layer 0.
    fn ranker(&self) -> anyhow::Result<EmbeddingRanker<'static>> {
        let a = &self.adjacency;
        let matrix = CsrView::new(a.row_offsets(), a.columns(), a.values(), a.n_columns())?;
        let embeddings = propagate(matrix, &self.layer, DIMENSION, &[0.25; 4]);
        let ranker =
            EmbeddingRanker::from_nodes("propagated", embeddings, self.n_users, DIMENSION)?;
        Ok(ranker)
    }
}
