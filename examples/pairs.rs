//! Any benchmark in pair files (lines of `user item item ...`): trains a model and prints its
//! metrics on the test pairs at given epochs, compared with popularity.
//!
//! ```text
//! cargo run --release --example pairs -- --train train.txt --test test.txt --report-at 10,20
//! ```
//!
//! The epochs to report are fixed beforehand, so nothing is chosen on test data. With `--valid`, it reports
//! the best epoch on those pairs instead.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use clap::Parser;
use lightgcn::core::Split;
use lightgcn::linear::{Filter, FilterConfigs};
use lightgcn::nn::{EmbeddingInitializer, LayerWeights};
use lightgcn::prelude::*;
use lightgcn::recommend::{
    EnsembleRanker, Evaluation, Fusion, LinearRanker, Member, Ranker, Scorer, WeightOptions,
    choose_weights,
};
use lightgcn::store::Storage;
use lightgcn::train::{EndReason, LossConfig, Schedule, SoftmaxConfig};
use std::path::PathBuf;

/// Training frees and allocates large buffers at every step. This allocator keeps them; the system's
/// returns each to the kernel and pays for fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train on pair files and print the metrics on the test pairs.
#[derive(Parser)]
struct Args {
    /// Training pairs
    #[arg(long)]
    train: PathBuf,
    /// Validation pairs; those also in the training file are removed from training
    #[arg(long)]
    valid: Option<PathBuf>,
    /// Test pairs
    #[arg(long)]
    test: PathBuf,
    /// lightgcn, lightgcn++, ngcf or mf
    #[arg(long, default_value = "lightgcn")]
    model: String,
    /// Size of an embedding
    #[arg(long, default_value_t = 64)]
    dimension: usize,
    /// Propagation layers of lightgcn
    #[arg(long, default_value_t = 3)]
    layers: usize,
    /// Pairs per batch
    #[arg(long, default_value_t = 2048)]
    batch_size: usize,
    /// Batches per step
    #[arg(long, default_value_t = 1)]
    accumulate: usize,
    /// Adam's step size
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// L2 on the batch's layer-0 rows
    #[arg(long, default_value_t = 1e-4)]
    l2: f64,
    /// bpr, or softmax with in-batch negatives
    #[arg(long, default_value = "bpr")]
    loss: String,
    /// Softmax: temperature of the cosines
    #[arg(long, default_value_t = 0.1)]
    temperature: f64,
    /// Softmax: weight of the term over negatives
    #[arg(long, default_value_t = 1.0)]
    negative_weight: f64,
    /// Softmax: keep a user's known positives among their negatives
    #[arg(long)]
    keep_positives: bool,
    /// Softmax: items drawn uniformly for each batch, in addition to its own
    #[arg(long, default_value_t = 0)]
    shared_negatives: usize,
    /// Xavier uniform initialization instead of normal
    #[arg(long)]
    xavier: bool,
    /// Softmax: strength of the popularity correction, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    popularity_correction: f64,
    /// Weights of the layers of lightgcn from layer 0 on, instead of equal ones
    #[arg(long, value_delimiter = ',')]
    layer_weights: Vec<f32>,
    /// Schedule of the step size: constant, linear or cosine
    #[arg(long, default_value = "constant")]
    schedule: String,
    /// Final share of the step size of a linear or cosine schedule
    #[arg(long, default_value_t = 0.05)]
    final_share: f64,
    /// Round layers to 16 bits in products over the whole graph
    #[arg(long)]
    bf16_layers: bool,
    /// Also report answers from 16-bit item embeddings
    #[arg(long)]
    bf16_answers: bool,
    /// Also report a linear filter: item-knn, rp3beta, ease, gf-cf, chebyshev or svd
    #[arg(long)]
    filter: Option<Filter>,
    /// Report an ensemble of the last model and the filter, which has this weight
    #[arg(long, requires = "filter")]
    filter_weight: Option<f64>,
    /// Choose that weight on the validation pairs, and print every candidate's figure
    #[arg(long, requires = "filter", conflicts_with = "filter_weight")]
    choose_weight: bool,
    /// Train through autodiff even if fused steps are possible
    #[arg(long)]
    autodiff: bool,
    /// Epochs at which to report, ascending
    #[arg(long, value_delimiter = ',', default_value = "10,20")]
    report_at: Vec<u32>,
    /// Seed of all random choices
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// auto, cpu, wgpu[:N] or cuda[:N]
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Folder of the run's record and checkpoint [default: a temporary one]
    #[arg(long)]
    run: Option<PathBuf>,
}

/// The published model of that name with the options applied.
fn model(args: &Args) -> anyhow::Result<AnyModelConfig> {
    let model = AnyModelConfig::named(&args.model)
        .ok_or_else(|| anyhow::anyhow!("unknown model {:?}", args.model))?;
    let mut model = model.published().with_dimension(args.dimension);
    let initializer = match &mut model {
        AnyModelConfig::LightGcn(config) => {
            config.layers = args.layers;
            if !args.layer_weights.is_empty() {
                config.layer_weights = LayerWeights::Given(args.layer_weights.clone());
            }
            &mut config.initializer
        }
        AnyModelConfig::LightGcnPlusPlus(config) => {
            config.layers = args.layers;
            &mut config.initializer
        }
        AnyModelConfig::MatrixFactorization(config) => &mut config.initializer,
        _ => return Ok(model),
    };
    if args.xavier {
        *initializer = EmbeddingInitializer::XavierUniform;
    }
    Ok(model)
}

