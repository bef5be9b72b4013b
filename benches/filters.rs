//! Answers for one user under filters, and for 256 at once: each compared with no filter. A shop of
//! Gowalla's size, random embeddings, lists of 20. The goal is at most twice the time without a filter.

use criterion::{Criterion, criterion_group, criterion_main};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemDetails, ItemId, Lineage, UserId,
    Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_recommend::{ItemFilter, RecommendOptions, Recommender};
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use std::hint::black_box;

const USERS: usize = 2_000;
const ITEMS: usize = 40_981;
const DIMENSION: usize = 64;
const BATCH: usize = 256;

/// A shop with 100 categories in 10 groups, 500 brands and prices of 0 to 1,000.
fn shop() -> Recommender {
    let random = Random::new(42, Stream::Recommendation);
    let mut pairs =
        InteractionsBuilder::from_names(&["purchase"], &["purchase"]).expect("a behavior");
    for user in 0..USERS as u32 {
        let mut draws = random.at(0, u64::from(user));
        let mut items: Vec<u32> = (0..27).map(|_| draws.below(ITEMS as u32)).collect();
        items.sort_unstable();
        items.dedup();
        for item in items {
            let pushed = pairs.push(UserId(user), ItemId(item), 1.0, &[1], None);
            pushed.expect("a weight of 1");
        }
    }
    // So that every item is one of training.
    for item in 0..ITEMS as u32 {
        let user = UserId(USERS as u32);
        pairs
            .push(user, ItemId(item), 1.0, &[1], None)
            .expect("a weight of 1");
    }
    let n_users = USERS + 1;
    let train = pairs.build(n_users, ITEMS).expect("pairs in range");
    let nodes = n_users + ITEMS;
    let mut numbers = Vec::with_capacity(nodes * DIMENSION);
    for node in 0..nodes {
        let mut draws = random.at(1, node as u64);
        numbers.extend((0..DIMENSION).map(|_| draws.unit() as f32 - 0.5));
    }
    let table = EmbeddingTable::new(nodes, DIMENSION, numbers).expect("finite numbers");
    let details = (0..ITEMS).map(|n| ItemDetails {
        category_id: None,
        category_code: Some(format!("group{}.kind{}", n % 10, n / 10 % 10)),
        brand: Some(format!("brand{}", n / 7 % 500)),
        price: Some((n * 37 % 1000) as f64),
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
        layer0: table.clone(),
        embeddings: table,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names((0..n_users).map(|n| format!("c{n}"))).expect("distinct"),
        items: Vocabulary::from_names((0..ITEMS).map(|n| format!("p{n}"))).expect("distinct"),
        catalogue: Catalogue::from_details(details),
        behaviors: BehaviorWeightsConfig::single("purchase"),
        lineage: Lineage::default(),
    };
    Recommender::from_artifact(artifact).expect("its parts fit")
}

fn filters() -> Vec<(&'static str, ItemFilter)> {
    let names = |range: std::ops::Range<usize>, step: usize| -> Vec<String> {
        range.step_by(step).map(|n| format!("p{n}")).collect()
    };
    let plain = ItemFilter::default;
    let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    vec![
        ("none", plain()),
        (
            "category-of-10th",
            ItemFilter {
                categories: list(&["group3"]),
                ..plain()
            },
        ),
        (
            "all-categories-but-one",
            ItemFilter {
                deny_categories: list(&["group3"]),
                ..plain()
            },
        ),
        (
            "brand-of-500th",
            ItemFilter {
                brands: list(&["brand77"]),
                ..plain()
            },
        ),
        (
            "price-of-half",
            ItemFilter {
                price_max: Some(500.0),
                ..plain()
            },
        ),
        (
            "price-of-10th",
            ItemFilter {
                price_max: Some(100.0),
                ..plain()
            },
        ),
        (
            "allow-1000",
            ItemFilter {
                allow: Some(names(0..ITEMS, 41)),
                ..plain()
            },
        ),
        (
            "deny-1000",
            ItemFilter {
                deny: names(0..ITEMS, 41),
                ..plain()
            },
        ),
    ]
}

fn bench(c: &mut Criterion) {
    let shop = shop();
    let users: Vec<String> = (0..BATCH).map(|n| format!("c{n}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    for (group, n) in [("filters/one-user", 1), ("filters/256-users", BATCH)] {
        let mut group = c.benchmark_group(group);
        for (name, filter) in filters() {
            let options = RecommendOptions {
                k: 20,
                filter,
                ..RecommendOptions::default()
            };
            let mut asked = users.chunks_exact(n).cycle();
            group.bench_function(name, |b| {
                b.iter(|| {
                    let asked = asked.next().expect("there are users");
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
