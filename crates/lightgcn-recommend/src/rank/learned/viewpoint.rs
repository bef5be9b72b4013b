//! A user's history with what candidates and features need of it.

use super::history::{HistoryOrder, UserHistory};
use super::members::Source;
use crate::Ranked;
use crate::rank::scorer::list;
use lightgcn_core::ItemId;

/// A user's history with what candidates and features need of it.
pub(crate) struct Viewpoint<'h> {
    pub(crate) history: &'h UserHistory,
    pub(super) order: HistoryOrder,
    /// By member and behavior.
    pub(crate) sources: Vec<Vec<Source>>,
    pub(super) categories: Shares,
    pub(super) brands: Shares,
    /// The mean of the logs of the prices met.
    pub(super) log_price: Option<f64>,
    pub(super) model: Option<ModelScores<'h>>,
}

/// The share of each label in a history.
pub(super) struct Shares {
    /// Labels ascending, each with the root of its share.
    roots: Vec<(u32, f32)>,
}

impl Shares {
    /// The labels of these items; unlabeled items have none.
    pub(super) fn new(labels: &[Option<u32>], items: &[usize]) -> Self {
        let mut found: Vec<u32> = items.iter().filter_map(|&item| labels[item]).collect();
        found.sort_unstable();
        let roots = found.chunk_by(|a, b| a == b).map(|same| {
            let share = same.len() as f32 / items.len() as f32;
            (same[0], share.sqrt())
        });
        Self {
            roots: roots.collect(),
        }
    }

    /// The root of a label's share; 0 without a label.
    pub(super) fn root(&self, label: Option<u32>) -> f32 {
        let find = |label| self.roots.binary_search_by_key(&label, |root| root.0);
        let place = label.and_then(|label| find(label).ok());
        place.map_or(0.0, |place| self.roots[place].1)
    }
}

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
    pub(super) fn of(&self, item: ItemId) -> f32 {
        match self {
            Self::Row(row) => row[item.index()],
            Self::Products { vector, table, .. } => {
                let start = item.index() * vector.len();
                lightgcn_simd::dot(vector, &table[start..start + vector.len()])
            }
        }
    }

    /// The `n` best items but for those `out` (ascending rows).
    pub(super) fn best(&self, n: usize, out: &[u32]) -> Vec<Ranked> {
        match self {
            Self::Row(row) => list(row, n, out),
            Self::Products { best, .. } => best.clone(),
        }
    }
}
