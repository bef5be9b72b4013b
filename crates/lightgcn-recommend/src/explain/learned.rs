//! Explains the learned ranking: its score is a sum of terms, and graph terms are sums over the
//! history.

use super::explainer::{Explainer, Pair};
use super::explanation::past_tense;
use crate::rank::learned::{
    Candidates, Feature, FeatureGroup, RankingView, UserHistory, Viewpoint,
};
use crate::rank::scorer::ScoreParts;
use crate::{BehaviorCount, ExplainRequest, Explanation, Method, Term, TermKind};
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
        let candidates = view.snapshot.with_features(&from, vec![pair.item]);
        let score = view.scores(&candidates)[0];
        let (terms, parts) = self.split(view, &from, &candidates, pair);
        let mut terms: Vec<Term> = terms
            .into_iter()
            .map(|(kind, value)| Term {
                text: self.text(kind, view, (pair, &history)),
                kind,
                value,
                share: 0.0,
            })
            .collect();
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

    /// The terms of a score, and what the model's own row and the items of the history add.
    fn split(
        &self,
        view: &RankingView,
        from: &Viewpoint<'_>,
        candidates: &Candidates,
        pair: &Pair,
    ) -> (BTreeMap<TermKind, f64>, ScoreParts) {
        let met = candidates.met[0];
        let mut terms = BTreeMap::new();
        if met {
            terms.insert(TermKind::History, view.ranking.bias);
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
                other => *terms.entry(TermKind::of(other.group())).or_insert(0.0) += value,
            }
        }
        (terms, parts)
    }

    fn text(
        &self,
        kind: TermKind,
        view: &RankingView,
        (pair, history): (&Pair, &UserHistory),
    ) -> String {
        let shop = self.shop;
        match kind {
            TermKind::History => {
                let Some(met) = pair.profile.get(pair.item) else {
                    return "met before".to_owned();
                };
                let done = shop.behaviors_of(met);
                let done: Vec<String> = done.iter().map(BehaviorCount::to_string).collect();
                match days_ago(view, history, pair.item) {
                    Some(0) => format!("{}, last today", done.join(", ")),
                    Some(1) => format!("{}, last a day ago", done.join(", ")),
                    Some(days) => format!("{}, last {days} days ago", done.join(", ")),
                    None => done.join(", "),
                }
            }
            TermKind::Popularity => {
                let (buyers, met) = view.snapshot.items.users_of(pair.item);
                let users = if met == 1 { "user" } else { "users" };
                format!("met by {met} {users}, bought by {buyers}")
            }
            TermKind::Conversion => self.conversion_text(view, pair.item),
            TermKind::Taste => {
                "a category, a brand or a price like those of the history".to_owned()
            }
            TermKind::Model => format!("the score of {}", shop.model.artifact.model.name),
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

/// The age of the latest event with the item, in whole days; `None` if times are unknown.
fn days_ago(view: &RankingView, history: &UserHistory, item: ItemId) -> Option<u64> {
    let met = &history.items[history.find(item)?];
    let knows_times = view.ranking.now.is_some() || view.ranking.ages_from_last_event;
    knows_times.then(|| met.age().max(0.0) as u64)
}

impl TermKind {
    fn of(group: FeatureGroup) -> Self {
        match group {
            FeatureGroup::Popularity | FeatureGroup::Trend => Self::Popularity,
            FeatureGroup::Conversion => Self::Conversion,
            FeatureGroup::Taste => Self::Taste,
            FeatureGroup::Model | FeatureGroup::Graph(_) => Self::Model,
            _ => Self::History,
        }
    }
}
