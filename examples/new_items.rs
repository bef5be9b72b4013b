//! New items from their content: hides a tenth of the items from training, places them by category, brand
//! and price, and ranks only these items for every user of one of them.
//!
//! ```text
//! cargo run --release --example new_items -- --log $LIGHTGCN_DATA/ecomm-dyhatr/events.csv
//! cargo run --release --example new_items -- --movielens $LIGHTGCN_DATA/ml-100k
//! ```
//!
//! MovieLens: ratings of 4 and 5 are purchases, the genres serve as the category, the decade as the
//! brand. Baselines for an item without events: the mean purchases of its category (popularity
//! within the category), and the same within the user's own categories, most used first.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use clap::Parser;
use lightgcn::core::random::{Random, Stream};
use lightgcn::core::{Behavior, Interactions, InteractionsBuilder, ItemDetails, Split, Truth};
use lightgcn::core::{BehaviorWeights, Catalogue, Lineage, Vocabulary};
use lightgcn::metrics::{IntervalOptions, PairedTestOptions, RankingEvaluator, RankingReport};
use lightgcn::nn::LightGcnConfig;
use lightgcn::prelude::*;
use lightgcn::recommend::{Hide, ItemFilter};
use lightgcn::train::{LossConfig, SoftmaxConfig};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Evaluate recommendations of items unknown to training.
#[derive(Parser)]
struct Args {
    /// A log with the behaviors click, collect, cart and buy
    #[arg(long, required_unless_present = "movielens")]
    log: Option<String>,
    /// The folder of MovieLens 100K in RecBole's files
    #[arg(long)]
    movielens: Option<PathBuf>,
    /// Epochs of the training, fixed beforehand
    #[arg(long, default_value_t = 40)]
    epochs: u32,
    /// Propagation layers
    #[arg(long, default_value_t = 2)]
    layers: usize,
    /// Hide one item in this many
    #[arg(long, default_value_t = 10)]
    one_in: u32,
    /// Count any event with a hidden item as a right answer, not only purchases
    #[arg(long)]
    all_behaviors: bool,
    /// Seed of all random choices
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// A dataset without the hidden items' pairs, and these pairs as the right answers.
struct Hidden {
    known: Dataset,
    /// Whether each item is hidden.
    is_hidden: Vec<bool>,
    truth: Truth,
}

impl Hidden {
    fn choose(whole: &Dataset, args: &Args) -> anyhow::Result<Self> {
        let random = Random::new(args.seed, Stream::Split);
        let is_hidden: Vec<bool> = (0..whole.items.len() as u64)
            .map(|item| random.at(1, item).below(args.one_in) == 0)
            .collect();
        let pairs = whole.split.train.interactions();
        let mut builder = InteractionsBuilder::from_names(pairs.behaviors(), &targets(pairs))?;
        let mut truth = Vec::new();
        for pair in pairs.iter() {
            if !is_hidden[pair.item.index()] {
                let (user, item, weight) = (pair.user, pair.item, pair.weight);
                builder.push(user, item, weight, pair.counts, pair.last_time)?;
            } else if pair.is_target || args.all_behaviors {
                truth.push((pair.user, pair.item));
            }
        }
        let train = builder.build(pairs.n_users(), pairs.n_items())?;
        let nothing = || Truth::empty(pairs.n_users(), pairs.n_items());
        let mut known = whole.clone();
        known.split = Split::new(train, nothing(), nothing())?;
        Ok(Self {
            truth: Truth::from_pairs(pairs.n_users(), pairs.n_items(), truth)?,
            is_hidden,
            known,
        })
    }

    fn train(&self) -> &Interactions {
        self.known.split.train.interactions()
    }

    fn items(&self) -> Vec<ItemId> {
        let items = (0..self.is_hidden.len() as u32).map(ItemId);
        items.filter(|item| self.is_hidden[item.index()]).collect()
    }

