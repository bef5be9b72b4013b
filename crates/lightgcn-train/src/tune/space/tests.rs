use super::*;
use crate::{LossConfig, Schedule};
use lightgcn_nn::{AnyModelConfig, EmbeddingInitializer, LayerWeights};
use serde_json::json;

fn issues(text: &str) -> Vec<String> {
    match SearchSpace::from_toml(text) {
        Err(TrainError::SearchSpace { issues }) => issues,
        other => panic!("{text}: {other:?}"),
    }
}

/// Asserts that there is one issue for each of these, and that it names it.
fn told(text: &str, names: &[&str]) {
    let found = issues(text);
    assert_eq!(found.len(), names.len(), "{found:#?}");
    for name in names {
        assert!(
            found.iter().any(|issue| issue.contains(name)),
            "no {name:?} in {found:#?}"
        );
    }
}

#[test]
fn a_point_is_put_into_the_base() {
    let space = SearchSpace::from_toml(
        r#"
        [model]
        name = "lightgcn"
        dimension = 16
        [train]
        epochs = 7
        order = { by-user = {} }
        [space]
        "train.learning_rate" = { low = 1e-4, high = 1e-1, log = true }
        "train.gradient_clipping" = { low = 0.5, high = 2.0 }
        "train.order.by-user.users_per_epoch" = { low = 10, high = 20, step = 5 }
        [space.model]
        layers = { low = 1, high = 4, integer = true }
        layer_weights = { choices = ["uniform", "learned", { given = [1.0, 0.5, 0.25] }] }
        "#,
    );
    // Three given weights fit two layers, but the model's own check is made when it is built.
    let space = space.unwrap();
    let paths: Vec<&str> = space.parameters().keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "model.layer_weights",
            "model.layers",
            "train.gradient_clipping",
            "train.learning_rate",
            "train.order.by-user.users_per_epoch"
        ]
    );
    assert_eq!(space.n_points(), None);
    let point = Point::from([
        (
            "model.layer_weights".to_owned(),
            json!({ "given": [1.0, 0.5, 0.25] }),
        ),
        ("model.layers".to_owned(), json!(2)),
        ("train.gradient_clipping".to_owned(), json!(0.75)),
        ("train.learning_rate".to_owned(), json!(0.01)),
        ("train.order.by-user.users_per_epoch".to_owned(), json!(15)),
    ]);
    assert!(space.contains(&point));
    let candidate = space.candidate(&point).unwrap();
    let AnyModelConfig::LightGcn(model) = &candidate.model else {
        panic!("{candidate:?}")
    };
    assert_eq!((model.dimension, model.layers), (16, 2));
    assert_eq!(
        model.layer_weights,
        LayerWeights::Given(vec![1.0, 0.5, 0.25])
    );
    assert_eq!(
        (candidate.train.epochs, candidate.train.learning_rate),
        (7, 0.01)
    );
    assert_eq!(candidate.train.gradient_clipping, Some(0.75));
    assert!(format!("{:?}", candidate.train.order).contains("Some(15)"));

    let mut outside = point.clone();
    outside.insert("model.layers".to_owned(), json!(5));
    assert!(!space.contains(&outside));
    let mut fewer = point;
    fewer.remove("model.layers");
    assert!(!space.contains(&fewer));
}

