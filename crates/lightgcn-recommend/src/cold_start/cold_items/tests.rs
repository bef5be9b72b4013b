use super::*;
use crate::answer::chain::tests::larger;
use crate::{
    ExplainOptions, Fusion, Hide, LinearRanker, Member, Method, NewItem, RecommendOptions,
    Recommender, Source,
};
use lightgcn_core::{InteractionsBuilder, Split, Truth};
use lightgcn_linear::ItemKnnConfig;
use lightgcn_store::popularity_of;

/// The shop whose last five items nobody met, with a weight of content similarity.
fn shop(weight: f64) -> Recommender {
    let mut shop = Recommender::from_artifact(larger()).unwrap();
    weigh(&mut shop, weight);
    shop
}

fn weigh(shop: &mut Recommender, weight: f64) {
    let cold = shop.shop.items.cold_start.as_mut().unwrap();
    std::sync::Arc::make_mut(cold).weight = weight;
    shop.shop.items.find_by_content();
}

fn everything() -> RecommendOptions {
    RecommendOptions {
        k: 100,
        hide: Hide::Nothing,
        chain: vec![Source::Model, Source::Content],
        ..RecommendOptions::default()
    }
}

#[test]
fn scores_are_dot_products_plus_similarity() {
    let (plain, shop) = (shop(0.0), shop(0.7));
    let (before, after) = (
        plain.recommend("u3", &everything()).unwrap(),
        shop.recommend("u3", &everything()).unwrap(),
    );
    assert_eq!((before.items.len(), after.items.len()), (60, 60));
    let cold = shop.shop.items.cold_start.as_ref().unwrap();
    let shares = cold
        .kinds
        .shares(history(&shop.artifact().train, UserId(3)));
    let mut similarity = cold.kinds.similarity_to(&shares);
    for item in &after.items {
        let old = before.items.iter().find(|old| old.item == item.item);
        let row = shop.item(&item.item).unwrap();
        let added = match item.source {
            Source::Content => 0.7 * similarity.of(row),
            _ => 0.0,
        };
        assert_eq!(item.source == Source::Content, row.0 >= 55);
        assert!(row.0 < 55 || added > 0.0);
        let gap = f64::from(item.score - old.unwrap().score) - added;
        assert!(gap.abs() < 1e-6, "{} is off by {gap}", item.item);
    }
    assert!(after.items.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn explanations_are_of_the_scores_in_answers() {
    let train = larger().train;
    let nothing = || Truth::empty(20, 60);
    let split = Split::new(train, nothing(), nothing()).unwrap();
    let knn = ItemKnnConfig::default().fit(&split.train).unwrap();
    let knn: Member<'static> = (
        Box::new(LinearRanker::new(Box::new(knn), &split.train)),
        0.4,
    );
    let fused = shop(0.7)
        .with_ensemble(0.6, vec![knn], Fusion::Score)
        .unwrap();
    for (shop, method) in [(shop(0.7), Method::PathSum), (fused, Method::Ensemble)] {
        let answer = shop.recommend("u3", &everything()).unwrap();
        for item in &answer.items {
            let why = shop.explain("u3", &item.item, &ExplainOptions::default());
            let why = why.unwrap();
            assert_eq!(why.method, method);
            assert!((why.score - item.score).abs() < 1e-5, "{}", item.item);
            let parts = why.contributions.iter().map(|part| part.value);
            let sum = parts.sum::<f64>() + why.self_contribution.map_or(0.0, |part| part.value);
            assert!((sum - f64::from(why.score)).abs() < 1e-5, "{why:?}");
        }
    }
}

#[test]
fn new_items_filters_and_hidden_ones_keep_the_rules() {
    let new = NewItem {
        item: "new".to_owned(),
        details: larger().catalogue.get(ItemId(3)),
        events: Vec::new(),
    };
    let mut shop = shop(0.0).with_items(&[new]).unwrap();
    weigh(&mut shop, 5.0);
    let listed = |options: &RecommendOptions| -> Vec<String> {
        let answer = shop.recommend("u3", options).unwrap();
        answer.items.into_iter().map(|item| item.item).collect()
    };
    let all = listed(&everything());
    assert_eq!(all.len(), 61);
    let mut options = everything();
    options.k = 4;
    assert_eq!(listed(&options), all[..4]);
    options.filter.deny.push(all[0].clone());
    assert_eq!(listed(&options), all[1..5]);
    options.filter.allow = Some(vec!["new".to_owned(), "p1".to_owned(), "p57".to_owned()]);
    let mut three = listed(&options);
    assert!(three.iter().any(|item| item == "new"));
    three.sort_unstable();
    assert_eq!(three.len(), 3 - usize::from(three.contains(&all[0])));
    options.chain = vec![Source::Model];
    assert_eq!(listed(&options), ["p1"]);
    let many = shop.recommend_many(&["u3", "u4"], &everything()).unwrap();
    assert_eq!(
        many[0].items,
        shop.recommend("u3", &everything()).unwrap().items
    );
}

/// The weight that is chosen where each user deals with one category in three, and embeddings that say
/// nothing or all of it.
fn chosen(embeddings_know: bool) -> f64 {
    let mut artifact = larger();
    let mut pairs = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    for user in 0..20u32 {
        for item in (0..60u32).filter(|item| item % 3 == user % 3) {
            pairs
                .push(UserId(user), ItemId(item), 1.0, &[0, 1], None)
                .unwrap();
        }
    }
    artifact.train = pairs.build(20, 60).unwrap();
    artifact.popularity = popularity_of(&artifact.train);
    let group = |node: u32| if node < 20 { node % 3 } else { (node - 20) % 3 };
    let numbers = (0..80 * 4).map(|n| match (embeddings_know, n % 4) {
        (true, column) => f32::from(u8::from(column == group(n / 4))),
        (false, _) => (n as f32 * 1.7).sin(),
    });
    let numbers: Vec<f32> = numbers.collect();
    let table = lightgcn_store::EmbeddingTable::new(80, 4, numbers).unwrap();
    artifact.embeddings = table;
    let known: Vec<u32> = (0..60).collect();
    let rows = &artifact.embeddings.data()[80..];
    let cold = ColdStart::fit(&artifact, &artifact.catalogue, &known, rows);
    cold.unwrap().weight
}

#[test]
fn similarity_counts_where_it_improves_recall() {
    assert!(chosen(false) > 0.0);
    assert_eq!(chosen(true), 0.0);
}
