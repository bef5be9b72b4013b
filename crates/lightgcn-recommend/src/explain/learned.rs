//! Explains the learned ranking: its score is a sum of terms, and graph terms are sums over the
//! history.

use super::explainer::{Explainer, Pair};
use super::explanation::past_tense;
use crate::rank::learned::{
    Candidates, Feature, FeatureGroup, RankingView, UserHistory, Viewpoint,
};
use crate::rank::scorer::ScoreParts;
use crate::{BehaviorCount, ExplainRequest, Explanation, Fact, Method, Term, TermKind};
use lightgcn_core::ItemId;
use lightgcn_linear::LinearModel;
use std::collections::BTreeMap;

impl Explainer<'_> {
    /// The explanation of an item known to training, without its paths.
    pub(super) fn explain_learned(
        &self,
        view: &RankingView,
        request: &ExplainRequest,
        pair: &Pair,
    ) -> Explanation {
        let shop = self.shop;
        let history = shop.learned_history(view, pair.user, &request.events);
        let from = shop.viewpoint(view, &history, &pair.vector);
        let (candidates, score) = view.one(&from, pair.item);
        let (groups, parts) = self.split(view, &from, &candidates, pair);
        let mut terms = self.terms(view, &groups, (pair, &history));
        terms.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        let mut explanation = Explanation {
            familiar: candidates.met[0],
            terms,
            ..self.without_parts(request, pair, Method::Ranking, score)
        };
        let own = Some(parts.self_contribution).filter(|&own| own != 0.0);
        self.add_parts(&mut explanation, pair, own, parts.contributions);
        explanation
    }

    /// What each group of features adds to a score, what is known of a familiar item before any feature with the
    /// first, and what the model's own row and the items of the history add.
    fn split(
        &self,
        view: &RankingView,
        from: &Viewpoint<'_>,
        candidates: &Candidates,
        pair: &Pair,
    ) -> (BTreeMap<FeatureGroup, f64>, ScoreParts) {
        let met = candidates.met[0];
        let mut groups = BTreeMap::new();
        if met {
            groups.insert(FeatureGroup::Behaviors, view.ranking.bias);
        }
        let mut parts = ScoreParts::default();
        for (n, (weighted, &raw)) in view
            .ranking
            .features
            .iter()
            .zip(&candidates.rows)
            .enumerate()
        {
            let value = view.ranking.term(n, met, raw);
            if value == 0.0 {
                continue;
            }
            match weighted.feature {
                Feature::Graph { member, behavior } => {
                    let history = from.sources[member][behavior].history();
                    let added = view.snapshot.members[member].contributions(history, pair.item);
                    let added = history.items().iter().zip(added);
                    let graph = ScoreParts {
                        self_contribution: 0.0,
                        contributions: added.map(|(&i, part)| (i, f64::from(part))).collect(),
                    };
                    parts.add(&graph, value / f64::from(raw));
                }
                Feature::Model if self.shop.model.messages().are_exact() => {
                    let row = self.shop.items.embedding(pair.item);
                    let model = self.model_parts(&pair.profile, row);
                    parts.add(&model, value / f64::from(raw));
                }
                other => *groups.entry(other.group()).or_insert(0.0) += value,
            }
        }
        (groups, parts)
    }

    /// The terms of a score, without their shares.
    fn terms(
        &self,
        view: &RankingView,
        groups: &BTreeMap<FeatureGroup, f64>,
        (pair, history): (&Pair, &UserHistory),
    ) -> Vec<Term> {
        let mut values: BTreeMap<TermKind, f64> = BTreeMap::new();
        let mut facts: BTreeMap<FactKind, f64> = BTreeMap::new();
        for (&group, &value) in groups {
            *values.entry(TermKind::of(group)).or_insert(0.0) += value;
            if let Some(kind) = FactKind::of(group) {
                *facts.entry(kind).or_insert(0.0) += value;
            }
        }
        let fact = |(kind, value)| Fact {
            text: self.fact_text(kind, view, (pair, history)),
            value,
        };
        let mut facts: Vec<Fact> = facts.into_iter().map(fact).collect();
        facts.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        let term = |(kind, value)| Term {
            text: self.text(kind, view, (pair, history)),
            kind,
            value,
            share: 0.0,
            facts: match kind {
                TermKind::History => std::mem::take(&mut facts),
                _ => Vec::new(),
            },
        };
        values.into_iter().map(term).collect()
    }

    fn text(&self, kind: TermKind, view: &RankingView, of: (&Pair, &UserHistory)) -> String {
        let (shop, item) = (self.shop, of.0.item);
        match kind {
            TermKind::History => {
                let did = self.fact_text(FactKind::Did, view, of);
                match days_ago(view, of.1, item) {
                    Some(days) => format!("{did}, {}", last(days)),
                    None => did,
                }
            }
            TermKind::Popularity => {
                let (buyers, met) = view.snapshot.items.users_of(item);
                let users = if met == 1 { "user" } else { "users" };
                format!("met by {met} {users}, bought by {buyers}")
            }
            TermKind::Conversion => self.conversion_text(view, item),
            TermKind::Taste => {
                "a category, a brand or a price like those of the history".to_owned()
            }
            TermKind::Model => format!("the score of {}", shop.model.artifact.model.name),
        }
    }

    /// What the user did with the item, in words.
    fn fact_text(
        &self,
        kind: FactKind,
        view: &RankingView,
        (pair, history): (&Pair, &UserHistory),
    ) -> String {
        let shop = self.shop;
        match kind {
            FactKind::Did => {
                let Some(met) = pair.profile.get(pair.item) else {
                    return "met before".to_owned();
                };
                let done = shop.behaviors_of(met);
                let done: Vec<String> = done.iter().map(BehaviorCount::to_string).collect();
                done.join(", ")
            }
            FactKind::When => match days_ago(view, history, pair.item) {
                Some(days) => last(days),
                None => "how lately".to_owned(),
            },
            FactKind::Last => {
                let place = history.find(pair.item);
                let latest = place.and_then(|place| history.items[place].latest());
                let labels = shop.model.artifact.train.behaviors();
                match latest.and_then(|behavior| labels.get(behavior)) {
                    Some(label) => format!("most recently {}", past_tense(label)),
                    None => "what was done last".to_owned(),
                }
            }
            FactKind::Visit => "part of the latest visit".to_owned(),
        }
    }

    /// Uses the behavior that most users did with the item.
    fn conversion_text(&self, view: &RankingView, item: ItemId) -> String {
        let train = &self.shop.model.artifact.train;
        let targets = train.target_behaviors();
        let others = (0..targets.len()).filter(|&behavior| !targets[behavior]);
        let counted =
            others.map(|behavior| (view.snapshot.items.converted(behavior, item), behavior));
        match counted.max_by_key(|((did, _), _)| *did) {
            Some(((did, bought), behavior)) if did > 0 => {
                let done = match &train.behaviors()[behavior][..] {
                    "remove_from_cart" => "removed it from their cart".to_owned(),
                    label => format!("{} it", past_tense(label)),
                };
                format!("{bought} of {did} users who {done} bought it")
            }
            _ => "how many of those who meet it buy it".to_owned(),
        }
    }
}

