//! Measures how good fold-in is, and what explanations cost: hides a tenth of the users of a
//! benchmark in pair files from training, folds them in from their training pairs, and compares
//! with a model trained on all users.
//!
//! ```text
//! cargo run --release --example newcomers -- --train train.txt --test test.txt --epochs 20
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use clap::Parser;
use lightgcn::core::random::{Random, Stream};
use lightgcn::core::{Interactions, InteractionsBuilder, Split, Truth};
use lightgcn::metrics::RankingEvaluator;
use lightgcn::nn::LightGcnConfig;
use lightgcn::prelude::*;
use lightgcn::recommend::{FoldIn, Hide};
use lightgcn::train::{LossConfig, SoftmaxConfig};
use std::path::PathBuf;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure fold-in and explanations on pair files.
#[derive(Parser)]
struct Args {
    /// Training pairs
    #[arg(long)]
    train: PathBuf,
    /// Test pairs
    #[arg(long)]
    test: PathBuf,
    /// Epochs of both trainings, fixed beforehand
    #[arg(long, default_value_t = 20)]
    epochs: u32,
    /// Propagation layers
    #[arg(long, default_value_t = 1)]
    layers: usize,
    /// Hide one user in this many
    #[arg(long, default_value_t = 10)]
    one_in: u32,
    /// Seed of all random choices
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let files = PairFiles {
        test: Some(args.test.clone()),
        keep_unseen: true,
        ..PairFiles::new(&args.train)
    };
    let whole = files.read()?;
    let random = Random::new(args.seed, Stream::Split);
    let n_users = whole.users.len() as u32;
    let is_hidden = |user: u32| random.at(0, u64::from(user)).below(args.one_in) == 0;
    let hidden: Vec<UserId> = (0..n_users)
        .filter(|&user| is_hidden(user))
        .map(UserId)
        .filter(|&user| !whole.split.test.truth().items_of(user).is_empty())
        .collect();
    println!("{} hidden users with test pairs", hidden.len());
    let mut parts = whole.clone();
    let train = without(whole.split.train.interactions(), is_hidden)?;
    let nothing = Truth::empty(train.n_users(), train.n_items());
    parts.split = Split::new(train, nothing.clone(), nothing)?;

