//! Training from an earlier model, and whether the new one may follow it.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{RunOptions, mf, shop, train_with, trainer};
use lightgcn_core::{Dataset, InteractionsBuilder, Split, Truth, Vocabulary};
use lightgcn_nn::{AnyModelConfig, LayerWeights, LightGcnConfig, ModelConfig, NgcfConfig};
use lightgcn_store::Artifact;
use lightgcn_train::{
    Margin, Observer, RetrainReport, Retraining, Silent, StopSignal, TrainConfig, TrainError,
    TrainEvent, WarmStart,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 32,
        learning_rate: 0.01,
        // What the size of the data decides otherwise.
        accumulate: Some(1),
        validate_every: Some(2),
        patience: Some(5),
        ..TrainConfig::published()
    }
}

fn run_in(folder: &Path, resume: bool) -> RunOptions {
    RunOptions {
        folder: Some(folder.to_owned()),
        resume,
        stop: StopSignal::new(),
    }
}

/// The shop with its users from another row on, and others in the place of the first few.
fn later_shop(new_users: usize) -> Dataset {
    let shop = shop();
    let train = shop.split.train.interactions();
    let (n_users, n_items) = (train.n_users(), train.n_items());
    let turned = |user: lightgcn_core::UserId| {
        lightgcn_core::UserId(((user.0 as usize + n_users - 7) % n_users) as u32)
    };
    let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    for user in shop.users.iter() {
        let user = shop.users.get(user).unwrap();
        for pair in train.of_user(user) {
            let counts: Vec<u32> = pair.counts.to_vec();
            pairs
                .push(turned(user), pair.item, pair.weight, &counts, None)
                .unwrap();
        }
    }
    let moved = |truth: &Truth| {
        let pairs = truth
            .iter()
            .map(|(user, item)| (turned(user), item))
            .collect();
        Truth::from_pairs(n_users, n_items, pairs).unwrap()
    };
    let split = Split::new(
        pairs.build(n_users, n_items).unwrap(),
        moved(shop.split.validation.truth()),
        moved(shop.split.test.truth()),
    );
    let names = (0..n_users).map(|row| {
        let old = (row + 7) % n_users;
        match old < new_users {
            true => format!("newcomer-{old}"),
            false => format!("user-{old}"),
        }
    });
    Dataset::new(
        split.unwrap(),
        Vocabulary::from_names(names).unwrap(),
        shop.items.clone(),
        shop.catalogue.clone(),
        shop.behaviors.clone(),
        shop.lineage.clone(),
    )
    .unwrap()
}

fn models() -> Vec<AnyModelConfig> {
    let learned = AnyModelConfig::LightGcn(LightGcnConfig {
        dimension: 16,
        layers: 2,
        layer_weights: LayerWeights::Learned,
        ..LightGcnConfig::published()
    });
    let ngcf = AnyModelConfig::Ngcf(NgcfConfig {
        dimension: 16,
        layer_widths: vec![16, 8],
        ..NgcfConfig::default()
    });
    let lightgcn = AnyModelConfig::default().published().with_dimension(16);
    vec![lightgcn, learned, ngcf, mf()]
}

fn first(model: &AnyModelConfig, folder: &Path) -> Arc<Artifact> {
    let run = run_in(folder, false);
    let trained = train_with(&shop(), model, &config(), &run, &mut Silent).unwrap();
    Arc::new(trained.artifact)
}

#[test]
fn every_model_starts_from_its_run_to_the_same_bits() {
    for model in models() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = first(&model, folder.path());
        let start = WarmStart::new(Arc::clone(&artifact))
            .with_run(folder.path())
            .unwrap();
        assert!(start.has_checkpoint());
        let candidate = start.candidate().unwrap();
        assert_eq!((&candidate.model, &candidate.train), (&model, &config()));
        let again = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let run = RunOptions::default();
            let (dataset, config) = (later_shop(5), config());
            pool.install(|| {
                trainer(&dataset, &model, &config, &run)
                    .warm_start(start.clone())
                    .run()
            })
            .unwrap()
            .artifact
        };
        let one = again(1);
        assert_eq!(
            one.identity().unwrap(),
            again(3).identity().unwrap(),
            "{}",
            model.name()
        );
        let options = &one.lineage.options;
        assert_eq!(options["warm_start.previous"], artifact.identity().unwrap());
        assert_eq!(options["warm_start.adam"], "carried over");
    }
}

