//! A shop whose questions may take much computing.

use super::artifact_of;
use lightgcn_core::{BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, UserId};
use lightgcn_recommend::Recommender;
use lightgcn_store::EmbeddingTable;
use serde_json::{Value, json};

const USERS: u32 = 40;
const ITEMS: u32 = 3000;
const DIMENSION: usize = 16;

/// A shop whose users have 100 items each, and whose vectors point everywhere.
pub(crate) fn shop() -> Recommender {
    let config = BehaviorWeightsConfig::shop_log();
    let names: Vec<&str> = config.behaviors.iter().map(|b| b.name.as_str()).collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
    for user in 0..USERS {
        for n in 0..100 {
            let item = ItemId((user * 37 + n * 29) % ITEMS);
            pairs
                .push(UserId(user), item, 1.0, &[0, 0, 0, 1], None)
                .unwrap();
        }
    }
    let train = pairs.build(USERS as usize, ITEMS as usize).unwrap();
    let numbers = (0..(USERS + ITEMS) as usize * DIMENSION).map(|n| (n as f32 * 0.7).sin());
    let table =
        EmbeddingTable::new((USERS + ITEMS) as usize, DIMENSION, numbers.collect()).unwrap();
    let artifact = artifact_of(train, table, Catalogue::unknown(ITEMS as usize));
    Recommender::from_artifact(artifact).unwrap()
}

/// The most expensive batch that the other limits allow, or a smaller one.
pub(crate) fn expensive(n: usize) -> String {
    let options = json!({"k": 1000, "diversity": 0.5});
    let questions: Vec<Value> = (0..n)
        .map(|n| json!({"user": format!("u{}", n % 40), "options": options}))
        .collect();
    json!({"requests": questions}).to_string()
}