    let everybody = Recommender::from_artifact(fit(&whole, &args)?)?;
    let known = recall(
        &whole,
        &hidden,
        |user| {
            let name = whole.users.name(user).unwrap_or_default();
            RecommendRequest::new(name)
        },
        &everybody,
    )?;
    println!("trained on everyone: Recall@20 of the hidden ones {known:.5}");
    explanations(&everybody, &whole, args.seed)?;
    let artifact = fit(&parts, &args)?;
    for method in [FoldIn::Propagated, FoldIn::Mapped] {
        let shop = Recommender::from_artifact(artifact.clone())?.with_fold_in(method);
        shop.warm();
        let request = |user: UserId| stranger(&whole, user);
        let folded = recall(&whole, &hidden, request, &shop)?;
        let times = fold_in_times(&shop, hidden.iter().map(|&user| request(user)))?;
        println!(
            "{method:?}: Recall@20 {folded:.5}, {:.1} % of in-training; fold-in {:.3} ms median, {:.3} ms \
             at the 99th percentile",
            100.0 * folded / known,
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
    }
    Ok(())
}

/// A request of somebody unknown with the user's training pairs as events.
fn stranger(dataset: &Dataset, user: UserId) -> RecommendRequest {
    let train = dataset.split.train.interactions();
    let event = |&item: &ItemId| {
        let item = dataset.items.name(item).unwrap_or_default();
        ContextEvent::new(item, &train.behaviors()[0])
    };
    RecommendRequest::new("").with_events(train.items_of(user).iter().map(event).collect())
}

/// How long each fold-in takes, in milliseconds, ascending.
fn fold_in_times(
    shop: &Recommender,
    requests: impl Iterator<Item = RecommendRequest>,
) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for request in requests {
        let begun = Instant::now();
        let vector = shop.fold_in("", &request.events)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(vector.is_some(), "a user without events");
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The training pairs of the users that are not hidden.
fn without(pairs: &Interactions, is_hidden: impl Fn(u32) -> bool) -> anyhow::Result<Interactions> {
    let mut builder = InteractionsBuilder::from_names(pairs.behaviors(), pairs.behaviors())?;
    for pair in pairs.iter().filter(|pair| !is_hidden(pair.user.0)) {
        builder.push(
            pair.user,
            pair.item,
            pair.weight,
            pair.counts,
            pair.last_time,
        )?;
    }
    Ok(builder.build(pairs.n_users(), pairs.n_items())?)
}

fn fit(dataset: &Dataset, args: &Args) -> anyhow::Result<Artifact> {
    let model = LightGcnConfig {
        layers: args.layers,
        ..LightGcnConfig::default()
    };
    let config = TrainConfig {
        seed: args.seed,
        epochs: args.epochs,
        loss: LossConfig::Softmax(SoftmaxConfig {
            temperature: 0.1,
            negative_weight: 1.0,
            ..SoftmaxConfig::default()
        }),
        checkpoint_every: 0,
        ..TrainConfig::published()
    };
    let trainer = Trainer::new(dataset)
        .model(model)
        .config(config)
        .ranking(None)
        .device(Device::Cpu);
    Ok(trainer
        .observer(&mut ConsoleProgress::new())
        .run()?
        .artifact)
}

/// Recall@20 of the test pairs over these users.
fn recall(
    dataset: &Dataset,
    users: &[UserId],
    request: impl Fn(UserId) -> RecommendRequest,
    shop: &Recommender,
) -> anyhow::Result<f64> {
    let mut evaluator = RankingEvaluator::new(&[20], dataset.items.len())?;
    let options = RecommendOptions {
        k: 20,
        hide: Hide::Bought,
        ..RecommendOptions::default()
    };
    let requests: Vec<RecommendRequest> = users
        .iter()
        .map(|&user| request(user).with_options(options.clone()))
        .collect();
    for (&user, answer) in users.iter().zip(shop.answer_many(&requests)?) {
        let rows: Vec<ItemId> = answer
            .items
            .iter()
            .filter_map(|item| dataset.items.get(&item.item))
            .collect();
        evaluator.update(user, &rows, dataset.split.test.truth().items_of(user));
    }
    Ok(evaluator.compute()?.mean(Metric::Recall, 20)?)
}

/// The largest gap between contributions and score over 1,000 random pairs, and the time of an
/// explanation, over these and over recommended items.
fn explanations(shop: &Recommender, dataset: &Dataset, seed: u64) -> anyhow::Result<()> {
    let random = Random::new(seed, Stream::Recommendation);
    let (n_users, n_items) = (dataset.users.len() as u32, dataset.items.len() as u32);
    for recommended in [false, true] {
        let (mut gap, mut times) = (0.0f64, Vec::new());
        for n in 0..1000 {
            let mut draws = random.at(7, n);
            let user = dataset
                .users
                .name(UserId(draws.below(n_users)))
                .unwrap_or_default();
            let mut item = dataset
                .items
                .name(ItemId(draws.below(n_items)))
                .unwrap_or_default()
                .to_owned();
            if recommended {
                let options = RecommendOptions {
                    k: 20,
                    ..RecommendOptions::default()
                };
                let answer = shop.recommend(user, &options)?;
                item = answer.items[draws.below(20) as usize].item.clone();
            }
            let begun = Instant::now();
            let why = shop.explain(user, &item, &ExplainOptions::default())?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            gap = gap.max(why.rounding.abs());
        }
        times.sort_by(f64::total_cmp);
        println!(
            "explanations of 1,000 {} pairs: largest gap {gap:.2e}, {:.3} ms median, {:.3} ms at the 99th \
             percentile",
            if recommended { "recommended" } else { "random" },
            times[500],
            times[990]
        );
    }
    Ok(())
}