    /// Users with a right answer and a training pair.
    fn users(&self) -> Vec<UserId> {
        let users = self.truth.users();
        users
            .filter(|&user| !self.train().items_of(user).is_empty())
            .collect()
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let whole = match (&args.movielens, &args.log) {
        (Some(folder), _) => movielens(folder)?,
        (None, Some(log)) => shop_log(log)?,
        (None, None) => anyhow::bail!("give --log or --movielens"),
    };
    let hidden = Hidden::choose(&whole, &args)?;
    let shop = Recommender::from_artifact(fit(&hidden.known, &args)?)?;
    let (users, items) = (hidden.users(), hidden.items());
    println!(
        "{} hidden items of {}, {} users with a right answer among them, {} right answers",
        items.len(),
        whole.items.len(),
        users.len(),
        hidden.truth.n_pairs()
    );
    let content = by_content(&shop, &hidden, &users, &items)?;
    tell("content", &content)?;
    let (train, truth) = (hidden.train(), &hidden.truth);
    let popular = category_popularity(&whole.catalogue, train, &hidden.is_hidden);
    let by_category = baseline(&users, &items, truth, |_, item| popular[item.index()])?;
    let codes = category_codes(&whole.catalogue);
    let category = |item: ItemId| codes[item.index()];
    let personal = baseline(&users, &items, truth, |user, item| {
        let mine = train
            .of_user(user)
            .filter(|pair| category(pair.item) == category(item));
        let share = popular[item.index()] / (1.0 + popular[item.index()]);
        mine.map(|pair| f64::from(pair.weight)).sum::<f64>() + 1e-6 * share
    })?;
    for (name, report) in [
        ("popularity within the category", by_category),
        ("the user's categories, then popularity", personal),
    ] {
        tell(name, &report)?;
        let test = content.compare(&report, Metric::Recall, 20, &PairedTestOptions::default())?;
        let base = report.mean(Metric::Recall, 20)?;
        println!(
            "  content is {:+.1} % of it better; the difference is {:.4} in [{:.4}, {:.4}], p {:.4}",
            100.0 * test.mean_difference / base,
            test.mean_difference,
            test.interval.low,
            test.interval.high,
            test.p_value
        );
    }
    Ok(())
}

/// The figures of the shop's lists of the hidden items.
fn by_content(
    shop: &Recommender,
    hidden: &Hidden,
    users: &[UserId],
    items: &[ItemId],
) -> anyhow::Result<RankingReport> {
    let known = &hidden.known;
    let allow = items.iter().filter_map(|&item| known.items.name(item));
    let options = RecommendOptions {
        k: 20,
        hide: Hide::Nothing,
        filter: ItemFilter {
            allow: Some(allow.map(str::to_owned).collect()),
            ..ItemFilter::default()
        },
        ..RecommendOptions::default()
    };
    let names = users.iter().filter_map(|&user| known.users.name(user));
    let answers = shop.recommend_many(&names.collect::<Vec<&str>>(), &options)?;
    let mut content = RankingEvaluator::new(&[20], known.items.len())?;
    for (&user, answer) in users.iter().zip(&answers) {
        let list = answer.items.iter();
        let list = list.filter_map(|item| known.items.get(&item.item));
        let list: Vec<ItemId> = list.collect();
        content.update(user, &list, hidden.truth.items_of(user));
    }
    Ok(content.compute()?)
}

fn tell(name: &str, report: &RankingReport) -> anyhow::Result<()> {
    let interval = report.interval(Metric::Recall, 20, &IntervalOptions::default())?;
    let (low, high) = (interval.low, interval.high);
    println!(
        "{name}: Recall@20 {:.4} in [{low:.4}, {high:.4}]",
        interval.mean
    );
    Ok(())
}

fn targets(pairs: &Interactions) -> Vec<String> {
    let labels = pairs.behaviors().iter().zip(pairs.target_behaviors());
    labels
        .filter(|(_, target)| **target)
        .map(|(label, _)| label.clone())
        .collect()
}

/// The items' categories: by id, or by code if there are no ids.
fn category_codes(catalogue: &Catalogue) -> &[u32] {
    match catalogue.category_id().labels().is_empty() {
        true => catalogue.category_code().codes(),
        false => catalogue.category_id().codes(),
    }
}

/// The mean purchases of the known items of each item's category, by row.
fn category_popularity(catalogue: &Catalogue, train: &Interactions, hidden: &[bool]) -> Vec<f64> {
    let mut sums: HashMap<u32, (f64, f64)> = HashMap::new();
    let codes = category_codes(catalogue);
    let mut counts = vec![0.0; hidden.len()];
    for pair in train.iter().filter(|pair| pair.is_target) {
        counts[pair.item.index()] += 1.0;
    }
    for (row, code) in codes.iter().enumerate().filter(|(row, _)| !hidden[*row]) {
        let sum = sums.entry(*code).or_default();
        *sum = (sum.0 + counts[row], sum.1 + 1.0);
    }
    let mean = |code| sums.get(code).map_or(0.0, |(sum, n)| sum / n);
    codes.iter().map(mean).collect()
}

/// The figures of a ranking of the hidden items by a score.
fn baseline(
    users: &[UserId],
    items: &[ItemId],
    truth: &Truth,
    score: impl Fn(UserId, ItemId) -> f64,
) -> anyhow::Result<RankingReport> {
    let mut evaluator = RankingEvaluator::new(&[20], truth.n_items())?;
    for &user in users {
        let mut scored: Vec<(f64, ItemId)> = items.iter().map(|&i| (score(user, i), i)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let list: Vec<ItemId> = scored.iter().take(20).map(|(_, item)| *item).collect();
        evaluator.update(user, &list, truth.items_of(user));
    }
    Ok(evaluator.compute()?)
}

fn fit(dataset: &Dataset, args: &Args) -> anyhow::Result<Artifact> {
    let model = LightGcnConfig {
        layers: args.layers,
        ..LightGcnConfig::published()
    };
    let config = TrainConfig {
        seed: args.seed,
        epochs: args.epochs,
        loss: LossConfig::Softmax(SoftmaxConfig::default()),
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

fn shop_log(log: &str) -> anyhow::Result<Dataset> {
    let behavior = |name: &str, weight: f64| Behavior {
        name: name.to_owned(),
        weight,
        cap: None,
        target: name == "buy",
    };
    let mut weights = BehaviorWeightsConfig::shop_log_strong_views();
    weights.behaviors = vec![
        behavior("click", 0.15),
        behavior("collect", 0.25),
        behavior("cart", 0.35),
        behavior("buy", 1.0),
    ];
    let config = PrepareConfig {
        weights,
        split: SplitConfig::None,
        ..PrepareConfig::default()
    };
    Ok(prepare(&[log], &config)?)
}

fn movielens(folder: &Path) -> anyhow::Result<Dataset> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let (mut users, mut items) = (Vocabulary::new(), Vocabulary::new());
    let mut pairs = InteractionsBuilder::from_names(&["rating"], &["rating"])?;
    for line in read("ml-100k.inter")?.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        anyhow::ensure!(fields.len() == 4, "a rating has four fields: {line:?}");
        if fields[2].parse::<f64>()? >= 4.0 {
            let (user, item) = (users.insert(fields[0])?, items.insert(fields[1])?);
            pairs.push(
                user,
                item,
                1.0,
                &[1],
                Some(fields[3].parse::<f64>()? as i64),
            )?;
        }
    }
    let mut details = vec![ItemDetails::default(); items.len()];
    for line in read("ml-100k.item")?.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        if let Some(item) = fields.first().and_then(|id| items.get(id)) {
            let decade = fields.get(2).and_then(|year| year.get(..3));
            details[item.index()] = ItemDetails {
                category_code: fields.get(3).map(|genres| genres.replace(' ', ".")),
                brand: decade.map(str::to_owned),
                ..ItemDetails::default()
            };
        }
    }
    let (n_users, n_items) = (users.len(), items.len());
    let nothing = || Truth::empty(n_users, n_items);
    let split = Split::new(pairs.build(n_users, n_items)?, nothing(), nothing())?;
    let weights: BehaviorWeights = BehaviorWeightsConfig::single("rating").check()?;
    let catalogue = Catalogue::from_details(details);
    Ok(Dataset::new(
        split,
        users,
        items,
        catalogue,
        weights,
        Lineage::default(),
    )?)
}
