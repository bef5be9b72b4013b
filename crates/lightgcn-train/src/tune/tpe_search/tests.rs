use super::*;

const SPACE: &str = "[space]\n\
    'train.learning_rate' = { low = 1e-4, high = 1.0, log = true }\n\
    'train.l2' = { low = 0.0, high = 1.0 }\n\
    'model.layers' = { low = 1, high = 8, step = 1 }\n\
    'model.layer_weights' = { choices = ['uniform', 'learned'] }";

fn space() -> SearchSpace {
    SearchSpace::from_toml(SPACE).unwrap()
}

/// At most 0, at learning rate 0.01, l2 0.3, 3 layers, learned weights: minus the sum of squared
/// distances, in shares of the ranges.
fn quadratic(point: &Point) -> f64 {
    let number = |path: &str| point[path].as_f64().unwrap();
    let rate = (number("train.learning_rate").log10() + 2.0) / 4.0;
    let l2 = number("train.l2") - 0.3;
    let layers = (number("model.layers") - 3.0) / 8.0;
    let wrong = f64::from(u8::from(point["model.layer_weights"] != "learned"));
    -(rate * rate + l2 * l2 + layers * layers + 0.1 * wrong)
}

/// The best figure of so many trials.
fn best(strategy: &mut dyn SearchStrategy, trials: u32, objective: fn(&Point) -> f64) -> f64 {
    let mut best = f64::NEG_INFINITY;
    for number in 1..=trials {
        let point = strategy.suggest(number);
        let figure = objective(&point);
        strategy.observe(&point, Some(figure));
        best = best.max(figure);
    }
    best
}

#[test]
fn it_beats_random_search_on_a_quadratic() {
    let space = space();
    let (mut better, mut guided, mut random) = (0, 0.0, 0.0);
    for seed in 0..60 {
        let of_tpe = best(&mut TpeSearch::new(&space, seed), 40, quadratic);
        let of_random = best(&mut RandomSearch::new(&space, seed), 40, quadratic);
        better += usize::from(of_tpe > of_random);
        guided += of_tpe / 60.0;
        random += of_random / 60.0;
    }
    // As good as random search would be better in 30 of 60, give or take 4.
    assert!(better >= 42, "better in {better} of 60 searches");
    assert!(
        guided > random / 2.0,
        "mean best {guided}, at random {random}"
    );
}

#[test]
fn a_suggestion_follows_from_the_seed_the_number_and_the_observations() {
    let space = space();
    let points = |seed: u64| {
        let mut search = TpeSearch::new(&space, seed);
        let mut points = Vec::new();
        for number in 1..=25 {
            let point = search.suggest(number);
            // Asking twice changes nothing.
            assert_eq!(search.suggest(number), point);
            // Every fifth trial fails.
            let figure = (number % 5 > 0).then(|| quadratic(&point));
            search.observe(&point, figure);
            points.push((point, figure));
        }
        points
    };
    let whole = points(3);
    assert_eq!(whole, points(3));
    assert_ne!(whole, points(4));
    assert!(whole.iter().all(|(point, _)| space.contains(point)));

    let mut resumed = TpeSearch::new(&space, 3);
    for (point, figure) in &whole[..20] {
        resumed.observe(point, *figure);
    }
    assert_eq!(resumed.suggest(21), whole[20].0);
    // Another observation leads elsewhere.
    let mut other = TpeSearch::new(&space, 3);
    for (point, figure) in &whole[..20] {
        other.observe(point, figure.map(|figure| -figure));
    }
    assert_ne!(other.suggest(21), whole[20].0);
}

#[test]
fn failed_points_are_avoided() {
    // Learning rates above 0.01 fail, and all others are equally good: failures alone can guide.
    let space = "[space]\n'train.learning_rate' = { low = 1e-4, high = 1.0, log = true }";
    let space = SearchSpace::from_toml(space).unwrap();
    let mut failed = 0;
    for seed in 0..10 {
        let mut search = TpeSearch::new(&space, seed);
        for number in 1..=60 {
            let point = search.suggest(number);
            let rate = point["train.learning_rate"].as_f64().unwrap();
            search.observe(&point, (rate <= 0.01).then_some(0.5));
            failed += usize::from(number > 30 && rate > 0.01);
        }
    }
    // At random it would be half of 300, give or take 9.
    assert!(failed < 60, "{failed} of 300 failed");
}

#[test]
fn a_small_space_is_tried_whole() {
    let space = "[space]\n'train.negatives' = { low = 1, high = 5, step = 1 }\n\
                 'model.layers' = { low = 1, high = 8, integer = true, log = true }";
    let space = SearchSpace::from_toml(space).unwrap();
    let mut search = TpeSearch::new(&space, 1);
    let mut found: Vec<Point> = Vec::new();
    for number in 1..=40 {
        let point = search.suggest(number);
        assert!(!found.contains(&point), "{point:?} twice");
        search.observe(&point, point["model.layers"].as_f64());
        found.push(point);
    }
}

#[test]
fn draws_follow_the_density() {
    // Nothing observed but at the low end: draws lie there, and choices that were good come more.
    let range = ParameterRange::Float {
        low: 0.0,
        high: 1.0,
        log: false,
    };
    let points: Vec<Point> = (0..20)
        .map(|n| Point::from([("x".to_owned(), serde_json::json!(f64::from(n) / 20.0))]))
        .collect();
    let (good, others): (Vec<&Point>, Vec<&Point>) = points
        .iter()
        .partition(|point| point["x"].as_f64().unwrap() < 0.2);
    let densities = Densities::new("x", &range, &good, &others);
    assert_eq!((densities.gain.len(), densities.discrete), (CELLS, false));
    let random = Random::new(1, Stream::Search);
    let values = (0..100).map(|n| densities.suggest(&mut random.at(0, n)));
    let low = values.filter(|x| x.as_f64().unwrap() < 0.25).count();
    assert!(low >= 90, "{low} of 100 are low");
    // Mass of l in the lowest fifth, against its share of the interval.
    let mass = densities.cumulative[CELLS / 5] / densities.cumulative[CELLS - 1];
    assert!(mass > 0.4, "{mass}");
}
