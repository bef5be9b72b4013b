//! What holds for every model.

use crate::matrix::tests::{larger_table, train};
use crate::*;
use lightgcn_core::{ItemId, Train};

type Fit = Box<dyn Fn(&Train) -> Result<Box<dyn LinearModel>, LinearError> + Sync>;

/// Every model, with settings for small catalogues.
fn models(weights: PairWeights) -> Vec<Fit> {
    macro_rules! fit {
        ($config:expr) => {{
            let config = $config;
            Box::new(move |train: &Train| Ok(Box::new(config.fit(train)?) as Box<dyn LinearModel>))
                as Fit
        }};
    }
    vec![
        fit!(ItemKnnConfig {
            n_neighbors: 20,
            shrinkage: 2.0,
            weights,
            ..Default::default()
        }),
        fit!(Rp3BetaConfig {
            n_neighbors: 20,
            weights,
            ..Default::default()
        }),
        fit!(EaseConfig {
            regularization: 10.0,
            weights,
            ..Default::default()
        }),
        fit!(SpectralFilterConfig {
            n_vectors: 10,
            weights,
            ..Default::default()
        }),
        fit!(ChebyshevFilterConfig {
            n_vectors: 10,
            weights,
            ..Default::default()
        }),
        fit!(TruncatedSvdConfig {
            rank: 4,
            weights,
            ..Default::default()
        }),
    ]
}

