//! Everything that features are made of, at one time.

use super::feature::Feature;
use super::history::{Clock, HistoryOrder, UserHistory};
use super::items::ItemStatistics;
use super::members::{MemberKind, Source, sources};
use super::ties::tie_key;
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
    /// The columns of the features of items: one per feature, empty for others.
    columns: Vec<Vec<f32>>,
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
    /// The scores of each member and source: none where the source is empty.
    scores: Vec<Option<Vec<f32>>>,
    /// The scores of a trained model.
    model: Option<Vec<f32>>,
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
        let column = |feature: &Feature| items.column(*feature).unwrap_or_default();
        Self {
            columns: subject.features.iter().map(column).collect(),
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

    /// `model` has a trained model's score of every item. O(history · neighbors + members · behaviors · items).
    pub(crate) fn viewpoint<'h>(
        &self,
        history: &'h UserHistory,
        model: Option<Vec<f32>>,
    ) -> Viewpoint<'h> {
        let n_items = self.n_items;
        let of_member = |kind: &MemberKind| {
            let half_life = kind.half_life(self.settings.half_life);
            sources(history, &self.strengths, half_life, n_items)
        };
        let sources: Vec<Vec<Source>> = self.kinds.iter().map(of_member).collect();
        let mut scores = Vec::with_capacity(self.members.len() * self.strengths.len());
        for (member, sources) in self.members.iter().zip(&sources) {
            for source in sources {
                scores.push((!source.is_empty()).then(|| {
                    let mut row = vec![0.0; n_items];
                    member.add_scores(source.history(), &mut row);
                    row
                }));
            }
        }
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
            scores,
            model,
            history,
        }
    }

    /// The candidates of a user without those excluded (ascending rows): the items met, the best new ones
    /// of each member and source, and best sellers. At least `k` unless fewer are left.
    pub(crate) fn candidates(
        &self,
        from: &Viewpoint<'_>,
        excluded: &[u32],
        k: usize,
    ) -> Candidates {
        let n_items = self.n_items;
        let met = from.history.items.iter().map(|met| met.item);
        let met: Vec<ItemId> = met.filter(|item| item.index() < n_items).collect();
        let is_excluded = |item: &ItemId| excluded.binary_search(&item.0).is_ok();
        let mut out: Vec<u32> = excluded.to_vec();
        out.extend(met.iter().map(|item| item.0));
        out.sort_unstable();
        out.dedup();
        let mut found: Vec<(ItemId, u8)> = Vec::new();
        let n_by_member = self.settings.n_by_member.max(k);
        let behaviors = self.strengths.len();
        let members = from.scores.iter().enumerate();
        let members = members.map(|(n, row)| (row, 1 << (n / behaviors)));
        for (row, source) in members.chain([(&from.model, BY_OTHERS)]) {
            let best = row.iter().flat_map(|row| list(row, n_by_member, &out));
            let best = best.filter(|ranked| ranked.score > 0.0);
            found.extend(best.map(|ranked| (ranked.item, source)));
        }
        let popular = self.best_sellers.iter().copied();
        let popular = popular.filter(|item| out.binary_search(&item.0).is_err());
        let popular = popular.take(self.settings.n_best_sellers.max(k));
        let met = met.iter().copied().filter(|item| !is_excluded(item));
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
            ..self.with_features(from, items)
        }
    }

    /// The features of these items, ascending.
    pub(crate) fn with_features(&self, from: &Viewpoint<'_>, items: Vec<ItemId>) -> Candidates {
        let mut rows = Vec::with_capacity(items.len() * self.features.len());
        let mut met = Vec::with_capacity(items.len());
        for &item in &items {
            let place = from.history.find(item);
            met.push(place.is_some());
            let features = self.features.iter().zip(&self.columns);
            rows.extend(features.map(|(&feature, column)| {
                let value = match column.get(item.index()) {
                    Some(&value) => value,
                    None => self.of_user(feature, from, item, place),
                };
                // A number that overflowed says nothing.
                if value.is_finite() { value } else { 0.0 }
            }));
        }
        Candidates {
            items,
            met,
            rows,
            sources: Vec::new(),
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
            Feature::Graph { member, behavior } => {
                let scores = &from.scores[member * self.strengths.len() + behavior];
                scores.as_ref().map_or(0.0, |row| row[item.index()])
            }
            Feature::Model => from.model.as_ref().map_or(0.0, |row| row[item.index()]),
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