fn loss(args: &Args) -> anyhow::Result<LossConfig> {
    Ok(match args.loss.as_str() {
        "bpr" => LossConfig::Bpr,
        "softmax" => LossConfig::Softmax(SoftmaxConfig {
            temperature: args.temperature,
            negative_weight: args.negative_weight,
            shared_negatives: args.shared_negatives,
            mask_positives: !args.keep_positives,
            popularity_correction: args.popularity_correction,
            ..SoftmaxConfig::default()
        }),
        other => anyhow::bail!("unknown loss {other:?}; use bpr or softmax"),
    })
}

fn schedule(args: &Args) -> anyhow::Result<Schedule> {
    let final_share = args.final_share;
    let schedule = match args.schedule.as_str() {
        "constant" => Schedule::Constant,
        "linear" => Schedule::Linear { final_share },
        "cosine" => Schedule::Cosine { final_share },
        other => anyhow::bail!("unknown schedule {other:?}; use constant, linear or cosine"),
    };
    anyhow::ensure!(
        schedule == Schedule::Constant || args.report_at.len() == 1,
        "a schedule that falls has one end: name one epoch in --report-at"
    );
    Ok(schedule)
}

/// How to train, apart from the number of epochs.
fn config(args: &Args) -> anyhow::Result<TrainConfig> {
    Ok(TrainConfig {
        seed: args.seed,
        batch_size: args.batch_size,
        accumulate: Some(args.accumulate),
        learning_rate: args.learning_rate,
        l2: args.l2,
        loss: loss(args)?,
        schedule: schedule(args)?,
        fused: !args.autodiff,
        bf16_layers: args.bf16_layers,
        checkpoint_every: 0,
        ..TrainConfig::published()
    })
}

/// The metrics on the test pairs.
struct Report<'a> {
    split: &'a Split,
    options: EvaluationOptions,
    evaluations: Vec<Evaluation>,
}

impl Report<'_> {
    fn add(&mut self, ranker: &dyn Ranker) -> anyhow::Result<()> {
        let Split { train, test, .. } = self.split;
        let evaluation = evaluate_test(ranker, train, test, &self.options)?;
        self.evaluations.push(evaluation);
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    anyhow::ensure!(
        !args.choose_weight || args.valid.is_some(),
        "--choose-weight needs validation pairs: name them by --valid, or give --filter-weight"
    );
    let files = PairFiles {
        validation: args.valid.clone(),
        test: Some(args.test.clone()),
        // Published figures count every item of the files.
        keep_unseen: true,
        ..PairFiles::new(&args.train)
    };
    let dataset = files.read()?;
    for stage in &dataset.lineage.stages {
        println!("{stage}");
    }
    let split = &dataset.split;
    let mut report = Report {
        split,
        options: EvaluationOptions {
            ks: vec![20],
            ..EvaluationOptions::default()
        },
        evaluations: Vec::new(),
    };
    let model = train(&args, &dataset, &mut report)?;
    if let (Some(filter), Some(model)) = (args.filter, &model) {
        let filter = FilterConfigs::default().fit(filter, &split.train)?;
        let filter = LinearRanker::new(filter, &split.train);
        if let Some(weight) = filter_weight(&args, model, &filter, split)? {
            let members: Vec<Member<'_>> =
                vec![(Box::new(model), 1.0 - weight), (Box::new(&filter), weight)];
            report.add(&EnsembleRanker::new(members, Fusion::Score)?)?;
        }
        report.add(&filter)?;
    }
    if let Some(model) = model.filter(|_| args.bf16_answers) {
        report.add(&model.with_storage(Storage::Bf16)?)?;
    }
    let popularity = PopularityRanker::from_interactions(split.train.interactions());
    report.add(&popularity)?;
    println!(
        "{}",
        Comparison::new(&report.evaluations, Metric::Recall, 20, args.seed)?
    );
    Ok(())
}

/// Trains until each epoch to report, and returns the last model.
fn train(
    args: &Args,
    dataset: &Dataset,
    report: &mut Report<'_>,
) -> anyhow::Result<Option<EmbeddingRanker<'static>>> {
    let (model, config) = (model(args)?, config(args)?);
    let temporary = tempfile::tempdir()?;
    let folder = args.run.as_deref().unwrap_or(temporary.path());
    let mut last = None;
    for (n, &epochs) in args.report_at.iter().enumerate() {
        let trained = Trainer::new(dataset)
            .model(model.clone())
            .config(TrainConfig {
                epochs,
                ..config.clone()
            })
            .ranking(None)
            .device(args.device)
            .observer(&mut ConsoleProgress::new())
            .folder(folder)
            .resume(n > 0)
            .run()?;
        let embeddings = trained.artifact.embeddings;
        let ranker = EmbeddingRanker::from_nodes(
            format!("{} at epoch {}", model.name(), trained.best_epoch),
            embeddings.data().to_vec(),
            dataset.users.len(),
            embeddings.dimension(),
        )?;
        report.add(&ranker)?;
        last = Some(ranker);
        if trained.reason == EndReason::EarlyStopping {
            break;
        }
    }
    Ok(last)
}

/// The weight of the filter in the ensemble: given, or chosen on the validation pairs.
fn filter_weight(
    args: &Args,
    model: &dyn Scorer,
    filter: &dyn Scorer,
    split: &Split,
) -> anyhow::Result<Option<f64>> {
    if !args.choose_weight {
        return Ok(args.filter_weight);
    }
    let options = WeightOptions::default();
    let (train, validation) = (&split.train, &split.validation);
    let choice = choose_weights(&[model, filter], train, validation, &options)?;
    for (weights, figure) in &choice.figures {
        println!("weight {:.2} validation recall@20 {figure:.4}", weights[1]);
    }
    Ok(Some(choice.weights[1]))
}