#[test]
fn weights_of_behaviors_are_searched_by_their_names() {
    let space = SearchSpace::from_toml(
        r#"
        [train.weights.events]
        view = 0.01
        purchase = 2.0
        [space]
        "train.weights.events.view" = { low = 0.01, high = 1.0, log = true }
        "train.weights.events.cart" = { low = 0.1, high = 0.7 }
        "train.weights.caps.view" = { low = 1, high = 5, integer = true }
        "train.weights.half_life_days" = { low = 7.0, high = 90.0 }
        "#,
    )
    .unwrap();
    let point = Point::from([
        ("train.weights.caps.view".to_owned(), json!(3)),
        ("train.weights.events.cart".to_owned(), json!(0.4)),
        ("train.weights.events.view".to_owned(), json!(0.25)),
        ("train.weights.half_life_days".to_owned(), json!(30.5)),
    ]);
    assert!(space.contains(&point));
    let weights = space.candidate(&point).unwrap().train.weights;
    let named = |pairs: &[(&str, f64)]| {
        let pairs = pairs.iter();
        pairs
            .map(|&(name, value)| (name.to_owned(), value))
            .collect()
    };
    assert_eq!(
        weights,
        crate::GraphWeights {
            events: named(&[("cart", 0.4), ("purchase", 2.0), ("view", 0.25)]),
            caps: named(&[("view", 3.0)]),
            half_life_days: Some(30.5),
        }
    );
    // A table that there is not is told before any training.
    told(
        "[space]\n'train.weights.event.view' = { choices = [0.1] }",
        &["`train.weights.event.view` = 0.1: [train]"],
    );
}

#[test]
fn losses_schedules_and_starts_are_searched_by_their_paths() {
    let space = SearchSpace::from_toml(
        r#"
        [model]
        name = "lightgcn++"
        init_std = "xavier"
        [train]
        loss = { name = "softmax", top_k = {} }
        [space]
        "model.alpha" = { low = 0.0, high = 1.0 }
        "model.init_std" = { choices = ["xavier", 0.1] }
        "train.loss.temperature" = { low = 0.05, high = 0.3, log = true }
        "train.loss.negative_weight" = { low = 0.6, high = 1.4 }
        "train.loss.top_k.temperature" = { low = 0.5, high = 3.0, step = 0.25 }
        "train.schedule" = { choices = ["constant", { cosine = { final_share = 0.1 } }] }
        "#,
    )
    .unwrap();
    let point = Point::from(
        [
            ("model.alpha", json!(0.25)),
            ("model.init_std", json!(0.1)),
            ("train.loss.temperature", json!(0.2)),
            ("train.loss.negative_weight", json!(1.25)),
            ("train.loss.top_k.temperature", json!(0.75)),
            (
                "train.schedule",
                json!({ "cosine": { "final_share": 0.1 } }),
            ),
        ]
        .map(|(path, value)| (path.to_owned(), value)),
    );
    assert!(space.contains(&point));
    let candidate = space.candidate(&point).unwrap();
    let AnyModelConfig::LightGcnPlusPlus(model) = &candidate.model else {
        panic!("{candidate:?}")
    };
    let normal = EmbeddingInitializer::Normal { std: 0.1 };
    assert_eq!((model.alpha.value(), model.initializer), (0.25, normal));
    let LossConfig::Softmax(loss) = candidate.train.loss else {
        panic!("{candidate:?}")
    };
    assert_eq!((loss.temperature, loss.negative_weight), (0.2, 1.25));
    assert_eq!(loss.top_k.map(|top_k| top_k.temperature), Some(0.75));
    let cosine = Schedule::Cosine { final_share: 0.1 };
    assert_eq!(candidate.train.schedule, cosine);

    // Within a schedule, where the base has one.
    let space = SearchSpace::from_toml(
        r#"
        [train]
        schedule = { cosine = { final_share = 0.1 } }
        [space]
        "train.schedule.cosine.final_share" = { low = 0.0, high = 0.5 }
        "#,
    );
    assert_eq!(space.unwrap().parameters().len(), 1);
    // And not where the base has another loss or schedule.
    told(
        r#"
        [train]
        schedule = "constant"
        [space]
        "train.loss.temperature" = { low = 0.05, high = 0.3 }
        "train.schedule.cosine.final_share" = { low = 0.0, high = 0.5 }
        "#,
        &["train.loss.temperature", "train.schedule"],
    );
}