fn all_scores(model: &dyn LinearModel, histories: &[History<'_>]) -> Vec<u32> {
    let mut out = vec![f32::NAN; histories.len() * model.n_items()];
    model.scores_into(histories, &mut out);
    assert!(out.iter().all(|score| score.is_finite()));
    out.into_iter().map(f32::to_bits).collect()
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.unwrap().install(work)
}

/// Long enough for several blocks of rows, columns and users.
fn large() -> Train {
    train(&larger_table(700, 530))
}

#[test]
fn fitting_and_scoring_have_the_same_bits_at_any_thread_count() {
    let train = large();
    for fit in models(PairWeights::Weighted) {
        let run = |threads| {
            in_pool(threads, || {
                let model = fit(&train).unwrap();
                let histories = Histories::new(&train, model.pair_weights());
                let some: Vec<_> = histories.iter().take(80).collect();
                all_scores(&*model, &some)
            })
        };
        let one = run(1);
        for threads in [2, 5] {
            assert!(
                run(threads) == one,
                "{:?} at {threads} threads",
                fit(&train)
            );
        }
    }
}

#[test]
fn a_score_does_not_depend_on_who_else_is_asked_for() {
    let train = large();
    for fit in models(PairWeights::Weighted) {
        let model = fit(&train).unwrap();
        let histories = Histories::new(&train, model.pair_weights());
        let some: Vec<_> = histories.iter().take(75).collect();
        let together = all_scores(&*model, &some);
        for size in [1, 7, 64] {
            let apart: Vec<u32> = some
                .chunks(size)
                .flat_map(|part| all_scores(&*model, part))
                .collect();
            assert!(apart == together, "{} by {size}", model.name());
        }
        let alone: Vec<u32> = model
            .scores(some[3])
            .into_iter()
            .map(f32::to_bits)
            .collect();
        assert_eq!(alone, together[3 * 530..4 * 530]);
    }
}

#[test]
fn planted_groups_are_recovered() {
    // Two groups of users and items. A newcomer who had half of a group's items gets the
    // other half before anything else.
    let cell = |u: usize, i: usize| {
        let same = u % 2 == i % 2;
        if (same && !(u * 5 + i * 3).is_multiple_of(4)) || (u + 3 * i).is_multiple_of(17) {
            1.0
        } else {
            0.0
        }
    };
    let table: Vec<Vec<f32>> = (0..60)
        .map(|u| (0..24).map(|i| cell(u, i)).collect())
        .collect();
    let items: Vec<ItemId> = (0..12).filter(|i| i % 2 == 1).map(ItemId).collect();
    let history = History::new(&items, &[1.0; 6]).unwrap();
    for fit in models(PairWeights::Binary) {
        let model = fit(&train(&table)).unwrap();
        let scores = model.scores(history);
        let mut rest: Vec<usize> = (0..24).filter(|i| !(*i < 12 && i % 2 == 1)).collect();
        rest.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        assert!(
            rest[..6].iter().all(|i| i % 2 == 1),
            "{}: {rest:?}",
            model.name()
        );
    }
}

#[test]
fn weights_that_do_not_count_change_nothing() {
    // Binary pairs of any weights are weighted pairs of 1.
    let table = larger_table(30, 20);
    let ones: Vec<Vec<f32>> = table
        .iter()
        .map(|row| row.iter().map(|w| f32::from(u8::from(*w > 0.0))).collect())
        .collect();
    let (table, ones) = (train(&table), train(&ones));
    let binary = models(PairWeights::Binary).into_iter();
    for (binary, weighted) in binary.zip(models(PairWeights::Weighted)) {
        let scores = |model: Box<dyn LinearModel>, train: &Train| {
            let histories = Histories::new(train, model.pair_weights());
            all_scores(&*model, &histories.iter().collect::<Vec<_>>())
        };
        let one = scores(binary(&table).unwrap(), &table);
        assert_eq!(one, scores(weighted(&ones).unwrap(), &ones));
        assert_ne!(one, scores(weighted(&table).unwrap(), &table));
    }
}

#[test]
fn nothing_had_scores_nothing_and_nothing_to_learn_is_an_error() {
    let train = large();
    let empty = crate::matrix::tests::train(&[vec![0.0, 0.0]]);
    for fit in models(PairWeights::Weighted) {
        let model = fit(&train).unwrap();
        let scores = model.scores(History::new(&[], &[]).unwrap());
        assert!(scores.iter().all(|score| *score == 0.0), "{}", model.name());
        model.scores_into(&[], &mut []);
        let error = fit(&empty).unwrap_err();
        let expected = LinearError::NoPairs {
            n_users: 1,
            n_items: 2,
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn items_out_of_range_panic() {
    let train = train(&[vec![1.0, 1.0], vec![1.0, 0.0]]);
    let items = [ItemId(2)];
    for fit in models(PairWeights::Weighted) {
        let model = fit(&train).unwrap();
        let history = History::new(&items, &[1.0]).unwrap();
        let scored = std::panic::AssertUnwindSafe(|| model.scores(history));
        let message = std::panic::catch_unwind(scored).unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert!(message.contains("item row 2 is out of range"), "{message}");
    }
}

#[test]
fn every_issue_of_a_configuration_is_listed() {
    let issues = |checked: Result<(), LinearError>| match checked {
        Err(LinearError::Config { issues, .. }) => issues,
        other => panic!("{other:?}"),
    };
    let knn = ItemKnnConfig {
        n_neighbors: 0,
        shrinkage: -1.0,
        weighting: FeatureWeighting::Bm25 { k1: 0.0, b: 1.5 },
        ..Default::default()
    };
    let found = issues(knn.check());
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[3], "b is 1.5; it must be between 0 and 1");
    let walks = Rp3BetaConfig {
        alpha: f64::NAN,
        beta: -0.5,
        n_neighbors: 0,
        ..Default::default()
    };
    assert_eq!(issues(walks.check()).len(), 3);
    let ease = EaseConfig {
        regularization: 0.0,
        ..Default::default()
    };
    assert_eq!(issues(ease.check()).len(), 1);
    let spectral = SpectralFilterConfig {
        n_vectors: 0,
        ideal_weight: f64::INFINITY,
        ..Default::default()
    };
    assert_eq!(issues(spectral.check()).len(), 2);
    let chebyshev = ChebyshevFilterConfig {
        order: 65,
        flatness: 0.0,
        degree_power: -1.0,
        ideal_weight: -1.0,
        n_vectors: 0,
        ..Default::default()
    };
    assert_eq!(issues(chebyshev.check()).len(), 5);
    let svd = TruncatedSvdConfig {
        rank: 0,
        ..Default::default()
    };
    assert_eq!(issues(svd.check()), ["rank is 0; it must be at least 1"]);
    assert!(matches!(
        svd.fit(&large()),
        Err(LinearError::Config { model: "PureSVD", issues }) if issues.len() == 1
    ));
}

#[test]
fn contributions_sum_to_the_score() {
    let train = train(&larger_table(40, 30));
    let n_items = train.interactions().n_items();
    let items: Vec<ItemId> = [0, 3, 5].map(ItemId).to_vec();
    let weights = [1.0, 0.25, 2.0];
    let history = History::new(&items, &weights).unwrap();
    for fit in models(PairWeights::Weighted) {
        let model = fit(&train).unwrap();
        let scores = model.scores(history);
        let size = scores
            .iter()
            .fold(0.0f32, |size, score| size.max(score.abs()));
        for item in (0..n_items as u32).map(ItemId) {
            let parts = model.contributions(history, item);
            assert_eq!(parts.len(), 3);
            let sum: f32 = parts.iter().sum();
            let gap = (sum - scores[item.index()]).abs();
            assert!(
                gap <= 1e-5 * size,
                "{}: {sum} is not {}",
                model.name(),
                scores[item.index()]
            );
        }
    }
}
