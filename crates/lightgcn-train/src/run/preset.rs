//! Recipes by name.

use crate::{Candidate, TrainConfig};
use lightgcn_nn::AnyModelConfig;

/// A model with its training, to start your own from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Preset {
    /// The published recipe: three layers, BPR with one negative, L2 1e-4 (He et al., SIGIR 2020,
    /// section 4.1.2).
    Paper,
    /// The default of the library and the command: one layer and the sampled softmax over in-batch
    /// negatives (Wu et al., TOIS 2024), a user's known positives masked, Xavier's initial
    /// embeddings, Adam 5e-4. Chosen on validation pairs of Gowalla, where 12 epochs achieve what
    /// takes the paper's recipe hundreds: see docs/results.md.
    #[default]
    Softmax,
}

impl Preset {
    /// The model and how it is trained.
    #[must_use]
    pub fn candidate(self) -> Candidate {
        match self {
            Self::Paper => Candidate {
                model: AnyModelConfig::default().published(),
                train: TrainConfig::published(),
            },
            Self::Softmax => Candidate::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LossConfig;

    #[test]
    fn presets_are_valid_and_differ() {
        let (paper, softmax) = (Preset::Paper.candidate(), Preset::Softmax.candidate());
        assert!(paper.train.check().is_ok() && softmax.train.check().is_ok());
        let layers = |candidate: &Candidate| {
            let json = serde_json::to_value(&candidate.model).unwrap();
            json["layers"].as_u64()
        };
        assert_eq!(
            (layers(&paper), paper.train.loss),
            (Some(3), LossConfig::Bpr)
        );
        assert_eq!(layers(&softmax), Some(1));
        assert_ne!(softmax.train.loss, LossConfig::Bpr);
    }
}
