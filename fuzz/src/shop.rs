//! A small shop that everything is tried on.

use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemDetails, ItemId, Lineage, UserId,
    Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};

/// Six users and five items; the last item has no edge.
pub fn artifact() -> Artifact {
    let behaviors = BehaviorWeightsConfig::shop_log();
    let names: Vec<&str> = behaviors
        .behaviors
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).expect("behaviors");
    for user in 0..6u32 {
        for item in 0..4u32 {
            if (user + item) % 3 != 0 {
                let bought = u32::from((user * item) % 2 == 0);
                let weight = if bought == 1 { 1.0 } else { 0.11 };
                let counts = [1, 1, 0, bought];
                let time = Some(1_580_000_000 + i64::from(user * 4 + item) * 86_400);
                pairs
                    .push(UserId(user), ItemId(item), weight, &counts, time)
                    .expect("a pair");
            }
        }
    }
    let train = pairs.build(6, 5).expect("pairs");
    let table = |dimension: usize| {
        let data = (0..11 * dimension).map(|n| ((n * 7 % 13) as f32 - 6.0) / 9.0);
        EmbeddingTable::new(11, dimension, data.collect()).expect("a table")
    };
    let details = |n: usize| ItemDetails {
        category_id: Some(format!("{}", n % 2)),
        category_code: (n % 2 == 0).then(|| format!("apparel.glove{n}")),
        brand: (n != 3).then(|| "runail".to_owned()),
        price: (n != 2).then_some(n as f64 * 1.5),
        ..ItemDetails::default()
    };
    Artifact {
        model: ModelDescription {
            name: "lightgcn".to_owned(),
            dimension: 4,
            n_layers: 2,
            layer_weights: Some(vec![0.25, 0.25, 0.5]),
            graphs: vec![Normalization::Symmetric.into()],
            further_nodes: Vec::new(),
            config: serde_json::json!({ "dimension": 4 }),
        },
        layer0: table(4),
        embeddings: table(4),
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names(["ann", "bob", "cleo", "dan", "eve", "fay"]).expect("ids"),
        items: Vocabulary::from_names(["soap", "comb", "towel", "brush", "lamp"]).expect("ids"),
        catalogue: Catalogue::from_details((0..5).map(details)),
        behaviors,
        lineage: Lineage::default(),
    }
}
