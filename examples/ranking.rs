//! The learned ranking on a log, or on a benchmark with one file of pairs a behavior: fits it, prints what
//! helped on validation data, and compares it with rules and filters on test data.
//!
//! ```text
//! cargo run --release -p lightgcn-recommend --example ranking -- events.csv --prepare prepare.toml
//! cargo run --release -p lightgcn-recommend --example ranking -- \
//!   --behavior view=view.txt --behavior buy=buy.txt --test test.txt
//! ```
//!
//! Of several behaviors the last is the target; each line of a pair file is `user item item ...`.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use anyhow::Context;
use clap::Parser;
use lightgcn_core::{
    Behavior, BehaviorWeights, BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder,
    ItemId, Lineage, Split, Truth, UserId, Vocabulary,
};
use lightgcn_data::{PrepareConfig, prepare};
use lightgcn_linear::CascadingRankConfig;
use lightgcn_metrics::Metric;
use lightgcn_recommend::{
    CascadingRanker, Comparison, EvaluationOptions, LearnedRanker, LearnedRanking,
    PopularityRanker, Ranker, RankingConfig, SeenNotBoughtRanker, evaluate_test,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Fit the learned ranking and compare it on test data.
#[derive(Parser)]
struct Args {
    /// Event logs
    logs: Vec<PathBuf>,
    /// How to prepare the logs (TOML)
    #[arg(long)]
    prepare: Option<PathBuf>,
    /// A behavior and its pairs, weakest first: NAME=FILE
    #[arg(long = "behavior")]
    behaviors: Vec<String>,
    /// Validation pairs; they leave the target's training pairs while choices are made
    #[arg(long)]
    valid: Option<PathBuf>,
    /// How much to subtract from the ids of the validation pairs
    #[arg(long, default_value_t = 0)]
    valid_base: u32,
    /// Test pairs
    #[arg(long)]
    test: Option<PathBuf>,
    /// Settings of the ranking (TOML)
    #[arg(long)]
    config: Option<PathBuf>,
    /// Cutoffs
    #[arg(long, short, value_delimiter = ',', default_value = "20")]
    k: Vec<usize>,
}

type Pairs = BTreeSet<(u32, u32)>;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut config: RankingConfig = match &args.config {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => RankingConfig::default(),
    };
    if args.config.is_none() {
        config.k = args.k.iter().copied().max().unwrap_or(20);
    }
    let (dataset, full) = match args.behaviors.is_empty() {
        true => (prepared(&args)?, None),
        false => {
            let tables = Tables::read(&args)?;
            (tables.dataset(true)?, Some(tables.dataset(false)?))
        }
    };
    let start = Instant::now();
    let ranking = config.fit(&dataset)?;
    println!("fitted in {:.1} s", start.elapsed().as_secs_f64());
    print_ranking(&ranking);
    let (dataset, ranking) = match full {
        Some(full) => {
            let ranking = ranking.refit(&full.split.train, &full.behaviors)?;
            (full, ranking)
        }
        None => (dataset, ranking),
    };
    let start = Instant::now();
    let train = dataset.split.train.interactions();
    let learned = LearnedRanker::new(ranking, train, &dataset.behaviors, &dataset.catalogue)?;
    let popularity = PopularityRanker::from_interactions(train);
    let rules = SeenNotBoughtRanker::all(&dataset.split.train);
    let options = EvaluationOptions {
        ks: args.k.clone(),
        ..EvaluationOptions::default()
    };
    let mut evaluations = Vec::new();
    let rules = rules.iter().map(|rule| rule as &dyn Ranker);
    let walk = CascadingRankConfig::default();
    let walk = CascadingRanker::new(&walk, &dataset.split.train, &dataset.behaviors)?;
    for ranker in [&learned as &dyn Ranker, &walk, &popularity]
        .into_iter()
        .chain(rules)
    {
        let (train, test) = (&dataset.split.train, &dataset.split.test);
        evaluations.push(evaluate_test(ranker, train, test, &options)?);
    }
    for metric in [Metric::Recall, Metric::Ndcg] {
        println!("{}", Comparison::new(&evaluations, metric, config.k, 0)?);
    }
    println!("evaluated in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn prepared(args: &Args) -> anyhow::Result<Dataset> {
    let config: PrepareConfig = match &args.prepare {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => PrepareConfig::default(),
    };
    Ok(prepare(&args.logs, &config)?)
}

fn print_ranking(ranking: &LearnedRanking) {
    let report = &ranking.report;
    println!("withheld: {:?}; l2: {}", report.withheld, report.l2);
    print!("{report}");
    println!("  met {:+.2}", ranking.bias);
    for weighted in &ranking.features {
        println!(
            "  {:?}: met {:+.2}, new {:+.2}",
            weighted.feature, weighted.met, weighted.new
        );
    }
}

/// The pairs of a benchmark.
struct Tables {
    behaviors: Vec<(String, Pairs)>,
    valid: Pairs,
    test: Pairs,
}

impl Tables {
    fn read(args: &Args) -> anyhow::Result<Self> {
        let behavior = |named: &String| {
            let (name, path) = named.split_once('=').context("give --behavior NAME=FILE")?;
            Ok((name.to_owned(), read_pairs(Path::new(path), 0)?))
        };
        let behaviors: anyhow::Result<Vec<_>> = args.behaviors.iter().map(behavior).collect();
        let pairs = |path: &Option<PathBuf>, base| match path {
            Some(path) => read_pairs(path, base),
            None => Ok(Pairs::new()),
        };
        Ok(Self {
            behaviors: behaviors?,
            valid: pairs(&args.valid, args.valid_base)?,
            test: pairs(&args.test, 0)?,
        })
    }

    /// Without the validation pairs in training, or with them.
    fn dataset(&self, validating: bool) -> anyhow::Result<Dataset> {
        let weights = self.weights()?;
        let counts = self.counts(validating);
        let all = || counts.keys().chain(&self.test);
        let n_users = all().map(|pair| pair.0 as usize + 1).max().unwrap_or(0);
        let n_items = all().map(|pair| pair.1 as usize + 1).max().unwrap_or(0);
        let n_others = self.behaviors.len() - 1;
        let names: Vec<&str> = self.behaviors.iter().map(|(name, _)| &name[..]).collect();
        let mut builder = InteractionsBuilder::from_names(&names, &names[n_others..])?;
        for ((user, item), counts) in &counts {
            let wide: Vec<f64> = counts.iter().map(|&n| f64::from(n)).collect();
            let weight = weights.combine(&wide, counts[n_others] > 0) as f32;
            builder.push(UserId(*user), ItemId(*item), weight, counts, None)?;
        }
        let truth = |pairs: &Pairs| {
            let pairs = pairs
                .iter()
                .map(|&(user, item)| (UserId(user), ItemId(item)));
            Truth::from_pairs(n_users, n_items, pairs.collect())
        };
        let valid = match validating {
            true => truth(&self.valid)?,
            false => Truth::empty(n_users, n_items),
        };
        let split = Split::new(builder.build(n_users, n_items)?, valid, truth(&self.test)?)?;
        let names = |n: usize| (0..n).map(|row| row.to_string());
        Ok(Dataset::new(
            split,
            Vocabulary::from_names(names(n_users))?,
            Vocabulary::from_names(names(n_items))?,
            Catalogue::unknown(n_items),
            weights,
            Lineage::default(),
        )?)
    }

    /// The weights of the behaviors, of which the last is the target.
    fn weights(&self) -> anyhow::Result<BehaviorWeights> {
        let n_others = self.behaviors.len() - 1;
        let table = self
            .behaviors
            .iter()
            .enumerate()
            .map(|(n, (name, _))| Behavior {
                name: name.clone(),
                weight: 0.5 + 0.5 * n as f64 / n_others.max(1) as f64,
                cap: None,
                target: n == n_others,
            });
        let weights = BehaviorWeightsConfig {
            behaviors: table.collect(),
            floor: None,
            ceiling: None,
            half_life_days: None,
        };
        Ok(weights.check()?)
    }

    /// How often each training pair has each behavior: once or never.
    fn counts(&self, validating: bool) -> BTreeMap<(u32, u32), Vec<u32>> {
        let n_others = self.behaviors.len() - 1;
        let mut counts = BTreeMap::new();
        for (n, (_, pairs)) in self.behaviors.iter().enumerate() {
            for pair in pairs {
                if validating && n == n_others && self.valid.contains(pair) {
                    continue;
                }
                let counts = counts.entry(*pair);
                counts.or_insert_with(|| vec![0; n_others + 1])[n] = 1;
            }
        }
        counts
    }
}

fn read_pairs(path: &Path, base: u32) -> anyhow::Result<Pairs> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut pairs = Pairs::new();
    for (n, line) in text.lines().enumerate() {
        let ids: Result<Vec<u32>, _> = line.split_whitespace().map(str::parse).collect();
        let ids = ids.with_context(|| format!("{}, line {}", path.display(), n + 1))?;
        let [user, items @ ..] = &ids[..] else {
            continue;
        };
        pairs.extend(items.iter().map(|item| (user - base, item - base)));
    }
    Ok(pairs)
}
