//! Everything that features are made of, at one time.

use super::best::Best;
use super::feature::Feature;
use super::history::{Clock, HistoryOrder, UserHistory};
use super::items::ItemStatistics;
use super::members::{MemberKind, Source, sources};
use super::ties::tie_key;
use crate::Ranked;
use crate::rank::ranker::merged;
use crate::rank::scorer::list;
use lightgcn_core::{Catalogue, Interactions, ItemId, LabelColumn};
use lightgcn_linear::ItemToItem;
use std::collections::HashMap;
use std::sync::Arc;

/// How snapshots are taken and candidates found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SnapshotSettings {
    /// The half-life of what users did, for members and trends; in days.
    pub(crate) half_life: f64,
    /// The new items of each member's source that become candidates.
    pub(crate) n_by_member: usize,
    /// The best sellers that become candidates.
    pub(crate) n_best_sellers: usize,
}

/// The log at one time: all that features need beside a user's history.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) features: Vec<Feature>,
    pub(crate) members: Arc<Vec<ItemToItem>>,
    kinds: Vec<MemberKind>,
    pub(crate) strengths: Vec<usize>,
    pub(crate) settings: SnapshotSettings,
    pub(crate) items: ItemStatistics,
    n_items: usize,
    /// For each feature of items its place among these; none for others.
    places: Vec<Option<usize>>,
    /// The features of items, side by side, since a candidate needs all of them: `[items, features of items]`.
    item_features: Vec<f32>,
    best_sellers: Vec<ItemId>,
    labels: Labels,
}

/// What a snapshot is taken of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) pairs: &'a Interactions,
    pub(crate) clock: Clock,
    pub(crate) features: &'a [Feature],
    pub(crate) members: &'a Arc<Vec<ItemToItem>>,
    /// The kind of each member.
    pub(crate) kinds: &'a [MemberKind],
    pub(crate) strengths: &'a [usize],
    pub(crate) catalogue: &'a Catalogue,
}

/// The catalogue by item row.
#[derive(Debug)]
struct Labels {
    /// Codes; none for items without one.
    categories: Vec<Option<u32>>,
    brands: Vec<Option<u32>>,
    /// NaN where unknown.
    log_prices: Vec<f64>,
}

impl Labels {
    fn new(catalogue: &Catalogue) -> Self {
        let codes = |column: &LabelColumn| {
            let n = column.labels().len();
            let codes = column.codes().iter();
            codes
                .map(|&code| ((code as usize) < n).then_some(code))
                .collect()
        };
        let log = |price: &Option<f64>| match price {
            Some(price) if price.is_finite() && *price > 0.0 => price.ln(),
            _ => f64::NAN,
        };
        Self {
            categories: codes(category_column(catalogue)),
            brands: codes(catalogue.brand()),
            log_prices: catalogue.prices().iter().map(log).collect(),
        }
    }
}

/// The candidates of one user with their features.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidates {
    /// Ascending.
    pub(crate) items: Vec<ItemId>,
    /// Whether the user met each.
    pub(crate) met: Vec<bool>,
    /// `[items, features]`; scores of members are not scaled yet.
    pub(crate) rows: Vec<f32>,
    /// What each is a candidate by: bit n for member n, and [`BY_OTHERS`]. Empty where that was not asked for.
    pub(crate) sources: Vec<u8>,
}

/// The bit of candidates that are there whatever the members: items met, best sellers, those of a trained model.
pub(crate) const BY_OTHERS: u8 = 1 << 7;

/// A user's history with what candidates and features need of it.
pub(crate) struct Viewpoint<'h> {
    pub(crate) history: &'h UserHistory,
    order: HistoryOrder,
    /// By member and behavior.
    pub(crate) sources: Vec<Vec<Source>>,
    categories: HashMap<u32, f32>,
    brands: HashMap<u32, f32>,
    /// The mean of the logs of the prices met.
    log_price: Option<f64>,
    /// The scores of all items by member and behavior, where the source is long; the others are cheaper to score
    /// again than to keep.
    rows: Vec<Vec<Option<Vec<f32>>>>,
    model: Option<ModelScores<'h>>,
}

/// A source is long if its scores are sums of more than one weight for so many items.
const ITEMS_A_WEIGHT: usize = 8;

/// The scores of a trained model for one user.
pub(crate) enum ModelScores<'h> {
    /// Of every item.
    Row(Vec<f32>),
    /// The products of the user's vector with the rows of a table, with the best new items by them.
    Products {
        vector: &'h [f32],
        table: &'h [f32],
        /// As many as there are candidates of a member, best first.
        best: Vec<Ranked>,
    },
}

