//! Everything that features are made of, at one time.

use super::feature::Feature;
use super::history::{Clock, UserHistory};
use super::items::ItemStatistics;
use super::members::{MemberKind, Source, sources};
use super::ties::tie_key;
use super::viewpoint::{ModelScores, Shares, Viewpoint};
use lightgcn_core::{Catalogue, Interactions, ItemId, LabelColumn};
use lightgcn_linear::ItemToItem;
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

/// The log at one time: everything that features need except a user's history.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) features: Vec<Feature>,
    pub(crate) members: Arc<Vec<ItemToItem>>,
    kinds: Vec<MemberKind>,
    pub(crate) strengths: Vec<usize>,
    pub(crate) settings: SnapshotSettings,
    pub(crate) items: ItemStatistics,
    pub(super) n_items: usize,
    /// For each feature of items its place among these; none for others.
    places: Vec<Option<usize>>,
    /// The features of items, side by side: `[items, features of items]`.
    item_features: Vec<f32>,
    n_item_features: usize,
    pub(super) best_sellers: Vec<ItemId>,
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
            n_item_features: columns.len(),
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
        let known = history.items.iter().map(|met| met.item.index());
        let known: Vec<usize> = known.filter(|&item| item < n_items).collect();
        let prices = known.iter().map(|&item| self.labels.log_prices[item]);
        let prices = prices.filter(|log| !log.is_nan());
        let (sum, n) = prices.fold((0.0, 0.0), |(sum, n), log| (sum + log, n + 1.0));
        Viewpoint {
            order: history.order(),
            sources,
            categories: Shares::new(&self.labels.categories, &known),
            brands: Shares::new(&self.labels.brands, &known),
            log_price: (n > 0.0).then(|| sum / n),
            model,
            history,
        }
    }

    /// The columns of features that depend on the user.
    pub(super) fn columns_of_users(&self) -> Vec<usize> {
        let all = self.places.iter().enumerate();
        let of_users = all.filter(|(_, place)| place.is_none());
        of_users.map(|(column, _)| column).collect()
    }

    /// The columns of features of items with an item's values.
    pub(super) fn item_features(&self, item: ItemId) -> impl Iterator<Item = (usize, f32)> {
        let columns = (0..self.features.len()).filter_map(move |column| {
            let values = self.item_values(column)?;
            Some((column, values(item)))
        });
        columns.filter(|(_, value)| value.is_finite())
    }

    /// The values of a feature of items; none for others.
    pub(super) fn item_values(&self, column: usize) -> Option<impl Fn(ItemId) -> f32> {
        let place = self.places[column]?;
        Some(move |item: ItemId| self.item_features[item.index() * self.n_item_features + place])
    }

    /// How near an item's category, brand or price are to the user's.
    pub(super) fn taste(&self, feature: Feature, from: &Viewpoint<'_>, item: ItemId) -> f32 {
        let labels = &self.labels;
        match feature {
            Feature::Category => from.categories.root(labels.categories[item.index()]),
            Feature::Brand => from.brands.root(labels.brands[item.index()]),
            Feature::Price => match (from.log_price, labels.log_prices[item.index()]) {
                (Some(usual), log) if !log.is_nan() => -(log - usual).abs() as f32,
                _ => 0.0,
            },
            _ => 0.0,
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
