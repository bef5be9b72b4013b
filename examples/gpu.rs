//! What `benches/gpu.sh` runs: the products, steps and epochs of one device, a line of JSON each.
//!
//! ```text
//! cargo run --release --features wgpu,cuda --example gpu -- --device cuda --data $LIGHTGCN_DATA/gowalla
//! cargo run --release --features wgpu --example gpu -- --device wgpu --synthetic 2000,800,20000
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a program")]

use anyhow::Context;
use burn::tensor::{DType, Tensor, TensorData};
use clap::Parser;
use lightgcn::core::random::{Random, Stream};
use lightgcn::core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, Split, Truth, UserId,
    Vocabulary,
};
use lightgcn::graph::{Adjacency, AdjacencyRequest, GraphOptions, TrainGraph};
use lightgcn::kernels::{CpuBackend, SparseBackend, SparseMatrix, sparse_dense};
use lightgcn::nn::LightGcnConfig;
use lightgcn::prelude::*;
use lightgcn::train::{LossConfig, Observer, Preset, TrainEvent};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

/// As in the command: this allocator keeps large buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure one device
#[derive(Parser)]
struct Args {
    /// cpu, wgpu[:N] or cuda[:N]
    #[arg(long)]
    device: Device,
    /// Folder with the pair files train.txt and test.txt
    #[arg(long, required_unless_present = "synthetic")]
    data: Option<PathBuf>,
    /// Users, items and pairs of a synthetic shop instead: three comma-separated numbers
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        conflicts_with = "data"
    )]
    synthetic: Option<Vec<usize>>,
    /// Size of an embedding
    #[arg(long, default_value_t = 64)]
    dimension: usize,
    /// Propagation layers
    #[arg(long, default_value_t = 3)]
    layers: usize,
    /// Pairs per step
    #[arg(long, default_value_t = 2048)]
    batch_size: usize,
    /// Repetitions of a product
    #[arg(long, default_value_t = 200)]
    repeats: usize,
    /// Epochs of BPR; the fastest one counts, except the first, which compiles the kernels
    #[arg(long, default_value_t = 3)]
    epochs: u32,
    /// Epochs of the softmax recipe before its figures on the test pairs; 0 skips it
    #[arg(long, default_value_t = 0)]
    softmax_epochs: u32,
    /// Train only
    #[arg(long)]
    train_only: bool,
}

