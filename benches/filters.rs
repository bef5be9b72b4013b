//! Answers for one consumer under filters, and for 256 at once: each against the same without a filter. A
//! shop of Gowalla's size, random embeddings, 20 products a list. The aim is at most twice the time without one.

use criterion::{Criterion, criterion_group, criterion_main};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{
    BehaviourWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, ProductDetails,
    UserId, Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_recommend::{ProductFilter, RecommendOptions, Recommender};
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use std::hint::black_box;

const CONSUMERS: usize = 2_000;
const PRODUCTS: usize = 40_981;
const DIMENSION: usize = 64;
const BATCH: usize = 256;

/// A shop with 100 categories in 10 groups, 500 brands and prices of 0 to 1,000.
fn shop() -> Recommender {
    let random = Random::new(42, Stream::Recommendation);
    let mut pairs =
        InteractionsBuilder::from_names(&["purchase"], &["purchase"]).expect("a behaviour");
    for user in 0..CONSUMERS as u32 {
        let mut draws = random.at(0, u64::from(user));
        let mut items: Vec<u32> = (0..27).map(|_| draws.below(PRODUCTS as u32)).collect();
        items.sort_unstable();
        items.dedup();
        for item in items {
            let pushed = pairs.push(UserId(user), ItemId(item), 1.0, &[1], None);
            pushed.expect("a weight of 1");
        }
    }
    // So that every product is one of training.
    for item in 0..PRODUCTS as u32 {
        let user = UserId(CONSUMERS as u32);
        pairs
            .push(user, ItemId(item), 1.0, &[1], None)
            .expect("a weight of 1");
    }
    let n_users = CONSUMERS + 1;
    let train = pairs.build(n_users, PRODUCTS).expect("pairs in range");
    let nodes = n_users + PRODUCTS;
    let mut numbers = Vec::with_capacity(nodes * DIMENSION);
    for node in 0..nodes {
        let mut draws = random.at(1, node as u64);
        numbers.extend((0..DIMENSION).map(|_| draws.unit() as f32 - 0.5));
    }
    let table = EmbeddingTable::new(nodes, DIMENSION, numbers).expect("finite numbers");
    let details = (0..PRODUCTS).map(|n| ProductDetails {
        category_id: None,
        category_code: Some(format!("group{}.kind{}", n % 10, n / 10 % 10)),
        brand: Some(format!("brand{}", n / 7 % 500)),
        price: Some((n * 37 % 1000) as f64),
    });
    let artifact = Artifact {
        model: ModelDescription {
            name: "random".to_owned(),
            dimension: DIMENSION,
            n_layers: 1,
            layer_weights: Some(vec![0.5, 0.5]),
            normalization: Normalization::Symmetric,
            edge_weights: true,
            config: serde_json::json!({}),
        },
        layer0: table.clone(),
        embeddings: table,
        popularity: popularity_of(&train),
        train,
        users: Vocabulary::from_names((0..n_users).map(|n| format!("c{n}"))).expect("distinct"),
        items: Vocabulary::from_names((0..PRODUCTS).map(|n| format!("p{n}"))).expect("distinct"),
        catalogue: Catalogue::from_details(details),
        behaviours: BehaviourWeightsConfig::single("purchase"),
        lineage: Lineage::default(),
    };
    Recommender::from_artifact(artifact).expect("its parts fit")
}

fn filters() -> Vec<(&'static str, ProductFilter)> {
    let names = |range: std::ops::Range<usize>, step: usize| -> Vec<String> {
        range.step_by(step).map(|n| format!("p{n}")).collect()
    };
    let plain = ProductFilter::default;
    let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    vec![
        ("none", plain()),
        (
            "category-of-10th",
            ProductFilter {
                categories: list(&["group3"]),
                ..plain()
            },
        ),
        (
            "all-categories-but-one",
            ProductFilter {
                deny_categories: list(&["group3"]),
                ..plain()
            },
        ),
        (
            "brand-of-500th",
            ProductFilter {
                brands: list(&["brand77"]),
                ..plain()
            },
        ),
        (
            "price-of-half",
            ProductFilter {
                price_max: Some(500.0),
                ..plain()
            },
        ),
        (
            "price-of-10th",
            ProductFilter {
                price_max: Some(100.0),
                ..plain()
            },
        ),
        (
            "allow-1000",
            ProductFilter {
                allow: Some(names(0..PRODUCTS, 41)),
                ..plain()
            },
        ),
        (
            "deny-1000",
            ProductFilter {
                deny: names(0..PRODUCTS, 41),
                ..plain()
            },
        ),
    ]
}

fn bench(c: &mut Criterion) {
    let shop = shop();
    let consumers: Vec<String> = (0..BATCH).map(|n| format!("c{n}")).collect();
    let consumers: Vec<&str> = consumers.iter().map(String::as_str).collect();
    for (group, n) in [
        ("filters/one-consumer", 1),
        ("filters/256-consumers", BATCH),
    ] {
        let mut group = c.benchmark_group(group);
        for (name, filter) in filters() {
            let options = RecommendOptions {
                k: 20,
                filter,
                ..RecommendOptions::default()
            };
            let mut asked = consumers.chunks_exact(n).cycle();
            group.bench_function(name, |b| {
                b.iter(|| {
                    let asked = asked.next().expect("there are consumers");
                    black_box(
                        shop.recommend_many(asked, &options)
                            .expect("usable options"),
                    )
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
