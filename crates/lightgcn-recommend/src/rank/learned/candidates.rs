//! The candidates of one user with their features.

use super::best::Best;
use super::feature::Feature;
use super::history::UserHistory;
use super::members::Source;
use super::snapshot::Snapshot;
use super::viewpoint::Viewpoint;
use crate::rank::ranker::merged;
use crate::rank::scorer::list;
use lightgcn_core::ItemId;
use lightgcn_linear::{History, ItemToItem};

/// Items to score for one user.
pub(crate) struct Found {
    /// Ascending.
    pub(super) items: Vec<ItemId>,
    /// The place of each in the user's history, if the user met it.
    pub(super) places: Vec<Option<usize>>,
    /// What each is a candidate by: bit n for member n, and [`BY_OTHERS`]. Empty for items that were given.
    sources: Vec<u8>,
    /// By member and behavior.
    scores: Vec<Vec<SourceScores>>,
}

/// The candidates of one user with all features.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidates {
    /// Ascending.
    pub(crate) items: Vec<ItemId>,
    /// Whether the user met each.
    pub(crate) met: Vec<bool>,
    /// `[items, features]`; scores of members are not scaled yet.
    pub(crate) rows: Vec<f32>,
    /// As in [`Found`].
    pub(crate) sources: Vec<u8>,
}

/// The bit of candidates that are there whatever the members: items met, best sellers, those of a trained model.
pub(crate) const BY_OTHERS: u8 = 1 << 7;

/// What one thread needs to find candidates, for one user after another.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Zeros for all items, before and after each use.
    scores: Vec<f32>,
    /// [`NOWHERE`] for all items, before and after each use.
    numbers: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

/// A source is long if its scores are sums of more than one weight for so many items.
const ITEMS_A_WEIGHT: usize = 8;

/// The scores of one member from one source.
enum SourceScores {
    /// Of every item, where the source is long.
    All(Vec<f32>),
    /// Those that are not 0, each item once.
    Some(Vec<(ItemId, f32)>),
    /// Of the items that are scored.
    Of(Vec<f32>),
}

impl Snapshot {
    /// The rows that are not new items for a user, ascending: those excluded (ascending) and the items met.
    pub(crate) fn not_new(&self, history: &UserHistory, excluded: &[u32]) -> Vec<u32> {
        let met: Vec<u32> = self.met(history).map(|item| item.0).collect();
        merged(excluded, &met)
    }

    fn met(&self, history: &UserHistory) -> impl Iterator<Item = ItemId> {
        let n_items = self.n_items;
        let met = history.items.iter().map(|met| met.item);
        met.filter(move |item| item.index() < n_items)
    }

    /// How many new items of each member and source become candidates for a list of `k`.
    pub(crate) fn n_by_member(&self, k: usize) -> usize {
        self.settings.n_by_member.max(k)
    }

