//! One layer of propagation over the items, without training.

use crate::config::Issues;
use crate::matrix::SparseMatrix;
use crate::neighbors::Neighbors;
use crate::{Histories, ItemToItem, LinearError, PairWeights};
use lightgcn_core::Train;
use serde::{Deserialize, Serialize};

/// How to propagate from items over their users to other items: W = ÂᵀÂ without its diagonal, with
/// Â = D_U^(−a/2) R D_I^(−c), where R holds the training pairs and D their numbers.
///
/// This is what one layer of LightGCN (He et al., SIGIR 2020) does to items before anything is
/// learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PropagationConfig {
    /// The power a that damps users with many items, at least 0. Default: 1.
    pub user_power: f64,
    /// The power c that damps popular items, at least 0. Default: 0.5.
    pub item_power: f64,
    /// The maximum number of neighbors that an item keeps, at least 1. Default: 400.
    pub n_neighbors: usize,
    /// How much a training pair counts. Default: all equally.
    pub weights: PairWeights,
}

impl Default for PropagationConfig {
    fn default() -> Self {
        Self {
            user_power: 1.0,
            item_power: 0.5,
            n_neighbors: 400,
            weights: PairWeights::Binary,
        }
    }
}

impl PropagationConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("propagation");
        issues.not_negative("user_power", self.user_power);
        issues.not_negative("item_power", self.item_power);
        issues.positive_count("n_neighbors", self.n_neighbors);
        issues.into_result()
    }

    /// Propagates from every item. O(Σ_u pairs(u)²) time, O(items · neighbors) memory.
    ///
    /// # Errors
    /// [`LinearError::Config`], and [`LinearError::NoPairs`] where there is nothing to learn from.
    pub fn fit(&self, train: &Train) -> Result<ItemToItem, LinearError> {
        self.check()?;
        let by_user = SparseMatrix::from_training(&Histories::new(train, self.weights))?;
        let by_item = by_user.transposed();
        let degree = |matrix: &SparseMatrix, row: usize| matrix.row(row).0.len() as f64;
        let scaled = by_user.with_values(|user, item, weight| {
            let user = degree(&by_user, user).powf(-self.user_power / 2.0);
            let item = degree(&by_item, item).powf(-self.item_power);
            (f64::from(weight) * user * item) as f32
        });
        let to_user = scaled.transposed();
        let neighbors = Neighbors::nearest(&to_user, &scaled, self.n_neighbors, |_, _, sum| sum);
        Ok(ItemToItem::new("propagation", neighbors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinearModel;
    use crate::matrix::tests::train;
    use lightgcn_core::ItemId;

    #[test]
    fn by_hand() {
        // Users had {0, 1}, {0, 1, 2} and {0}: user degrees 2, 3, 1; item degrees 3, 2, 1.
        let table = [
            vec![1.0, 1.0, 0.0],
            vec![1.0, 1.0, 1.0],
            vec![1.0, 0.0, 0.0],
        ];
        let model = PropagationConfig::default().fit(&train(&table)).unwrap();
        let close = |i: u32, j: u32, exact: f64| {
            let found = f64::from(model.weight(ItemId(i), ItemId(j)));
            assert!(
                (found - exact).abs() < 1e-6,
                "{i}, {j}: {found} is not {exact}"
            );
        };
        let both = 1.0 / 2.0 + 1.0 / 3.0;
        close(0, 1, both / 6f64.sqrt());
        close(1, 0, both / 6f64.sqrt());
        close(0, 2, 1.0 / 3.0 / 3f64.sqrt());
        close(1, 2, 1.0 / 3.0 / 2f64.sqrt());
        close(0, 0, 0.0);
        assert_eq!(model.name(), "propagation");
    }

    #[test]
    fn every_issue_is_listed() {
        let config = PropagationConfig {
            user_power: -1.0,
            item_power: f64::NAN,
            n_neighbors: 0,
            ..Default::default()
        };
        let Err(LinearError::Config { issues, .. }) = config.check() else {
            panic!("the settings must be refused");
        };
        assert_eq!(issues.len(), 3);
    }
}