impl ModelScores<'_> {
    fn of(&self, item: ItemId) -> f32 {
        match self {
            Self::Row(row) => row[item.index()],
            Self::Products { vector, table, .. } => {
                let start = item.index() * vector.len();
                lightgcn_simd::dot(vector, &table[start..start + vector.len()])
            }
        }
    }

    /// The `n` best items but for those `out` (ascending rows).
    fn best(&self, n: usize, out: &[u32]) -> Vec<Ranked> {
        match self {
            Self::Row(row) => list(row, n, out),
            Self::Products { best, .. } => best.clone(),
        }
    }
}

impl Snapshot {
    /// O(events + items · log).
    pub(crate) fn new(subject: Subject<'_>, settings: SnapshotSettings) -> Self {
        let now = match subject.clock {
            Clock::Stopped => None,
            Clock::At(now) => Some(now),
            Clock::LastEvent => subject.pairs.last_times().iter().max().copied(),
        };
        let items = ItemStatistics::new(subject.pairs, now, settings.half_life);
        let columns: Vec<Option<Vec<f32>>> =
            subject.features.iter().map(|f| items.column(*f)).collect();
        let mut n = 0..;
        let places = columns
            .iter()
            .map(|column| column.as_ref().and_then(|_| n.next()));
        let places = places.collect();
        let columns: Vec<Vec<f32>> = columns.into_iter().flatten().collect();
        let rows = 0..subject.pairs.n_items();
        let rows = rows.flat_map(|item| columns.iter().map(move |column| column[item]));
        Self {
            item_features: rows.collect(),
            places,
            best_sellers: items.best_sellers(tie_key),
            n_items: subject.pairs.n_items(),
            features: subject.features.to_vec(),
            members: Arc::clone(subject.members),
            kinds: subject.kinds.to_vec(),
            strengths: subject.strengths.to_vec(),
            labels: Labels::new(subject.catalogue),
            settings,
            items,
        }
    }

