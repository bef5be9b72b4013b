//! A model the size of a large shop, to measure how lists for all users scale: random embeddings and random
//! training pairs, written as an artifact. Its recommendations mean nothing; its time and memory do.
//!
//! ```text
//! cargo run --release --example large_shop -- --out large.lightgcn
//! lightgcn recommend large.lightgcn --all --out lists.parquet
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use lightgcn_core::random::{Draws, Random, Stream};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, CoreError, Interactions, InteractionsBuilder, ItemDetails,
    ItemId, Lineage, UserId, Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, StoreError, popularity_of};
use std::path::PathBuf;

const DIMENSION: usize = 64;

/// The options, each as `--name value`.
struct Args {
    users: usize,
    items: usize,
    pairs: usize,
    out: PathBuf,
}

impl Args {
    fn parse() -> Result<Self, Box<dyn std::error::Error>> {
        let mut args = Self {
            users: 1_600_000,
            items: 54_000,
            pairs: 10_000_000,
            out: PathBuf::new(),
        };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let value = given.next().ok_or_else(|| format!("{name} has no value"))?;
            match name.as_str() {
                "--users" => args.users = value.parse()?,
                "--items" => args.items = value.parse()?,
                "--pairs" => args.pairs = value.parse()?,
                "--out" => args.out = value.into(),
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        if args.out.as_os_str().is_empty() {
            return Err("--out FOLDER is missing".into());
        }
        Ok(args)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse()?;
    let random = Random::new(42, Stream::Recommendation);
    let behaviors = BehaviorWeightsConfig::shop_log();
    let train = pairs(&args, &behaviors, &random)?;
    let details = (0..args.items).map(|n| ItemDetails {
        category_id: Some(format!("{}", 1_487_580_000_000_000_000u64 + n as u64 % 500)),
        category_code: None,
        brand: (n % 2 == 0).then(|| format!("brand {}", n % 270)),
        price: Some((n % 1000) as f64 / 10.0),
        ..ItemDetails::default()
    });
    let artifact = Artifact {
        model: ModelDescription {
            name: "random".to_owned(),
            dimension: DIMENSION,
            n_layers: 1,
            layer_weights: Some(vec![0.5, 0.5]),
            graphs: vec![Normalization::Symmetric.into()],
            further_nodes: Vec::new(),
            config: serde_json::json!({}),
        },
        layer0: table(&args, &random, 1)?,
        embeddings: table(&args, &random, 2)?,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names((0..args.users).map(|n| (463_240_000 + n).to_string()))?,
        items: Vocabulary::from_names((0..args.items).map(|n| (5_600_000 + n).to_string()))?,
        catalogue: Catalogue::from_details(details),
        behaviors,
        lineage: Lineage::default(),
    };
    artifact.save(&args.out)?;
    println!(
        "{} users, {} items, {} pairs: {}",
        args.users,
        args.items,
        artifact.train.n_pairs(),
        args.out.display()
    );
    Ok(())
}

/// Random training pairs, as many for each user.
fn pairs(
    args: &Args,
    behaviors: &BehaviorWeightsConfig,
    random: &Random,
) -> Result<Interactions, CoreError> {
    let names: Vec<&str> = behaviors
        .behaviors
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"])?;
    for user in 0..args.users {
        let mut draws = random.at(0, user as u64);
        // One more for some, so that the sum is right.
        let more = usize::from(user < args.pairs % args.users);
        let mut items = Vec::new();
        while items.len() < (args.pairs / args.users + more).min(args.items) {
            let item = popular(&mut draws, args.items);
            if !items.contains(&item) {
                items.push(item);
            }
        }
        for item in items {
            let (counts, weight) = match draws.below(10) {
                0 => ([2, 1, 0, 1], 1.0),
                1..3 => ([2, 1, 0, 0], 0.12),
                _ => ([1, 0, 0, 0], 0.01),
            };
            let time = 1_569_888_000 + i64::from(draws.below(13_000_000));
            let user = UserId(user as u32);
            pairs.push(user, ItemId(item), weight, &counts, Some(time))?;
        }
    }
    pairs.build(args.users, args.items)
}

/// Random embeddings of all users and items.
fn table(args: &Args, random: &Random, epoch: u32) -> Result<EmbeddingTable, StoreError> {
    let nodes = args.users + args.items;
    let mut numbers = Vec::with_capacity(nodes * DIMENSION);
    for node in 0..nodes {
        let mut draws = random.at(epoch, node as u64);
        numbers.extend((0..DIMENSION).map(|_| draws.unit() as f32 - 0.5));
    }
    EmbeddingTable::new(nodes, DIMENSION, numbers)
}

/// An item, popular ones more often.
fn popular(draws: &mut Draws, n: usize) -> u32 {
    let share = draws.unit();
    ((share * share * n as f64) as u32).min(n as u32 - 1)
}