/// A step size that moves nothing shows where training began.
#[test]
fn embeddings_of_known_ids_are_where_training_begins() {
    let still = TrainConfig {
        epochs: 1,
        learning_rate: 1e-12,
        ..config()
    };
    for model in models() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = first(&model, folder.path());
        let start = WarmStart::new(Arc::clone(&artifact))
            .with_run(folder.path())
            .unwrap();
        let dataset = later_shop(5);
        let run = RunOptions::default();
        let new = trainer(&dataset, &model, &still, &run)
            .warm_start(start.clone())
            .run();
        let new = new.unwrap().artifact;
        for (row, name) in dataset.users.iter().enumerate() {
            let Some(old) = artifact.users.get(name) else {
                continue;
            };
            let (new, old) = (new.layer0.row(row), artifact.layer0.row(old.index()));
            assert!(
                new.iter().zip(old).all(|(a, b)| (a - b).abs() < 1e-6),
                "{name}"
            );
        }
        assert_eq!(
            dataset
                .users
                .iter()
                .filter(|n| n.starts_with("newcomer"))
                .count(),
            5
        );
    }
}

#[test]
fn without_its_run_a_model_starts_from_its_embeddings_alone() {
    for model in models() {
        let folder = tempfile::tempdir().unwrap();
        let start = WarmStart::new(first(&model, folder.path()));
        let run = RunOptions::default();
        let (dataset, config) = (later_shop(0), config());
        let new = trainer(&dataset, &model, &config, &run)
            .warm_start(start.clone())
            .run();
        let has_more = matches!(&model, AnyModelConfig::Ngcf(_))
            || matches!(&model, AnyModelConfig::LightGcn(spec) if spec.layer_weights == LayerWeights::Learned);
        match new {
            Ok(new) => {
                assert!(!has_more, "{}", model.name());
                assert_eq!(new.artifact.lineage.options["warm_start.adam"], "new");
            }
            Err(error) => {
                assert!(matches!(error, TrainError::WarmStart { .. }), "{error}");
                assert!(has_more, "{}: {error}", model.name());
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = mf();
    let artifact = first(&model, folder.path());
    let start = WarmStart::new(Arc::clone(&artifact));
    let none = folder.path().join("none");
    assert!(matches!(
        start.clone().with_run(&none),
        Err(TrainError::NoCheckpoint { .. })
    ));
    let other = tempfile::tempdir().unwrap();
    let seed = TrainConfig {
        seed: 1,
        ..config()
    };
    let run = run_in(other.path(), false);
    train_with(&shop(), &model, &seed, &run, &mut Silent).unwrap();
    let error = start.clone().with_run(other.path()).unwrap_err();
    assert!(
        matches!(error, TrainError::CheckpointMismatch { .. }),
        "{error}"
    );

    let run = RunOptions::default();
    let wide = AnyModelConfig::default().published();
    let error = trainer(&shop(), &wide, &config(), &run)
        .warm_start(start.clone())
        .run();
    let error = error.unwrap_err();
    assert!(matches!(error, TrainError::WarmStart { .. }), "{error}");
    // A damaged checkpoint is reported as such.
    let start = start.with_run(folder.path()).unwrap();
    fs::write(folder.path().join("checkpoint/optimizer.mpk"), "x").unwrap();
    let error = trainer(&shop(), &model, &config(), &run)
        .warm_start(start.clone())
        .run();
    assert!(matches!(error, Err(TrainError::CheckpointDamaged { .. })));
}

struct StopIn(u32, StopSignal);

impl Observer for StopIn {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        if matches!(event, TrainEvent::Batches { epoch, .. } if *epoch == self.0) {
            self.1.stop();
        }
    }
}

#[test]
fn an_interrupted_retraining_resumes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let model = mf();
    let artifact = first(&model, folder.path());
    let start = WarmStart::new(artifact).with_run(folder.path()).unwrap();
    let config = TrainConfig {
        batch_size: 2,
        ..config()
    };
    let next = folder.path().join("next");
    let go = |run: &RunOptions, observer: &mut dyn Observer| {
        let later = later_shop(3);
        let fresh = trainer(&later, &model, &config, run);
        fresh
            .warm_start(start.clone())
            .observer(observer)
            .run()
            .unwrap()
    };
    let whole = go(&RunOptions::default(), &mut Silent).artifact;
    let run = run_in(&next, false);
    let mut stop = StopIn(2, run.stop.clone());
    go(&run, &mut stop);
    let resumed = go(&run_in(&next, true), &mut Silent).artifact;
    assert_eq!(resumed.identity().unwrap(), whole.identity().unwrap());
}

fn compared(previous: &Artifact, retrained: &Artifact, dataset: &Dataset) -> RetrainReport {
    let retraining = Retraining::new(previous, dataset, false).unwrap();
    retraining.compare(retrained).unwrap()
}

/// The shop with nothing held out.
fn whole_shop() -> Dataset {
    let shop = shop();
    let (train, split) = (shop.split.train.interactions(), &shop.split);
    let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    for pair in train.iter() {
        let held = [split.validation.truth(), split.test.truth()];
        let is_held = held
            .iter()
            .any(|truth| truth.items_of(pair.user).contains(&pair.item));
        let bought = [pair.counts[0], pair.counts[1] + u32::from(is_held)];
        pairs
            .push(pair.user, pair.item, pair.weight, &bought, None)
            .unwrap();
    }
    for (user, item) in split
        .validation
        .truth()
        .iter()
        .chain(split.test.truth().iter())
    {
        if train.find(user, item).is_none() {
            pairs.push(user, item, 1.0, &[0, 1], None).unwrap();
        }
    }
    let (n_users, n_items) = (train.n_users(), train.n_items());
    let none = Truth::empty(n_users, n_items);
    let pairs = pairs.build(n_users, n_items).unwrap();
    let split = Split::new(pairs, none.clone(), none).unwrap();
    Dataset { split, ..shop }
}

#[test]
fn a_refit_trains_what_was_chosen_on_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, whole, model) = (shop(), whole_shop(), mf());
    let run = run_in(folder.path(), false);
    let mut chosen = train_with(&dataset, &model, &config(), &run, &mut Silent).unwrap();
    let options = lightgcn_recommend::EvaluationOptions::default();
    chosen.evaluate_on_test(&dataset, &options).unwrap();
    let refit = trainer(&whole, &model, &config(), &run)
        .refit(&chosen.chosen().unwrap())
        .run()
        .unwrap();
    let direct = TrainConfig {
        epochs: chosen.best_epoch,
        ..config()
    };
    let none = RunOptions::default();
    let direct = train_with(&whole, &model, &direct, &none, &mut Silent).unwrap();
    assert_eq!(refit.artifact.embeddings, direct.artifact.embeddings);
    assert_ne!(refit.artifact.embeddings, chosen.artifact.embeddings);
    let lineage = &refit.artifact.lineage;
    assert_eq!(lineage.options["refit"], "true");
    assert_eq!(lineage.figures, chosen.artifact.lineage.figures);
    assert!(lineage.figures.contains_key("test recall@20"));
    assert_eq!(refit.best_epoch, chosen.best_epoch);
    // Both can be retrained from their runs.
    for artifact in [refit.artifact, chosen.artifact] {
        let start = WarmStart::new(Arc::new(artifact)).with_run(folder.path());
        assert!(start.unwrap().has_checkpoint());
    }
}

