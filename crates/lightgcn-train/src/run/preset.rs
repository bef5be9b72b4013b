//! Recipes by name.

use crate::{Candidate, LightGcnSpec, LossConfig, ModelSpec, SoftmaxConfig, TrainConfig};

/// A model with its training, as a start for one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Preset {
    /// The published recipe: three layers, BPR with one negative, L2 1e-4 (He et al., SIGIR 2020,
    /// section 4.1.2).
    Paper,
    /// The default: one layer and the sampled softmax over in-batch negatives (Wu et al., TOIS 2024), a
    /// user's known positives masked, Xavier's initial embeddings, Adam 5e-4. Chosen on validation
    /// pairs of Gowalla, where 12 epochs reach what the paper's recipe does in hundreds: see
    /// docs/results.md.
    #[default]
    Softmax,
}

impl Preset {
    /// The model and how it is trained.
    #[must_use]
    pub fn candidate(self) -> Candidate {
        match self {
            Self::Paper => Candidate::default(),
            Self::Softmax => Candidate {
                model: ModelSpec::LightGcn(LightGcnSpec {
                    layers: 1,
                    init_std: None,
                    ..LightGcnSpec::default()
                }),
                train: TrainConfig {
                    loss: LossConfig::Softmax(SoftmaxConfig::default()),
                    learning_rate: 5e-4,
                    l2: 0.0,
                    ..TrainConfig::default()
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_usable_and_differ() {
        let (paper, softmax) = (Preset::Paper.candidate(), Preset::Softmax.candidate());
        assert!(paper.train.check().is_ok() && softmax.train.check().is_ok());
        assert_eq!(
            (paper.model.n_layers(), paper.train.loss),
            (3, LossConfig::Bpr)
        );
        assert_eq!(softmax.model.n_layers(), 1);
        assert_ne!(softmax.train.loss, LossConfig::Bpr);
    }
}
