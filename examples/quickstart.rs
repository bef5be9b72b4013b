//! The main job, from a raw event log to explained recommendations.
//!
//! ```text
//! cargo run --release --example quickstart                 # a synthetic shop of 200,000 events
//! cargo run --release --example quickstart -- my-log.csv   # your own log, in the nine columns
//! cargo run --release --example quickstart -- --serve      # and then the page, until Ctrl-C
//! ```
//!
//! It holds each buyer's last two new items out, tunes LightGCN and matrix factorization on validation data with the
//! same budget, prints them beside popularity and other baselines on test data, shows one
//! user's history, 20 items for that user and the paths behind the first three, and
//! saves the model. With `--serve` it then answers over HTTP, with a page, at the address that it prints.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use clap::Parser;
use lightgcn::data::synthetic::{ShopConfig, generate_to_path};
use lightgcn::nn::{LightGcnConfig, MatrixFactorizationConfig};
use lightgcn::prelude::*;
use lightgcn::recommend::{Evaluation, SeenNotBoughtRanker};
use lightgcn::sample::PositiveSet;
use lightgcn::train::{Candidate, StopSignal, tune};
use lightgcn_serve::{ServeConfig, Server, Service, stop_signal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Training frees and takes large buffers at every step; this allocator keeps them, where the
/// system's gives each back to the kernel and pays for fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From a raw event log to explained recommendations.
#[derive(Parser)]
struct Args {
    /// Event logs in the nine columns of the shop log; without one a synthetic shop is made
    logs: Vec<PathBuf>,
    /// Events of the synthetic shop
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// The folder for the log, the dataset and the model
    #[arg(long, default_value = "target/quickstart")]
    out: PathBuf,
    /// The seed of every random choice
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// auto, cpu, wgpu[:N] or cuda[:N]
    #[arg(long, default_value = "auto")]
    device: Device,
    /// The most epochs for each candidate
    #[arg(long, default_value_t = 40)]
    epochs: u32,
    /// Serve the model and its page afterwards, until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Where to serve it
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let start = Instant::now();
    std::fs::create_dir_all(&args.out)?;
    let logs = if args.logs.is_empty() {
        vec![synthetic_log(&args)?]
    } else {
        args.logs.clone()
    };
    let synthetic = args.logs.is_empty();

    // A split by time leaves so few known buyers in the test period of a small shop that no
    // difference could be told from luck. So each buyer's last new item is the test here, and
    // the one before it validation; neither is known to training in any way.
    let split = SplitConfig::leave_last_out();
    let config = PrepareConfig {
        seed: args.seed,
        split,
        ..PrepareConfig::default()
    };
    let dataset = prepare(&logs, &config)?;
    for stage in &dataset.lineage.stages {
        println!("{stage}");
    }

    let (lightgcn, mf) = train_both(&args, &dataset)?;
    let comparison = compare_on_test(&args, &dataset, &lightgcn, &mf)?;
    println!("\n{comparison}");
    if synthetic {
        println!(
            "(a synthetic shop: the figures say that the road works, not how your shop will do)"
        );
    }

    let path = args.out.join("model");
    lightgcn.artifact.save(&path)?;
    // The page shows what stands in the folder of the run beside the model.
    let run = args.out.join("model.run");
    std::fs::create_dir_all(&run)?;
    std::fs::write(
        run.join("evaluation.json"),
        serde_json::to_string(&comparison)?,
    )?;
    show_one_user(lightgcn.artifact, &dataset)?;
    println!(
        "\nThe model is in {}; {:.0} s in all.",
        path.display(),
        start.elapsed().as_secs_f64()
    );
    if args.serve {
        serve(&args, &path)?;
    }
    Ok(())
}

/// Answers over HTTP until the program is told to stop.
fn serve(args: &Args, model: &Path) -> anyhow::Result<()> {
    let mut config = ServeConfig {
        bind: args.bind,
        ..ServeConfig::default()
    };
    config.admin.enabled = false;
    let service = Service::open(model, config)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let server = Server::bind(service).await?;
        println!(
            "\nThe page is at http://{}/ until Ctrl-C.",
            server.address()
        );
        server.run(stop_signal()?).await?;
        Ok(())
    })
}

fn synthetic_log(args: &Args) -> anyhow::Result<PathBuf> {
    let path = args.out.join("shop.csv");
    let shop = ShopConfig {
        n_events: args.events,
        seed: args.seed,
        ..ShopConfig::default()
    };
    generate_to_path(&shop.check()?, &path, |_| {})?;
    println!(
        "a synthetic shop of {} events is in {}",
        args.events,
        path.display()
    );
    Ok(path)
}

