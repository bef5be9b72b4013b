//! A small shop that tests ask.

use crate::{LearnedRanking, RankingConfig, Withhold};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder, ItemDetails, ItemId, Lineage,
    Split, Truth, UserId, Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};

/// Users and items by id.
pub(crate) const USERS: [&str; 5] = ["ann", "bob", "cleo", "dora", "idle"];
pub(crate) const ITEMS: [&str; 6] = ["glove", "lamp", "mug", "nail", "oil", "dusty"];

/// Pairs as (user, item, [views, carts, removals, purchases], time).
///
/// Paths: ann–glove–bob–lamp, ann–glove–bob–mug–cleo–nail, and dora–oil for itself. `idle` has no
/// pair, and nobody met `dusty`.
pub(crate) const PAIRS: [(u32, u32, [u32; 4], i64); 8] = [
    (0, 0, [3, 0, 0, 1], 100),
    (0, 2, [1, 0, 0, 0], 300),
    (1, 0, [0, 0, 0, 2], 110),
    (1, 1, [2, 1, 0, 1], 120),
    (1, 2, [0, 1, 1, 0], 130),
    (2, 2, [0, 0, 0, 1], 140),
    (2, 3, [1, 0, 0, 1], 150),
    (3, 4, [0, 0, 0, 1], 160),
];

/// An artifact of the shop. User embeddings are (1, 0), (0, 1), (1, 1), (2, −1), (1, 0);
/// items' are (1, 3), (4, 0), (2, 2), (4, 1), (0, 1), (3, 0).
pub(crate) fn artifact() -> Artifact {
    let config = BehaviorWeightsConfig::shop_log();
    let weights = config.clone().check().unwrap();
    let names: Vec<&str> = config.behaviors.iter().map(|b| b.name.as_str()).collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
    for (user, item, counts, time) in PAIRS {
        let weight = weights.combine(&counts.map(f64::from), counts[3] > 0) as f32;
        pairs
            .push(UserId(user), ItemId(item), weight, &counts, Some(time))
            .unwrap();
    }
    let train = pairs.build(USERS.len(), ITEMS.len()).unwrap();
    let numbers = [
        [1.0, 0.0],
        [0.0, 1.0],
        [1.0, 1.0],
        [2.0, -1.0],
        [1.0, 0.0], // users
        [1.0, 3.0],
        [4.0, 0.0],
        [2.0, 2.0],
        [4.0, 1.0],
        [0.0, 1.0],
        [3.0, 0.0], // items
    ];
    let table = EmbeddingTable::new(11, 2, numbers.concat()).unwrap();
    let details = (0..ITEMS.len()).map(|row| match row {
        1 => ItemDetails {
            category_id: Some("17".to_owned()),
            category_code: Some("lighting.desk".to_owned()),
            brand: Some("acme".to_owned()),
            price: Some(12.5),
            ..ItemDetails::default()
        },
        _ => ItemDetails::default(),
    });
    Artifact {
        model: ModelDescription {
            name: "lightgcn".to_owned(),
            dimension: 2,
            n_layers: 0,
            layer_weights: Some(vec![1.0]),
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
        users: Vocabulary::from_names(USERS).unwrap(),
        items: Vocabulary::from_names(ITEMS).unwrap(),
        catalogue: Catalogue::from_details(details),
        behaviors: config,
        lineage: Lineage::default(),
    }
}

/// A ranking learned from what an artifact was trained on.
pub(crate) fn ranking_of(artifact: &Artifact) -> LearnedRanking {
    let (n_users, n_items) = (artifact.train.n_users(), artifact.train.n_items());
    let nothing = || Truth::empty(n_users, n_items);
    let dataset = Dataset::new(
        Split::new(artifact.train.clone(), nothing(), nothing()).unwrap(),
        artifact.users.clone(),
        artifact.items.clone(),
        artifact.catalogue.clone(),
        artifact.behaviors.clone().check().unwrap(),
        artifact.lineage.clone(),
    )
    .unwrap();
    let config = RankingConfig {
        withhold: Some(Withhold::OnePurchase),
        ..RankingConfig::default()
    };
    config.fit(&dataset).unwrap()
}