#[test]
fn both_models_answer_for_the_same_users() {
    let folder = tempfile::tempdir().unwrap();
    let model = mf();
    let dataset = shop();
    let run = run_in(folder.path(), false);
    let trained = train_with(&dataset, &model, &config(), &run, &mut Silent).unwrap();
    let (artifact, evaluation) = (trained.artifact, trained.validation.unwrap());
    let artifact = by_embeddings(artifact);
    let same = compared(&artifact, &artifact, &dataset);
    assert_eq!(same.previous, same.retrained);
    let recall = evaluation
        .mean(lightgcn_metrics::Metric::Recall, 20)
        .unwrap();
    assert_eq!(same.retrained.recall, recall);
    assert_eq!((same.n_users, same.n_targets), (60, 60));
    assert!(same.issues(Margin::new(0.0).unwrap()).is_empty());

    // Five users are unknown to the earlier model, whose rows stand elsewhere.
    let later = later_shop(5);
    let run = RunOptions::default();
    let new = train_with(&later, &model, &config(), &run, &mut Silent)
        .unwrap()
        .artifact;
    let report = compared(&artifact, &by_embeddings(new), &later);
    assert_eq!((report.n_users, report.left_out_unknown_user), (55, 5));
    let known_by_old: f64 = (report.previous.recall - same.previous.recall).abs();
    assert!(
        known_by_old < 0.1,
        "the rows of the earlier model were mixed up: {report:?}"
    );

    // A model that likes what its users do not follows none.
    let learned = TrainConfig {
        epochs: 40,
        ..config()
    };
    let good = train_with(&later, &model, &learned, &run, &mut Silent);
    let good = by_embeddings(good.unwrap().artifact);
    let mut worse = good.clone();
    let (rows, dimension) = (worse.embeddings.rows(), worse.embeddings.dimension());
    let mut data = worse.embeddings.data().to_vec();
    for x in &mut data[..later.users.len() * dimension] {
        *x = -*x;
    }
    worse.embeddings = lightgcn_store::EmbeddingTable::new(rows, dimension, data).unwrap();
    let report = compared(&good, &worse, &later);
    assert_eq!(report.issues(Margin::default()).len(), 2, "{report:?}");
}

