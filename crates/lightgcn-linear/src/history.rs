//! The items in users' histories: the input of every model.

use crate::LinearError;
use lightgcn_core::{Interactions, ItemId, Rows, Train, UserId};
use serde::{Deserialize, Serialize};

/// How much a training pair counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PairWeights {
    /// Every pair counts as much as its weight: a view little, a purchase much.
    #[default]
    Weighted,
    /// Every pair counts 1, whatever its behaviors.
    Binary,
    /// Pairs with a target event (a purchase) count 1, all others 0.
    Targets,
}

/// The items of one user, with weights: what a [`LinearModel`](crate::LinearModel) scores from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History<'a> {
    items: &'a [ItemId],
    weights: &'a [f32],
}

impl<'a> History<'a> {
    /// The history of a user with `items`, ascending and distinct, with one positive and finite
    /// weight each. An empty history is valid: it scores 0 everywhere.
    ///
    /// # Errors
    /// [`LinearError::History`] if the items do not ascend, there is not one weight per
    /// item, or a weight is not positive and finite.
    pub fn new(items: &'a [ItemId], weights: &'a [f32]) -> Result<Self, LinearError> {
        let invalid = |detail| Err(LinearError::History { detail });
        if items.len() != weights.len() {
            return invalid(format!(
                "it has {} items and {} weights; give one weight per item",
                items.len(),
                weights.len()
            ));
        }
        if let Some(pair) = items.windows(2).find(|pair| pair[0] >= pair[1]) {
            return invalid(format!(
                "item row {} comes before {}; sort the items and keep each once",
                pair[0], pair[1]
            ));
        }
        if let Some(n) = weights.iter().position(|w| !(w.is_finite() && *w > 0.0)) {
            return invalid(format!(
                "item row {} has weight {}; weights must be positive and finite",
                items[n], weights[n]
            ));
        }
        Ok(Self { items, weights })
    }

    /// The items, ascending and distinct.
    #[must_use]
    pub fn items(&self) -> &'a [ItemId] {
        self.items
    }

    /// The weight of each item, positive and finite.
    #[must_use]
    pub fn weights(&self) -> &'a [f32] {
        self.weights
    }

    /// Each item with its weight as a history of its own.
    pub(crate) fn singles(&self) -> impl Iterator<Item = History<'a>> + use<'a> {
        let pairs = self.items.chunks(1).zip(self.weights.chunks(1));
        pairs.map(|(items, weights)| History { items, weights })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ItemId, f32)> + use<'a> {
        self.items.iter().copied().zip(self.weights.iter().copied())
    }
}

/// The histories of all training users, as compressed sparse rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Histories {
    n_items: usize,
    items: Rows<ItemId>,
    weights: Vec<f32>,
}

impl Histories {
    /// The histories of a split's training part. O(pairs).
    #[must_use]
    pub fn new(train: &Train, weights: PairWeights) -> Self {
        Self::from_interactions(train.interactions(), weights)
    }

    /// The histories of pairs that are known to be training pairs, as in an artifact. Use
    /// [`Histories::new`] for pairs that still have to be split, so that no held-out pair can slip
    /// in.
    #[must_use]
    pub fn from_interactions(pairs: &Interactions, weights: PairWeights) -> Self {
        let items = match weights {
            PairWeights::Weighted | PairWeights::Binary => pairs.rows().clone(),
            PairWeights::Targets => pairs.targets(),
        };
        Self {
            n_items: pairs.n_items(),
            weights: match weights {
                PairWeights::Weighted => pairs.weights().to_vec(),
                _ => vec![1.0; items.n_values()],
            },
            items,
        }
    }

    /// All pairs, each with the weight that `weight(pair)` gives by its number.
    ///
    /// # Errors
    /// [`LinearError::History`] if a weight is not positive and finite.
    pub fn weighted(
        pairs: &Interactions,
        weight: impl FnMut(usize) -> f32,
    ) -> Result<Self, LinearError> {
        let weights: Vec<f32> = (0..pairs.n_pairs()).map(weight).collect();
        if let Some(pair) = weights.iter().position(|w| !(w.is_finite() && *w > 0.0)) {
            return Err(LinearError::History {
                detail: format!(
                    "pair {pair} has weight {}; weights must be positive and finite",
                    weights[pair]
                ),
            });
        }
        Ok(Self {
            n_items: pairs.n_items(),
            items: pairs.rows().clone(),
            weights,
        })
    }

    /// The number of users.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.items.n_rows()
    }

    /// The number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The number of pairs.
    #[must_use]
    pub fn n_pairs(&self) -> usize {
        self.items.n_values()
    }

    /// The history of one user.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn of(&self, user: UserId) -> History<'_> {
        History {
            items: self.items.row(user.index()),
            weights: &self.weights[self.items.range(user.index())],
        }
    }

    /// All histories, in the order of the users.
    pub fn iter(&self) -> impl Iterator<Item = History<'_>> {
        (0..self.n_users() as u32).map(|user| self.of(UserId(user)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::InteractionsBuilder;

    #[test]
    fn pairs_count_by_weight_or_once_or_if_bought() {
        let mut b = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        b.push(UserId(0), ItemId(1), 0.25, &[2, 0], None).unwrap();
        b.push(UserId(0), ItemId(2), 0.75, &[0, 1], None).unwrap();
        b.push(UserId(2), ItemId(0), 0.5, &[1, 0], None).unwrap();
        let pairs = b.build(3, 3).unwrap();
        let of = |weights| {
            let histories = Histories::from_interactions(&pairs, weights);
            assert_eq!((histories.n_users(), histories.n_items()), (3, 3));
            let rows: Vec<Vec<(u32, f32)>> = histories
                .iter()
                .map(|history| history.iter().map(|(item, w)| (item.0, w)).collect())
                .collect();
            rows
        };
        let weighted = vec![vec![(1, 0.25), (2, 0.75)], vec![], vec![(0, 0.5)]];
        assert_eq!(of(PairWeights::Weighted), weighted);
        let binary = vec![vec![(1, 1.0), (2, 1.0)], vec![], vec![(0, 1.0)]];
        assert_eq!(of(PairWeights::Binary), binary);
        assert_eq!(of(PairWeights::Targets), [vec![(2, 1.0)], vec![], vec![]]);
    }

    #[test]
    fn bad_histories_are_errors() {
        let mut messages = Vec::new();
        let refused = |items: &[u32], weights: &[f32]| {
            let items: Vec<ItemId> = items.iter().copied().map(ItemId).collect();
            let error = History::new(&items, weights).unwrap_err();
            assert!(matches!(error, LinearError::History { .. }), "{error}");
            error.to_string()
        };
        messages.push(refused(&[1, 0], &[1.0, 1.0]));
        messages.push(refused(&[3, 3], &[1.0, 1.0]));
        messages.push(refused(&[3], &[1.0, 1.0]));
        messages.push(refused(&[3, 4], &[1.0, f32::NAN]));
        messages.push(refused(&[3], &[0.0]));
        assert!(History::new(&[], &[]).is_ok());
        insta::assert_snapshot!(messages.join("\n"));
    }
}
