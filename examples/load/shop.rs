//! A random shop.

use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemDetails, ItemId, Lineage, UserId,
    Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use std::collections::BTreeSet;
use std::path::Path;

/// Writes a model with random embeddings and pairs: every user has 20 items, popular ones more often. Its lists are
/// meaningless, but it takes as much time as a trained model.
pub(crate) fn write_model(
    out: &Path,
    items: u32,
    users: u32,
    dimension: usize,
    seed: u64,
) -> anyhow::Result<()> {
    let random = Random::new(seed, Stream::Recommendation);
    let config = BehaviorWeightsConfig::shop_log();
    let names: Vec<&str> = config.behaviors.iter().map(|b| b.name.as_str()).collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"])?;
    for user in 0..users {
        let mut draws = random.at(1, u64::from(user));
        // Squaring makes low rows popular.
        let drawn = (0..20).map(|_| (f64::from(items) * draws.unit().powi(2)) as u32);
        let items: BTreeSet<u32> = drawn.collect();
        for (n, item) in items.into_iter().enumerate() {
            let bought = n % 4 == 0;
            let counts = [1, 0, 0, u32::from(bought)];
            let weight = if bought { 1.0 } else { 0.01 };
            pairs.push(
                UserId(user),
                ItemId(item),
                weight,
                &counts,
                Some(1_600_000_000),
            )?;
        }
    }
    let train = pairs.build(users as usize, items as usize)?;
    let nodes = (users + items) as usize;
    let table = || -> anyhow::Result<EmbeddingTable> {
        let mut numbers = Vec::with_capacity(nodes * dimension);
        for node in 0..nodes as u64 {
            let mut draws = random.at(2, node);
            numbers.extend((0..dimension).map(|_| draws.unit() as f32 - 0.5));
        }
        Ok(EmbeddingTable::new(nodes, dimension, numbers)?)
    };
    let details = (0..items).map(|item| ItemDetails {
        category_id: None,
        category_code: Some(format!("category.{}", item % 200)),
        brand: Some(format!("brand-{}", item % 500)),
        price: Some(f64::from(item % 1000)),
        ..ItemDetails::default()
    });
    let artifact = Artifact {
        model: ModelDescription {
            name: "lightgcn".to_owned(),
            dimension,
            n_layers: 2,
            layer_weights: Some(vec![1.0 / 3.0; 3]),
            graphs: vec![Normalization::Symmetric.into()],
            further_nodes: Vec::new(),
            config: serde_json::json!({ "seed": seed }),
        },
        layer0: table()?,
        embeddings: table()?,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names((0..users).map(|n| format!("u{n}")))?,
        items: Vocabulary::from_names((0..items).map(|n| format!("p{n}")))?,
        catalogue: Catalogue::from_details(details),
        behaviors: config,
        lineage: Lineage::default(),
    };
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent)?;
    }
    artifact.save(out)?;
    println!(
        "{} is a model with {items} items and {users} users",
        out.display()
    );
    Ok(())
}