/// The number of days, in words.
fn last(days: u64) -> String {
    match days {
        0 => "last today".to_owned(),
        1 => "last a day ago".to_owned(),
        days => format!("last {days} days ago"),
    }
}

/// A fact about what the user did with the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FactKind {
    /// Which behaviors, and how often.
    Did,
    /// How long ago, and at which place of the history.
    When,
    /// What was done last.
    Last,
    /// Whether it was in the latest session.
    Visit,
}

impl FactKind {
    /// The fact that a group of features is about; `None` if it is not about what the user did with the item.
    fn of(group: FeatureGroup) -> Option<Self> {
        match group {
            FeatureGroup::Behaviors | FeatureGroup::Counts => Some(Self::Did),
            FeatureGroup::Recency | FeatureGroup::RecencyRank => Some(Self::When),
            FeatureGroup::Last => Some(Self::Last),
            FeatureGroup::Session => Some(Self::Visit),
            _ => None,
        }
    }
}

/// The age of the latest event with the item, in whole days; `None` if times are unknown.
fn days_ago(view: &RankingView, history: &UserHistory, item: ItemId) -> Option<u64> {
    let met = &history.items[history.find(item)?];
    let knows_times = view.ranking.now.is_some() || view.ranking.ages_from_last_event;
    knows_times.then(|| met.age().max(0.0) as u64)
}