fn line(device: Device, name: &str, value: f64, unit: &str) {
    println!(r#"{{"device":"{device}","name":"{name}","value":{value},"unit":"{unit}"}}"#);
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let dataset = dataset(&args)?;
    let pairs = dataset.split.train.interactions();
    let [users, items] = [pairs.n_users(), pairs.n_items()];
    println!(
        r#"{{"device":"{}","users":{users},"items":{items},"pairs":{},"dimension":{},"layers":{}}}"#,
        args.device,
        pairs.n_pairs(),
        args.dimension,
        args.layers
    );
    let graph = TrainGraph::new(&dataset.split.train, &GraphOptions::default())?;
    let adjacency = graph.adjacency(&AdjacencyRequest::default())?;
    match args.device {
        Device::Cpu => measure::<CpuBackend>(&args, &dataset, &adjacency, &Default::default()),
        #[cfg(feature = "wgpu")]
        Device::Wgpu(number) => {
            use lightgcn::kernels::device::{WgpuDevice, adapter, wgpu_device};
            let device = match number {
                0 => WgpuDevice::DefaultDevice,
                number => WgpuDevice::DiscreteGpu(number),
            };
            let device = wgpu_device(device)?;
            eprintln!("{}", adapter(&device)?);
            measure::<lightgcn::kernels::WgpuBackend>(&args, &dataset, &adjacency, &device)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => {
            let device = lightgcn::kernels::device::cuda_device(number)?;
            measure::<lightgcn::kernels::CudaBackend>(&args, &dataset, &adjacency, &device)
        }
        other => anyhow::bail!("--device {other} is not in this build; use cpu, wgpu or cuda"),
    }
}

fn measure<B: SparseBackend>(
    args: &Args,
    dataset: &Dataset,
    adjacency: &Adjacency,
    device: &B::Device,
) -> anyhow::Result<()> {
    if !args.train_only {
        products::<B>(args, adjacency, device)?;
    }
    epochs::<B>(args, dataset, device)?;
    if args.softmax_epochs > 0 {
        softmax(args, dataset)?;
    }
    Ok(())
}

fn table<B: SparseBackend>(rows: usize, dim: usize, device: &B::Device) -> Tensor<B, 2> {
    let random = Random::new(7, Stream::Synthetic);
    let number = |n| random.at(0, n).unit() as f32 - 0.5;
    let numbers: Vec<f32> = (0..(rows * dim) as u64).map(number).collect();
    Tensor::from_data(TensorData::new(numbers, [rows, dim]), (device, DType::F32))
}

/// Waits until all is done, by reading one number of the result.
fn wait<B: SparseBackend>(tensor: Tensor<B, 2>) -> anyhow::Result<()> {
    let data = tensor.slice([0..1, 0..1]).try_into_data();
    data.map_err(|error| anyhow::anyhow!("reading back: {error}"))?;
    Ok(())
}

/// Microseconds of one sparse-dense product, with operands of 32 and of 16 bits: the mean of many
/// queued without waiting, after a few that compile the kernels.
fn products<B: SparseBackend>(
    args: &Args,
    adjacency: &Adjacency,
    device: &B::Device,
) -> anyhow::Result<()> {
    let matrix = SparseMatrix::<B>::from_graph(adjacency, device)?;
    let x = table::<B>(adjacency.n_columns(), args.dimension, device);
    for (name, matrix) in [
        ("product f32", matrix.clone()),
        ("product bf16", matrix.with_bf16_operands()),
    ] {
        for _ in 0..3 {
            wait(sparse_dense(&matrix, x.clone()))?;
        }
        let start = Instant::now();
        for _ in 1..args.repeats.max(1) {
            drop(sparse_dense(&matrix, x.clone()));
        }
        wait(sparse_dense(&matrix, x.clone()))?;
        let seconds = start.elapsed().as_secs_f64() / args.repeats.max(1) as f64;
        line(args.device, name, seconds * 1e6, "us");
    }
    Ok(())
}

/// Takes the seconds of epochs and, in their middle, what the device holds.
struct Watch<B: SparseBackend> {
    device: B::Device,
    n_batches: usize,
    seconds: Vec<f64>,
    reserved: u64,
    estimate: u64,
    loss: f64,
}

impl<B: SparseBackend> Observer for Watch<B> {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        match event {
            TrainEvent::Memory { needed, .. } => self.estimate = *needed,
            TrainEvent::Started { n_batches, .. } => self.n_batches = *n_batches,
            TrainEvent::Epoch { record, .. } => {
                self.seconds.push(record.seconds);
                self.loss = record.loss;
                if let Some(held) = B::memory_in_use(&self.device) {
                    self.reserved = self.reserved.max(held.reserved);
                }
            }
            _ => {}
        }
    }
}

/// Epochs of BPR by the published recipe.
fn epochs<B: SparseBackend>(
    args: &Args,
    dataset: &Dataset,
    device: &B::Device,
) -> anyhow::Result<()> {
    let recipe = Preset::Paper.candidate();
    let model = LightGcnConfig {
        dimension: args.dimension,
        layers: args.layers,
        ..LightGcnConfig::published()
    };
    let config = TrainConfig {
        loss: LossConfig::Bpr,
        batch_size: args.batch_size,
        epochs: args.epochs.max(1),
        validate_every: Some(u32::MAX),
        checkpoint_every: 0,
        ..recipe.train
    };
    let mut watch = Watch::<B> {
        device: device.clone(),
        n_batches: 1,
        seconds: Vec::new(),
        reserved: 0,
        estimate: 0,
        loss: 0.0,
    };
    let trainer = Trainer::new(dataset)
        .model(model)
        .config(config)
        .ranking(None);
    trainer.device(args.device).observer(&mut watch).run()?;
    let warm = watch.seconds.iter().skip(1).chain(&watch.seconds[..1]);
    let warm = warm.take(watch.seconds.len().saturating_sub(1).max(1));
    let fastest = warm.copied().fold(f64::INFINITY, f64::min);
    line(args.device, "epoch of BPR", fastest, "s");
    let step = fastest / watch.n_batches as f64 * 1e3;
    line(args.device, "step of BPR", step, "ms");
    line(args.device, "loss after the last epoch", watch.loss, "");
    if watch.reserved > 0 {
        line(
            args.device,
            "memory reserved",
            watch.reserved as f64,
            "bytes",
        );
        line(
            args.device,
            "memory estimated",
            watch.estimate as f64,
            "bytes",
        );
    }
    Ok(())
}

/// The softmax recipe of docs/results.md for a number of epochs that is fixed beforehand, then the
/// figures on the test pairs.
fn softmax(args: &Args, dataset: &Dataset) -> anyhow::Result<()> {
    let recipe = Preset::Softmax.candidate();
    let model = recipe.model.with_dimension(args.dimension);
    let config = TrainConfig {
        batch_size: args.batch_size,
        epochs: args.softmax_epochs,
        validate_every: Some(u32::MAX),
        checkpoint_every: 0,
        ..recipe.train
    };
    struct Seconds(f64);
    impl Observer for Seconds {
        fn on_event(&mut self, event: &TrainEvent<'_>) {
            if let TrainEvent::Epoch { record, .. } = event {
                self.0 += record.seconds;
            }
        }
    }
    let mut seconds = Seconds(0.0);
    let trainer = Trainer::new(dataset)
        .model(model)
        .config(config)
        .ranking(None);
    let trained = trainer.device(args.device).observer(&mut seconds).run()?;
    let split = &dataset.split;
    let ranker = EmbeddingRanker::from_nodes(
        "lightgcn",
        trained.artifact.embeddings.data().to_vec(),
        split.train.interactions().n_users(),
        args.dimension,
    )?;
    let options = EvaluationOptions {
        ks: vec![20],
        ..EvaluationOptions::default()
    };
    let evaluation = evaluate_test(&ranker, &split.train, &split.test, &options)?;
    line(args.device, "softmax recipe", seconds.0, "s");
    let recall = evaluation.mean(Metric::Recall, 20)?;
    line(args.device, "recall@20 of the softmax recipe", recall, "");
    Ok(())
}

fn dataset(args: &Args) -> anyhow::Result<Dataset> {
    if let Some(folder) = &args.data {
        let files = PairFiles {
            test: Some(folder.join("test.txt")),
            keep_unseen: true,
            ..PairFiles::new(folder.join("train.txt"))
        };
        return Ok(files.read()?);
    }
    let [users, items, pairs] = args.synthetic.as_deref().unwrap_or_default() else {
        anyhow::bail!("--synthetic takes three numbers");
    };
    synthetic(*users, *items, *pairs).context("making a shop")
}

/// A shop whose degrees follow a power law, a twentieth of its pairs held out as test.
fn synthetic(users: usize, items: usize, pairs: usize) -> anyhow::Result<Dataset> {
    let random = Random::new(1, Stream::Synthetic);
    let node = |position: u64, count: usize, exponent: f64| {
        let at = random.at(1, position).unit().powf(exponent);
        ((count as f64 * at) as usize).min(count - 1) * 7919 % count
    };
    anyhow::ensure!(
        pairs > 0 && pairs <= users.saturating_mul(items) / 4,
        "{pairs} pairs; at least 1, at most a quarter of all of {users} users and {items} items"
    );
    let mut seen = HashSet::with_capacity(pairs);
    let mut train = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
    let mut test = Vec::new();
    let mut draw = 0;
    while seen.len() < pairs {
        let user = node(2 * draw, users, 1.2) as u32;
        let item = node(2 * draw + 1, items, 1.6) as u32;
        draw += 1;
        anyhow::ensure!(draw < 200 * pairs as u64, "the shop is too dense");
        if !seen.insert((user, item)) {
            continue;
        }
        if seen.len().is_multiple_of(20) {
            test.push((UserId(user), ItemId(item)));
        } else {
            train.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
        }
    }
    let split = Split::new(
        train.build(users, items)?,
        Truth::empty(users, items),
        Truth::from_pairs(users, items, test)?,
    )?;
    Ok(Dataset::new(
        split,
        Vocabulary::from_names((0..users).map(|n| format!("c{n}")))?,
        Vocabulary::from_names((0..items).map(|n| format!("p{n}")))?,
        Catalogue::unknown(items),
        BehaviorWeightsConfig::single("purchase").check()?,
        Lineage::default(),
    )?)
}