#[test]
fn models_can_be_choices() {
    let space = SearchSpace::from_toml(
        r#"
        [space]
        "model" = { choices = [{ name = "mf" }, { name = "lightgcn", layers = 2 }] }
        "train.batch_size" = { choices = [512, 1024, 2048] }
        "#,
    )
    .unwrap();
    assert_eq!(space.n_points(), Some(6));
    let named =
        SearchSpace::from_toml("[space]\n\"model.name\" = { choices = [\"mf\", \"ngcf\"] }");
    assert_eq!(named.unwrap().n_points(), Some(2));
}

#[test]
fn every_issue_is_told_before_any_training() {
    told("[space", &["line 1"]);
    told("", &["[space]"]);
    told("[space]", &["[space]"]);
    told(
        r#"
        seed = 3
        [space]
        "train.learning_rate" = 0.1
        "train.l2" = { high = 1.0 }
        "train.epochs" = { choices = [] }
        "optimizer.epsilon" = { low = 0, high = 1 }
        "train..l2" = { low = 0, high = 1 }
        "train.metric_k" = { choices = [10, 20] }
        "#,
        &[
            "\"seed\"",
            "`train.learning_rate`",
            "`train.l2`",
            "`train.epochs`",
            "`optimizer.epsilon`",
            "`train..l2`",
            "`train.metric_k`",
        ],
    );
    told(
        r#"
        [space]
        "train.learning_rat" = { low = 0.1, high = 0.2 }
        "train.learning_rate" = { low = 0.1, high = 2.0 }
        "train.epochs" = { low = 1.0, high = 5.0 }
        "train.positives" = { choices = ["targets", "target"] }
        "model.layers" = { low = -1, high = 3, step = 1 }
        "#,
        &[
            "`train.learning_rat` = 0.1: [train]",
            "`train.learning_rate` = 2.0: learning_rate",
            "`train.epochs` = 1.0: [train]",
            "`train.epochs` = 5.0: [train]",
            "`train.positives` = \"target\": [train]",
            "`model.layers` = -1: [model]",
        ],
    );
    told(
        "[model]\nname = 'mf'\nlayers = 2\n[train]\nepoch = 1\n[space]\ntrain.l2 = { low = 0, high = 1 }",
        &["[model]", "[train]"],
    );
    told(
        "[train]\nschedule = 'constant'\n[space]\n'train.schedule.cosine.final_share' = { low = 0, high = 1 }",
        &["train.schedule"],
    );
    told(
        "[space]\nmodel = { choices = [{ name = 'mf' }] }\n'model.dimension' = { choices = [8] }",
        &["`model.dimension`"],
    );
}

#[test]
fn values_that_do_not_go_together_are_told() {
    let found = issues(
        "[space]\n'model.name' = { choices = ['lightgcn', 'mf'] }\n\
         'model.layers' = { low = 1, high = 3, step = 1 }",
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("model.layers 1, model.name mf: [model]"));
}

#[test]
fn a_path_without_effect_is_told() {
    told(
        "[train]\nloss = { name = 'bpr' }\n\
         [space]\n'train.loss.temperature' = { low = 0.1, high = 0.2 }",
        &["`train.loss.temperature` = 0.1"],
    );
    let space = SearchSpace::from_toml(
        "[train]\nloss = { name = 'softmax' }\n\
         [space]\n'train.loss.temperature' = { low = 0.1, high = 0.2 }",
    );
    let point = Point::from([("train.loss.temperature".to_owned(), json!(0.15))]);
    let candidate = space.unwrap().candidate(&point).unwrap();
    assert!(matches!(candidate.train.loss, LossConfig::Softmax(loss) if loss.temperature == 0.15));
}

#[test]
fn values_are_short_for_people() {
    for (value, text) in [
        (json!(0.003_123_49), "0.003123"),
        (json!(0.5), "0.5"),
        (json!(1.234_56e-7), "1.235e-7"),
        (json!(12), "12"),
        (json!("uniform"), "uniform"),
        (json!(true), "true"),
    ] {
        assert_eq!(short(&value), text);
    }
}