impl TermKind {
    fn of(group: FeatureGroup) -> Self {
        match group {
            FeatureGroup::Behaviors
            | FeatureGroup::Counts
            | FeatureGroup::Recency
            | FeatureGroup::RecencyRank
            | FeatureGroup::Last
            | FeatureGroup::Session => Self::History,
            FeatureGroup::Popularity | FeatureGroup::Trend => Self::Popularity,
            FeatureGroup::Conversion => Self::Conversion,
            FeatureGroup::Taste => Self::Taste,
            FeatureGroup::Model | FeatureGroup::Graph(_) => Self::Model,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::answer::chain::tests::larger;
    use crate::rank::learned::{Feature, WeightedFeature};
    use crate::test_shop::ranking_of;
    use crate::{ExplainOptions, Fact, Recommender, TermKind};
    use lightgcn_core::UserId;

    /// A shop that ranks by what users did with items alone, ages counting from day 60.
    fn shop() -> Recommender {
        let mut artifact = larger();
        let mut ranking = ranking_of(&artifact);
        let behavior = 0;
        let half_life = 10.0;
        let features = [
            (Feature::Has { behavior }, 0.5),
            (Feature::Count { behavior }, 0.8),
            (
                Feature::Recent {
                    behavior,
                    half_life,
                },
                2.0,
            ),
            (Feature::RecencyRank, -0.1),
            (Feature::Last { behavior }, 0.3),
            (Feature::InSession, 0.2),
        ];
        ranking.features = features
            .map(|(feature, met)| WeightedFeature {
                feature,
                scale: 1.0,
                met,
                new: 0.0,
            })
            .into();
        ranking.bias = 1.0;
        (ranking.members, ranking.models) = Default::default();
        (ranking.now, ranking.ages_from_last_event) = (Some(60 * 86_400), false);
        artifact.ranking = Some(ranking.to_stored().unwrap());
        Recommender::from_artifact(artifact).unwrap()
    }

    #[test]
    fn what_the_user_did_is_told_fact_by_fact() {
        let shop = shop();
        let train = &shop.artifact().train;
        let met: Vec<u32> = train.of_user(UserId(0)).map(|pair| pair.item.0).collect();
        let unbought = train.of_user(UserId(0)).filter(|pair| pair.counts[1] == 0);
        let unbought: Vec<u32> = unbought.map(|pair| pair.item.0).collect();
        assert!(unbought.len() > 1);
        for item in unbought {
            let (id, options) = (format!("p{item}"), ExplainOptions::default());
            let why = shop.explain("u0", &id, &options).unwrap();
            assert_eq!(why.terms.len(), 1);
            let term = &why.terms[0];
            let days = 60 - item;
            assert_eq!(term.kind, TermKind::History);
            assert_eq!(term.text, format!("viewed 1x, last {days} days ago"));
            // Item n was met on day n.
            let rank = met.iter().filter(|&&other| other >= item).count() as f64;
            let lately = 2.0 * (-f64::from(days) / 20.0).exp2() - 0.1 * rank.ln();
            let mut expected = vec![
                ("viewed 1x".to_owned(), 1.0 + 0.5 + 0.8 * 2f64.ln()),
                (format!("last {days} days ago"), lately),
                ("most recently viewed".to_owned(), 0.3),
            ];
            if rank == 1.0 {
                expected.push(("part of the latest visit".to_owned(), 0.2));
            }
            assert_eq!(term.facts.len(), expected.len(), "{term:?}");
            for (text, value) in expected {
                let of_text = |fact: &&Fact| fact.text == text;
                let fact = term.facts.iter().find(of_text).unwrap();
                assert!((fact.value - value).abs() < 1e-6, "{fact:?}, {value}");
            }
            let sum: f64 = term.facts.iter().map(|fact| fact.value).sum();
            assert!((sum - term.value).abs() < 1e-12);
            assert!((sum + why.rounding - f64::from(why.score)).abs() < 1e-12);
            assert!(why.to_string().contains("viewed 1x +2.05"), "{why}");
        }
    }
}