/// Six candidates a model and the same epochs for each: positives either purchases or all weighted
/// pairs, and three strengths of regularization. LightGCN and matrix factorization thus see the
/// same weighted pairs and have the same budget.
fn candidates(model: &AnyModelConfig, args: &Args) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for positives in [PositiveSet::Targets, PositiveSet::AllPairs] {
        for l2 in [1e-4, 1e-3, 1e-2] {
            let train = TrainConfig {
                seed: args.seed,
                epochs: args.epochs,
                batch_size: 4096,
                learning_rate: 0.01,
                l2,
                positives,
                patience: 3,
                ..TrainConfig::published()
            };
            candidates.push(Candidate {
                model: model.clone(),
                train,
            });
        }
    }
    candidates
}

fn train_both(args: &Args, dataset: &Dataset) -> anyhow::Result<(Trained, Trained)> {
    let stop = StopSignal::new();
    let mut both = Vec::new();
    let lightgcn = LightGcnConfig::published().into();
    for model in [lightgcn, MatrixFactorizationConfig::default().into()] {
        let candidates = candidates(&model, args);
        println!(
            "tuning {} on validation: {} candidates",
            model.name(),
            candidates.len()
        );
        let start = Instant::now();
        let mut progress = ConsoleProgress::brief();
        let tuned = tune(dataset, &candidates, args.device, &stop, &mut progress)?;
        for (n, (candidate, figure)) in candidates.iter().zip(&tuned.figures).enumerate() {
            let best = if n == tuned.best_candidate {
                " <- kept"
            } else {
                ""
            };
            println!(
                "  recall@20 {figure:.4}  positives {:?}, L2 {}{best}",
                candidate.train.positives, candidate.train.l2
            );
        }
        println!(
            "  {:.0} s on {}",
            start.elapsed().as_secs_f64(),
            tuned.best.device
        );
        both.push(tuned.best);
    }
    let mf = both.remove(1);
    Ok((both.remove(0), mf))
}

fn compare_on_test(
    args: &Args,
    dataset: &Dataset,
    lightgcn: &Trained,
    mf: &Trained,
) -> anyhow::Result<Comparison> {
    let split = &dataset.split;
    let train = split.train.interactions();
    let options = EvaluationOptions {
        ks: vec![20],
        seed: args.seed,
        ..Default::default()
    };
    let measure = |ranker: &dyn Ranker| -> Result<Evaluation, lightgcn::Error> {
        Ok(evaluate_test(ranker, &split.train, &split.test, &options)?)
    };
    let embeddings = |name, trained: &Trained| {
        let table = &trained.artifact.embeddings;
        let nodes = table.data().to_vec();
        EmbeddingRanker::from_nodes(name, nodes, train.n_users(), table.dimension())
    };
    let evaluations = [
        measure(&embeddings("LightGCN", lightgcn)?)?,
        measure(&embeddings("matrix factorization", mf)?)?,
        measure(&PopularityRanker::from_interactions(train))?,
        measure(&SeenNotBoughtRanker::new(&split.train))?,
        measure(&RandomRanker::new(
            train.n_users(),
            train.n_items(),
            args.seed,
        ))?,
    ];
    Ok(Comparison::new(
        &evaluations,
        Metric::Recall,
        20,
        args.seed,
    )?)
}

/// The user with the most pairs among those with a purchase in the test part.
fn show_one_user(artifact: Artifact, dataset: &Dataset) -> anyhow::Result<()> {
    let train = dataset.split.train.interactions();
    let truth = dataset.split.test.truth();
    let user = truth
        .users()
        .max_by_key(|&u| (train.items_of(u).len(), std::cmp::Reverse(u)));
    let Some(user) = user.and_then(|user| dataset.users.name(user)) else {
        return Ok(());
    };
    let recommender = Recommender::from_artifact(artifact)?;

    println!("\nUser {user}: the latest of the history");
    for item in recommender.history(user)?.iter().take(8) {
        let acts: Vec<String> = item
            .behaviors
            .iter()
            .map(|b| format!("{} x{}", b.behavior, b.count))
            .collect();
        let brand = item.details.brand.as_deref().unwrap_or("no brand");
        println!("  {} ({brand}): {}", item.item, acts.join(", "));
    }
    let options = RecommendOptions {
        k: 20,
        ..RecommendOptions::default()
    };
    let answer = recommender.recommend(user, &options)?;
    println!("\n20 items for {user}");
    for item in &answer.items {
        let brand = item.details.brand.as_deref().unwrap_or("no brand");
        let price = item
            .details
            .price
            .map_or_else(String::new, |p| format!(", {p:.2}"));
        println!(
            "  {:>2}. {} ({brand}{price}) score {:.3}",
            item.rank, item.item, item.score
        );
    }
    println!("\nWhy the first three");
    for item in answer.items.iter().take(3) {
        let options = ExplainOptions {
            limit: 3,
            ..ExplainOptions::default()
        };
        println!("{}", recommender.explain(user, &item.item, &options)?);
    }
    Ok(())
}