fn by_embeddings(artifact: Artifact) -> Artifact {
    Artifact {
        ranking: None,
        attention: None,
        ..artifact
    }
}

/// The same model with a ranking that prefers the opposite of the learned one.
fn with_contrary_ranking(artifact: &Artifact) -> Artifact {
    let mut contrary = artifact.clone();
    let description = &mut contrary.ranking.as_mut().unwrap().description;
    for feature in description["features"].as_array_mut().unwrap() {
        for weight in ["met", "new"] {
            feature[weight] = (-feature[weight].as_f64().unwrap()).into();
        }
    }
    contrary
}

/// The ranker that answers is compared: the learned ranking.
#[test]
fn a_worse_ranking_follows_no_better_one() {
    let dataset = shop();
    let (model, run) = (mf(), RunOptions::default());
    let good = train_with(&dataset, &model, &config(), &run, &mut Silent).unwrap();
    let good = good.artifact;
    let worse = with_contrary_ranking(&good);
    assert_eq!(worse.embeddings, good.embeddings);
    let report = compared(&good, &worse, &dataset);
    assert_eq!(report.issues(Margin::default()).len(), 2, "{report:?}");
    assert!(report.previous.learned_ranking && report.retrained.learned_ranking);
    let report = compared(&worse, &good, &dataset);
    assert!(report.issues(Margin::default()).is_empty(), "{report:?}");

    // The earlier model's rows stand elsewhere, and it may have no ranking.
    let later = later_shop(5);
    let new = train_with(&later, &model, &config(), &run, &mut Silent).unwrap();
    let report = compared(&good, &new.artifact, &later);
    let same = compared(&good, &good, &dataset);
    assert_eq!(same.previous, same.retrained);
    let moved = (report.previous.recall - same.previous.recall).abs();
    assert!(moved < 0.1, "{report:?}, {same:?}");
    let report = compared(&by_embeddings(good), &new.artifact, &later);
    assert!(!report.previous.learned_ranking && report.retrained.learned_ranking);
}

/// The earlier model must not be tested on what it was trained on.
#[test]
fn targets_that_the_earlier_model_was_trained_on_are_left_out() {
    let dataset = shop();
    let run = RunOptions::default();
    let model = mf();
    let new = train_with(&dataset, &model, &config(), &run, &mut Silent)
        .unwrap()
        .artifact;
    let mut knows_all = new.clone();
    let (train, truth) = (
        dataset.split.train.interactions(),
        dataset.split.validation.truth(),
    );
    let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    for user in dataset
        .users
        .iter()
        .map(|name| dataset.users.get(name).unwrap())
    {
        for pair in train.of_user(user) {
            pairs
                .push(user, pair.item, pair.weight, pair.counts, None)
                .unwrap();
        }
    }
    for (n, (user, item)) in truth.iter().enumerate() {
        // All but one.
        if n > 0 && !train.of_user(user).any(|pair| pair.item == item) {
            pairs.push(user, item, 1.0, &[0, 1], None).unwrap();
        }
    }
    knows_all.train = pairs.build(60, 30).unwrap();
    let report = compared(&knows_all, &new, &dataset);
    assert_eq!((report.n_targets, report.left_out_trained_on), (1, 59));
    // Nobody is known.
    let mut strangers = new.clone();
    strangers.users = Vocabulary::from_names((0..60).map(|n| format!("x{n}"))).unwrap();
    let error = Retraining::new(&strangers, &dataset, false).unwrap_err();
    let TrainError::OtherIds {
        what,
        known,
        of,
        lost,
        new,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((what, known, of), ("users", 0, 60));
    assert_eq!((&*lost, &*new), ("x0", "user-0"));
    let error = Retraining::new(&strangers, &dataset, true).unwrap_err();
    assert!(matches!(error, TrainError::NotComparable { .. }), "{error}");
}