    /// O(history · members).
    pub(crate) fn viewpoint<'h>(
        &self,
        history: &'h UserHistory,
        model: Option<ModelScores<'h>>,
    ) -> Viewpoint<'h> {
        let n_items = self.n_items;
        let of_member = |kind: &MemberKind| {
            let half_life = kind.half_life(self.settings.half_life);
            sources(history, &self.strengths, half_life, n_items)
        };
        let sources: Vec<Vec<Source>> = self.kinds.iter().map(of_member).collect();
        let rows = self.members.iter().zip(&sources).map(|(member, sources)| {
            let row = |source: &Source| {
                let is_long = member.n_weights(source.history()) > n_items / ITEMS_A_WEIGHT;
                is_long.then(|| {
                    let mut row = vec![0.0; n_items];
                    member.add_scores(source.history(), &mut row);
                    row
                })
            };
            sources.iter().map(row).collect()
        });
        let rows = rows.collect();
        let known = history.items.iter().map(|met| met.item.index());
        let known: Vec<usize> = known.filter(|&item| item < n_items).collect();
        let prices = known.iter().map(|&item| self.labels.log_prices[item]);
        let prices = prices.filter(|log| !log.is_nan());
        let (sum, n) = prices.fold((0.0, 0.0), |(sum, n), log| (sum + log, n + 1.0));
        Viewpoint {
            order: history.order(),
            sources,
            categories: shares(&self.labels.categories, &known),
            brands: shares(&self.labels.brands, &known),
            log_price: (n > 0.0).then(|| sum / n),
            rows,
            model,
            history,
        }
    }

    /// The rows that are no new items for a user, ascending: those excluded (ascending) and the items met.
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
    /// O(history · neighbors) beside the model's best.
    pub(crate) fn candidates(
        &self,
        from: &Viewpoint<'_>,
        k: usize,
        excluded: &[u32],
        not_new: &[u32],
    ) -> Candidates {
        let is_excluded = |item: &ItemId| excluded.binary_search(&item.0).is_ok();
        let mut found: Vec<(ItemId, u8)> = Vec::new();
        let mut scores = vec![0.0; self.n_items];
        for (n, (sources, rows)) in from.sources.iter().zip(&from.rows).enumerate() {
            for (source, row) in sources.iter().zip(rows) {
                if let Some(row) = row {
                    let best = list(row, self.n_by_member(k), not_new).into_iter();
                    let best = best.filter(|ranked| ranked.score > 0.0);
                    found.extend(best.map(|ranked| (ranked.item, 1 << n)));
                    continue;
                }
                let mut best = Best::new(self.n_by_member(k), not_new);
                self.members[n].add_scores(source.history(), &mut scores);
                self.members[n].take_scores(source.history(), &mut scores, |item, score| {
                    best.offer(item, score);
                });
                found.extend(best.into_items().map(|item| (item, 1 << n)));
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
        let (items, sources) = found.into_iter().unzip();
        Candidates {
            sources,
            ..self.features_of(from, items, &mut scores)
        }
    }

    /// The features of these items, ascending.
    pub(crate) fn with_features(&self, from: &Viewpoint<'_>, items: Vec<ItemId>) -> Candidates {
        self.features_of(from, items, &mut vec![0.0; self.n_items])
    }

    /// `scores` are zeros for all items, before and after.
    fn features_of(
        &self,
        from: &Viewpoint<'_>,
        items: Vec<ItemId>,
        scores: &mut [f32],
    ) -> Candidates {
        let width = self.features.len();
        let n_of_items = self.places.iter().flatten().count();
        let mut rows = Vec::with_capacity(items.len() * width);
        let mut met = Vec::with_capacity(items.len());
        for &item in &items {
            let place = from.history.find(item);
            met.push(place.is_some());
            let of_item = &self.item_features[item.index() * n_of_items..];
            let features = self.features.iter().zip(&self.places);
            rows.extend(features.map(|(&feature, in_items)| match in_items {
                Some(n) => of_item[*n],
                None => self.of_user(feature, from, item, place),
            }));
        }
        self.add_graph_features(from, &items, &mut rows, scores);
        // A number that overflowed says nothing.
        rows.iter_mut()
            .filter(|x| !x.is_finite())
            .for_each(|x| *x = 0.0);
        Candidates {
            items,
            met,
            rows,
            sources: Vec::new(),
        }
    }

    fn add_graph_features(
        &self,
        from: &Viewpoint<'_>,
        items: &[ItemId],
        rows: &mut [f32],
        scores: &mut [f32],
    ) {
        let width = self.features.len();
        for (column, &feature) in self.features.iter().enumerate() {
            let Feature::Graph { member, behavior } = feature else {
                continue;
            };
            let source = &from.sources[member][behavior];
            let mut write = |scores: &[f32]| {
                for (row, item) in rows.chunks_exact_mut(width).zip(items) {
                    row[column] = scores[item.index()];
                }
            };
            if let Some(row) = &from.rows[member][behavior] {
                write(row);
            } else if !source.is_empty() {
                self.members[member].add_scores(source.history(), scores);
                write(scores);
                self.members[member].take_scores(source.history(), scores, |_, _| ());
            }
        }
    }

    fn of_user(
        &self,
        feature: Feature,
        from: &Viewpoint<'_>,
        item: ItemId,
        place: Option<usize>,
    ) -> f32 {
        let share = |label: Option<u32>, shares: &HashMap<u32, f32>| {
            let share = label.and_then(|label| shares.get(&label));
            share.copied().unwrap_or(0.0).sqrt()
        };
        let labels = &self.labels;
        match feature {
            // Added for all items at once.
            Feature::Graph { .. } => 0.0,
            Feature::Model => from.model.as_ref().map_or(0.0, |model| model.of(item)),
            Feature::Category => share(labels.categories[item.index()], &from.categories),
            Feature::Brand => share(labels.brands[item.index()], &from.brands),
            Feature::Price => match (from.log_price, labels.log_prices[item.index()]) {
                (Some(usual), log) if !log.is_nan() => -(log - usual).abs() as f32,
                _ => 0.0,
            },
            _ => place.map_or(0.0, |n| from.history.pair_feature(feature, n, &from.order)),
        }
    }
}

/// The column of categories: by id, or by code where there are no ids.
pub(crate) fn category_column(catalogue: &Catalogue) -> &LabelColumn {
    match catalogue.category_id().labels() {
        [] => catalogue.category_code(),
        _ => catalogue.category_id(),
    }
}

/// The share of each label among these items; unlabeled items have none.
fn shares(labels: &[Option<u32>], items: &[usize]) -> HashMap<u32, f32> {
    let mut shares = HashMap::new();
    for label in items.iter().filter_map(|&item| labels[item]) {
        *shares.entry(label).or_insert(0.0) += 1.0;
    }
    shares
        .values_mut()
        .for_each(|share| *share /= items.len() as f32);
    shares
}