    /// The candidates of a user without those excluded (ascending rows): the items met, the best new ones
    /// of each member and source, and best sellers. At least `k` unless fewer are left. `not_new` are the
    /// rows of [`not_new`](Self::not_new).
    ///
    /// O(history · neighbors) in addition to finding the model's best.
    pub(crate) fn find(
        &self,
        from: &Viewpoint<'_>,
        (k, excluded, not_new): (usize, &[u32], &[u32]),
        scratch: &mut Scratch,
    ) -> Found {
        let is_excluded = |item: &ItemId| excluded.binary_search(&item.0).is_ok();
        let scores = self.source_scores(from, scratch);
        let mut found: Vec<(ItemId, u8)> = Vec::new();
        for (n, sources) in scores.iter().enumerate() {
            for scores in sources {
                let best = scores.best(self.n_by_member(k), not_new);
                found.extend(best.into_iter().map(|item| (item, 1 << n)));
            }
        }
        let by_model = from.model.iter();
        let by_model = by_model.flat_map(|model| model.best(self.n_by_member(k), not_new));
        let by_model = by_model.filter(|ranked| ranked.score > 0.0);
        found.extend(by_model.map(|ranked| (ranked.item, BY_OTHERS)));
        let popular = self.best_sellers.iter().copied();
        let popular = popular.filter(|item| not_new.binary_search(&item.0).is_err());
        let popular = popular.take(self.settings.n_best_sellers.max(k));
        let met = self.met(from.history).filter(|item| !is_excluded(item));
        found.extend(popular.chain(met).map(|item| (item, BY_OTHERS)));
        found.sort_unstable();
        found.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 |= if same { next.1 } else { 0 };
            same
        });
        let (items, sources): (Vec<ItemId>, _) = found.into_iter().unzip();
        Found {
            places: items.iter().map(|&item| from.history.find(item)).collect(),
            items,
            sources,
            scores,
        }
    }

    /// Every item.
    pub(crate) fn all(&self, from: &Viewpoint<'_>, scratch: &mut Scratch) -> Found {
        let items = (0..self.n_items as u32).map(ItemId);
        Found {
            places: items.clone().map(|item| from.history.find(item)).collect(),
            items: items.collect(),
            sources: Vec::new(),
            scores: self.source_scores(from, scratch),
        }
    }

    /// One item, which is looked up in the members' lists. O(history · members · log of a list).
    pub(crate) fn one(&self, from: &Viewpoint<'_>, item: ItemId) -> Found {
        let scores = self.members.iter().zip(&from.sources);
        let scores = scores.map(|(member, sources)| {
            let score = |source: &Source| member.score(source.history(), item);
            let scores = sources.iter().map(score);
            scores.map(|score| SourceScores::Of(vec![score])).collect()
        });
        Found {
            items: vec![item],
            places: vec![from.history.find(item)],
            sources: Vec::new(),
            scores: scores.collect(),
        }
    }

    /// By member and behavior.
    fn source_scores(&self, from: &Viewpoint<'_>, scratch: &mut Scratch) -> Vec<Vec<SourceScores>> {
        let scores = self.members.iter().zip(&from.sources);
        let scores = scores.map(|(member, sources)| {
            let mut of = |source: &Source| SourceScores::new(member, source.history(), scratch);
            sources.iter().map(&mut of).collect()
        });
        scores.collect()
    }

    /// The features of these items.
    pub(crate) fn candidates(
        &self,
        from: &Viewpoint<'_>,
        found: Found,
        scratch: &mut Scratch,
    ) -> Candidates {
        let width = self.features.len();
        let mut rows = vec![0.0; found.items.len() * width];
        for column in 0..width {
            self.each_value(column, (from, &found), scratch, |n, value| {
                rows[n * width + column] = value;
            });
        }
        Candidates {
            met: found.places.iter().map(Option::is_some).collect(),
            items: found.items,
            sources: found.sources,
            rows,
        }
    }

    /// Passes the values of a feature, but for some that are 0, with the number of the item.
    pub(super) fn each_value(
        &self,
        column: usize,
        (from, found): (&Viewpoint<'_>, &Found),
        scratch: &mut Scratch,
        mut take: impl FnMut(usize, f32),
    ) {
        let items = found.items.iter().enumerate();
        // A number that overflowed says nothing.
        let mut take = |n, value: f32| {
            if value.is_finite() {
                take(n, value);
            }
        };
        if let Some(values) = self.item_values(column) {
            return items.for_each(|(n, &item)| take(n, values(item)));
        }
        match self.features[column] {
            Feature::Graph { member, behavior } => match &found.scores[member][behavior] {
                SourceScores::All(scores) => {
                    items.for_each(|(n, item)| take(n, scores[item.index()]));
                }
                SourceScores::Of(scores) => items.for_each(|(n, _)| take(n, scores[n])),
                SourceScores::Some(scores) => scratch.join(&found.items, scores, take),
            },
            // By itself, since the rows of one item after the other can be fetched side by side.
            Feature::Model => {
                if let Some(model) = &from.model {
                    items.for_each(|(n, &item)| take(n, model.of(item)));
                }
            }
            feature @ (Feature::Category | Feature::Brand | Feature::Price) => {
                items.for_each(|(n, &item)| take(n, self.taste(feature, from, item)));
            }
            feature => {
                let met = found.places.iter().enumerate();
                let met = met.filter_map(|(n, place)| Some((n, (*place)?)));
                met.for_each(|(n, place)| {
                    take(n, from.history.pair_feature(feature, place, &from.order))
                });
            }
        }
    }
}

impl Scratch {
    pub(crate) fn new(n_items: usize) -> Self {
        Self {
            scores: vec![0.0; n_items],
            numbers: vec![NOWHERE; n_items],
        }
    }

    /// Passes the scores of these items that there are, with the number of the item.
    fn join(
        &mut self,
        items: &[ItemId],
        scores: &[(ItemId, f32)],
        mut take: impl FnMut(usize, f32),
    ) {
        for (n, item) in (0..).zip(items) {
            self.numbers[item.index()] = n;
        }
        for &(item, score) in scores {
            let n = self.numbers[item.index()];
            if n != NOWHERE {
                take(n as usize, score);
            }
        }
        for item in items {
            self.numbers[item.index()] = NOWHERE;
        }
    }
}

impl SourceScores {
    fn new(member: &ItemToItem, history: History<'_>, scratch: &mut Scratch) -> Self {
        let n_items = scratch.scores.len();
        if member.n_weights(history) > n_items / ITEMS_A_WEIGHT {
            let mut row = vec![0.0; n_items];
            member.add_scores(history, &mut row);
            return Self::All(row);
        }
        Self::Some(member.nonzero_scores(history, &mut scratch.scores))
    }

    /// The items with the `n` highest positive scores but for those `out` (ascending rows), in no order.
    fn best(&self, n: usize, out: &[u32]) -> Vec<ItemId> {
        match self {
            Self::All(row) => {
                let best = list(row, n, out).into_iter();
                let best = best.filter(|ranked| ranked.score > 0.0);
                best.map(|ranked| ranked.item).collect()
            }
            Self::Some(scores) => {
                let mut best = Best::new(n, out);
                scores
                    .iter()
                    .for_each(|&(item, score)| best.offer(item, score));
                best.into_items().collect()
            }
            // The items are known.
            Self::Of(_) => Vec::new(),
        }
    }
}
