//! How much lists reveal about a person: a membership-inference test on a benchmark in pair files. For
//! each user, an attacker who knows the user's list of 20 and how similar any two items are (by `similar`)
//! must tell one training pair from one test pair. An area under the ROC curve (AUC) of 0.5 is chance.
//!
//! ```text
//! cargo run --release --example privacy -- --train train.txt --test test.txt --epochs 10
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use clap::Parser;
use lightgcn::core::random::{Random, Stream};
use lightgcn::prelude::*;
use lightgcn::recommend::Hide;
use lightgcn::train::{LossConfig, SoftmaxConfig};
use std::path::PathBuf;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure what lists of 20 reveal about training pairs.
#[derive(Parser)]
struct Args {
    /// Training pairs
    #[arg(long)]
    train: PathBuf,
    /// Test pairs
    #[arg(long)]
    test: PathBuf,
    /// Epochs of the training
    #[arg(long, default_value_t = 10)]
    epochs: u32,
    /// Users to attack
    #[arg(long, default_value_t = 5000)]
    users: usize,
    /// Shares of exploration to measure
    #[arg(long, value_delimiter = ',', default_value = "0,0.05,0.1,0.2")]
    exploration: Vec<f64>,
    /// Seed of all random choices
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// A pair for the attacker to judge.
struct Pair {
    user: UserId,
    item: ItemId,
    is_member: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let files = PairFiles {
        test: Some(args.test.clone()),
        keep_unseen: true,
        ..PairFiles::new(&args.train)
    };
    let dataset = files.read()?;
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
    let mut progress = ConsoleProgress::new();
    let trainer = Trainer::new(&dataset)
        .config(config)
        .ranking(None)
        .device(Device::Cpu);
    let trained = trainer.observer(&mut progress).run()?;
    let shop = Recommender::from_artifact(trained.artifact)?;
    let pairs = pairs(&dataset, &args);
    println!(
        "{} users, a training pair and a test pair each",
        pairs.len() / 2
    );
    let popularity = |pair: &Pair| shop.popularity().counts()[pair.item.index()] as f64;
    println!(
        "AUC by the item's popularity alone: {:.4}",
        auc(&pairs, popularity)
    );
    for hide in [Hide::Bought, Hide::Nothing] {
        for &exploration in &args.exploration {
            let figure = attack(&shop, &pairs, hide, exploration, args.seed)?;
            println!("AUC of lists that hide {hide:?}, exploration {exploration}: {figure:.4}");
        }
    }
    Ok(())
}

/// One training pair and one test pair for randomly drawn users.
fn pairs(dataset: &Dataset, args: &Args) -> Vec<Pair> {
    let random = Random::new(args.seed, Stream::Bootstrap);
    let (train, test) = (
        dataset.split.train.interactions(),
        dataset.split.test.truth(),
    );
    let with_both = |user: &UserId| !train.items_of(*user).is_empty();
    let mut users: Vec<UserId> = test.users().filter(with_both).collect();
    random.shuffle(0, &mut users);
    users.truncate(args.users);
    let one = |user: UserId, items: &[ItemId], is_member: bool| {
        let mut draws = random.at(1 + u32::from(is_member), u64::from(user.0));
        let item = items[draws.below(items.len() as u32) as usize];
        Pair {
            user,
            item,
            is_member,
        }
    };
    users
        .iter()
        .flat_map(|&user| {
            [
                one(user, train.items_of(user), true),
                one(user, test.items_of(user), false),
            ]
        })
        .collect()
}

/// The AUC of an attacker who scores a pair by the mean cosine of its item with the list. If bought
/// items are hidden, an item on the list was certainly not bought; otherwise it was most likely
/// bought.
fn attack(
    shop: &Recommender,
    pairs: &[Pair],
    hide: Hide,
    exploration: f64,
    seed: u64,
) -> anyhow::Result<f64> {
    let options = RecommendOptions {
        k: 20,
        hide,
        exploration,
        seed,
        ..RecommendOptions::default()
    };
    let artifact = shop.artifact();
    let names: Vec<&str> = pairs
        .iter()
        .map(|pair| artifact.users.name(pair.user).unwrap_or_default())
        .collect();
    let answers = shop.recommend_many(&names, &options)?;
    let n_users = artifact.train.n_users();
    let row = |item: ItemId| artifact.embeddings.row(n_users + item.index());
    let norm = |row: &[f32]| {
        row.iter()
            .map(|x| f64::from(x * x))
            .sum::<f64>()
            .sqrt()
            .max(1e-12)
    };
    let mut scores = Vec::with_capacity(pairs.len());
    for (pair, answer) in pairs.iter().zip(&answers) {
        let items: Vec<ItemId> = answer
            .items
            .iter()
            .filter_map(|i| shop.item(&i.item))
            .collect();
        let own = row(pair.item);
        let cosine = |&item: &ItemId| {
            let other = row(item);
            let dot: f64 = own.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum();
            dot / (norm(own) * norm(other))
        };
        let mean = items.iter().map(cosine).sum::<f64>() / items.len().max(1) as f64;
        scores.push(match (items.contains(&pair.item), hide) {
            (true, Hide::Nothing) => 2.0 + mean,
            (true, _) => -2.0,
            (false, _) => mean,
        });
    }
    let mut n = 0;
    Ok(auc(pairs, |_| {
        n += 1;
        scores[n - 1]
    }))
}

/// The probability that a training pair scores higher than a test pair, ties counting half.
fn auc(pairs: &[Pair], mut score: impl FnMut(&Pair) -> f64) -> f64 {
    let mut all: Vec<(f64, bool)> = pairs
        .iter()
        .map(|pair| (score(pair), pair.is_member))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won, mut start) = (0.0, 0.0, 0);
    while start < all.len() {
        let end = start
            + all[start..]
                .iter()
                .take_while(|p| p.0 == all[start].0)
                .count();
        let members = all[start..end].iter().filter(|p| p.1).count() as f64;
        let others = (end - start) as f64 - members;
        won += members * (below + others / 2.0);
        below += others;
        start = end;
    }
    let members = all.iter().filter(|p| p.1).count() as f64;
    won / (members * below).max(1.0)
}
