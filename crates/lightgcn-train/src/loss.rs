//! Which loss a step minimizes.

use serde::{Deserialize, Serialize};

/// The loss of a batch, to which L2 on its layer-0 rows is added.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossSpec {
    /// BPR (Rendle et al., UAI 2009): the published loss of LightGCN.
    #[default]
    Bpr,
    /// The softmax over in-batch negatives, and BSL where the weight of the negatives is not 1.
    Softmax(SoftmaxSpec),
}

/// How SL@K weighs the pairs of a softmax loss: pair (u, i) counts
///
/// ```text
/// ω = σ((s_ui − β_u) / τ_w)
/// ```
///
/// times, where β_u is the user's K-th best cosine: nearly 1 for pairs within the K best, nearly 0
/// for those far below. No gradient flows through the weights (Yang et al., "Breaking the Top-K
/// Barrier: Advancing Top-K Ranking Metrics Optimization in Recommender Systems", KDD 2025).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopKSpec {
    /// K, the length of the lists that matter.
    pub k: usize,
    /// Temperature τ_w of the weights, 0.01 to 100; the authors search 0.5 to 3. As it grows all
    /// weights become ½.
    pub temperature: f64,
    /// The thresholds β are computed anew before the first epoch and then every so many epochs, over
    /// all items, a user's positives among them: as much work as an evaluation of all
    /// users.
    pub every: u32,
}

impl Default for TopKSpec {
    fn default() -> Self {
        Self {
            k: 20,
            temperature: 1.0,
            every: 5,
        }
    }
}

/// The softmax family, on cosines of final embeddings:
///
/// ```text
/// L_p = −s_pp / τ + t₂ · ln Σ_{j ≠ i_p} q_j^−κ · exp(s_pj / τ)
/// ```
///
/// over the batch's other items and, where asked for, items drawn uniformly. t₂ = 1 is the
/// sampled softmax, any other value BSL (Wu et al., "BSL: Understanding and Improving Softmax Loss
/// for Recommendation", ICDE 2024).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SoftmaxSpec {
    /// Temperature τ that cosines are divided by, 0.01 to 100.
    pub temperature: f64,
    /// Weight t₂ of the logarithm over negatives, positive.
    pub negative_weight: f64,
    /// Strength κ of the correction for an item's chance q to be in a batch (logQ; Yi et al.,
    /// RecSys 2019), 0 (none) to 1 (full).
    pub popularity_correction: f64,
    /// Items drawn uniformly for all pairs of a batch, beside the batch's own.
    pub shared_negatives: usize,
    /// Whether a user's known positives are left out of his negatives.
    pub mask_positives: bool,
    /// How pairs are weighed by SL@K; all alike where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<TopKSpec>,
}

impl Default for SoftmaxSpec {
    /// What validation on Gowalla chose: see docs/results.md.
    fn default() -> Self {
        Self {
            temperature: 0.1,
            negative_weight: 1.0,
            popularity_correction: 0.0,
            shared_negatives: 0,
            mask_positives: true,
            top_k: None,
        }
    }
}

impl LossSpec {
    /// The faults of its settings.
    pub(crate) fn faults(&self) -> Vec<String> {
        let Self::Softmax(spec) = self else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        let mut require = |holds: bool, fault: &str| {
            if !holds {
                faults.push(fault.to_owned());
            }
        };
        require(
            (0.01..=100.0).contains(&spec.temperature),
            "the loss's temperature must be from 0.01 to 100",
        );
        require(
            spec.negative_weight.is_finite() && spec.negative_weight > 0.0,
            "the loss's negative_weight must be positive and finite",
        );
        require(
            (0.0..=1.0).contains(&spec.popularity_correction),
            "the loss's popularity_correction must be from 0 to 1",
        );
        require(
            spec.shared_negatives <= lightgcn_sample::MAX_NEGATIVES,
            "the loss's shared_negatives must be at most 65536",
        );
        if let Some(top_k) = spec.top_k {
            require(top_k.k > 0, "the loss's top_k.k must be at least 1");
            require(
                (0.01..=100.0).contains(&top_k.temperature),
                "the loss's top_k.temperature must be from 0.01 to 100",
            );
            require(top_k.every > 0, "the loss's top_k.every must be at least 1");
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed_and_defaults_have_none() {
        assert!(LossSpec::Bpr.faults().is_empty());
        assert!(
            LossSpec::Softmax(SoftmaxSpec::default())
                .faults()
                .is_empty()
        );
        let spec = SoftmaxSpec {
            temperature: 0.0,
            negative_weight: f64::NAN,
            popularity_correction: 1.5,
            shared_negatives: 1 << 20,
            mask_positives: false,
            top_k: Some(TopKSpec {
                k: 0,
                temperature: f64::INFINITY,
                every: 0,
            }),
        };
        assert_eq!(LossSpec::Softmax(spec).faults().len(), 7);
    }

    #[test]
    fn settings_are_read_as_written() {
        let loss: LossSpec =
            serde_json::from_str(r#"{"name": "softmax", "temperature": 0.2}"#).unwrap();
        let LossSpec::Softmax(spec) = loss else {
            panic!("another loss was read")
        };
        assert_eq!(spec.temperature, 0.2);
        assert_eq!(spec.negative_weight, SoftmaxSpec::default().negative_weight);
        assert_eq!(
            serde_json::to_string(&LossSpec::Bpr).unwrap(),
            r#"{"name":"bpr"}"#
        );
        assert!(serde_json::from_str::<LossSpec>(r#"{"name": "softmax", "t": 1}"#).is_err());
        let weighed = r#"{"name": "softmax", "top_k": {"k": 50}}"#;
        let LossSpec::Softmax(spec) = serde_json::from_str(weighed).unwrap() else {
            panic!("another loss was read")
        };
        assert_eq!(
            spec.top_k,
            Some(TopKSpec {
                k: 50,
                ..TopKSpec::default()
            })
        );
        let weighed = r#"{"name": "softmax", "top_k": {"K": 50}}"#;
        assert!(serde_json::from_str::<LossSpec>(weighed).is_err());
    }
}
