use super::*;
use crate::run::job::RunOptions;
use crate::{Device, Ranks, SingleRank, TrainConfig, Trainer};
use burn::backend::Autodiff;
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, Split, Truth, UserId,
};
use lightgcn_graph::{GraphOptions, TrainGraph};
use lightgcn_kernels::CpuBackend;
use lightgcn_kernels::optim::FusedAdamState;
use lightgcn_nn::LightGcnConfig;
use std::sync::Arc;

type B = Autodiff<CpuBackend>;

fn dataset(users: &[&str], items: &[&str]) -> Dataset {
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    let (n_users, n_items) = (users.len() as u32, items.len() as u32);
    for user in 0..n_users {
        for n in 0..2 {
            let item = ItemId((user + n) % n_items);
            pairs.push(UserId(user), item, 1.0, &[1], None).unwrap();
        }
    }
    let (u, i) = (users.len(), items.len());
    let split = Split::new(
        pairs.build(u, i).unwrap(),
        Truth::empty(u, i),
        Truth::empty(u, i),
    );
    Dataset::new(
        split.unwrap(),
        Vocabulary::from_names(users.iter().copied()).unwrap(),
        Vocabulary::from_names(items.iter().copied()).unwrap(),
        Catalogue::unknown(i),
        BehaviorWeightsConfig::single("purchase").check().unwrap(),
        Lineage::default(),
    )
    .unwrap()
}

/// Known rows have the earlier embeddings and moments, in whatever order they stand; new rows are as fresh
/// ones and have no moments.
#[test]
fn known_ids_go_on_and_new_ones_begin() {
    let old = dataset(&["ann", "bob", "cleo", "dan"], &["soap", "comb", "lamp"]);
    let new = dataset(
        &["eve", "cleo", "ann", "fay", "bob"],
        &["lamp", "oil", "soap", "mug"],
    );
    let folder = tempfile::tempdir().unwrap();
    let model = LightGcnConfig::published();
    let config = TrainConfig {
        epochs: 3,
        ..TrainConfig::published()
    };
    let trainer = Trainer::new(&old)
        .model(model.clone())
        .config(config.clone());
    let trained = trainer
        .device(Device::Cpu)
        .folder(folder.path())
        .run()
        .unwrap();
    let artifact = Arc::new(trained.artifact);
    let start = WarmStart::new(Arc::clone(&artifact))
        .with_run(folder.path())
        .unwrap();

    let device = Default::default();
    let graph = TrainGraph::new(&new.split.train, &GraphOptions::default()).unwrap();
    let nodes = NodeCounts::new(5, 4).unwrap();
    let job = FitJob {
        dataset: &new,
        adjacencies: &[graph.adjacency(&model.graphs()[0]).unwrap()],
        sequences: None,
        nodes: &nodes,
        config: &config.check().unwrap(),
        loss: &config.loss,
        run: &RunOptions::default(),
        ranks: &(Arc::new(SingleRank) as Arc<dyn Ranks>),
        shards: None,
        model_name: "lightgcn",
        device_name: "the CPU",
        lineage: &Lineage::default(),
    };
    let fresh = model.init::<B>(&nodes, 42, &device).unwrap();
    let base = host(fresh.layer0());
    let (module, adam) = build::<B, _, _>(&model, Some(start), &job, &device).unwrap();
    let table = host(module.layer0());
    let mut parameters = Parameters(Vec::new());
    module.visit(&mut parameters);
    let id = parameters.0[0].id;
    let mut adam = adam.unwrap();
    let state: FusedAdamState<CpuBackend, 2> = adam.remove(&id).unwrap().into_state::<2>();
    assert!(adam.is_empty());

    let checkpoint = Checkpoint::of_any_run(folder.path());
    let shapes = model
        .init::<B>(&NodeCounts::new(4, 3).unwrap(), 42, &device)
        .unwrap();
    let optimizer = FusedAdamConfig::new().init::<B, _>();
    let restored = checkpoint.load::<B, _>(shapes, optimizer, &device).unwrap();
    let before: Vec<_> = restored.optimizer.to_record().into_values().collect();
    let before: FusedAdamState<CpuBackend, 2> = before[0].clone().into_state::<2>();
    assert_eq!((state.time, before.time), (3, 3));
    let moments = [
        (host(state.first_moment), host(before.first_moment)),
        (host(state.second_moment), host(before.second_moment)),
    ];
    assert!(moments.iter().all(|(_, old)| old.iter().any(|&x| x != 0.0)));
    // By hand: rows of the old table are ann, bob, cleo, dan, soap, comb, lamp.
    let rows = [
        None,
        Some(2),
        Some(0),
        None,
        Some(1),
        Some(6),
        None,
        Some(4),
        None,
    ];
    for (row, from) in rows.into_iter().enumerate() {
        let here = row * 64..row * 64 + 64;
        let there = from.map(|from: usize| from * 64..from * 64 + 64);
        match there {
            Some(there) => {
                assert_eq!(
                    table[here.clone()],
                    artifact.layer0.data()[there.clone()],
                    "row {row}"
                );
                for (new, old) in &moments {
                    assert_eq!(new[here.clone()], old[there.clone()], "row {row}");
                }
            }
            None => {
                assert_eq!(table[here.clone()], base[here.clone()], "row {row}");
                for (new, _) in &moments {
                    assert!(new[here.clone()].iter().all(|&x| x == 0.0), "row {row}");
                }
            }
        }
    }
}
