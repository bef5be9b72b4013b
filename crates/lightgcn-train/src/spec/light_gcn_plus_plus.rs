//! LightGCN++ by its options.

use super::{Build, initializer};
use burn::tensor::backend::Backend;
use lightgcn_graph::{Exponent, Normalization};
use lightgcn_nn::{LightGcnPlusPlus, LightGcnPlusPlusConfig, NnError};
use serde::{Deserialize, Serialize};

/// LightGCN++ (Lee, Kim and Shin, RecSys 2024).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnPlusPlusSpec {
    /// Numbers in an embedding.
    pub dimension: usize,
    /// Propagation layers, 1 to 8.
    pub layers: usize,
    /// The share γ of layer 0 in the final embeddings, 0 to 1.
    pub gamma: f64,
    /// The exponent α of the degree of the node that takes, −2 to 2.
    pub alpha: Exponent,
    /// The exponent β of the degree of the neighbor that gives, −2 to 2.
    pub beta: Exponent,
    /// Whether edges carry their pairs' weights; else every edge weighs 1.
    pub edge_weights: bool,
    /// The standard deviation of normal initial embeddings; without it, `"xavier"` in files, they are
    /// Xavier uniform.
    #[serde(with = "super::initial")]
    pub init_std: Option<f64>,
}

impl Default for LightGcnPlusPlusSpec {
    /// What the authors recommend where nothing is known of the data.
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 2,
            gamma: 0.2,
            alpha: Exponent::PLUS_PLUS_ALPHA,
            beta: Exponent::PLUS_PLUS_BETA,
            edge_weights: true,
            init_std: Some(0.1),
        }
    }
}

impl LightGcnPlusPlusSpec {
    /// `powers:α:β`.
    pub(super) fn normalization(&self) -> Normalization {
        Normalization::Powers {
            row: self.alpha,
            column: self.beta,
        }
    }
}

impl<B: Backend> Build<B> for LightGcnPlusPlusSpec {
    type Module = LightGcnPlusPlus<B>;

    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<LightGcnPlusPlus<B>, NnError> {
        LightGcnPlusPlusConfig::new(n_users, n_items)
            .with_dimension(self.dimension)
            .with_layers(self.layers)
            .with_gamma(self.gamma)
            .with_initializer(initializer(self.init_std))
            .init(seed, device)
    }
}

#[cfg(test)]
mod tests {
    use crate::ModelSpec;

    #[test]
    fn exponents_are_the_normalization() {
        let spec = r#"{"name": "lightgcn++", "alpha": 0.5, "beta": -0.25, "gamma": 0}"#;
        let spec: ModelSpec = serde_json::from_str(spec).unwrap();
        assert_eq!(spec.normalization().to_string(), "powers:0.5:-0.25");
        let usual = ModelSpec::named("lightgcn++").unwrap();
        assert_eq!(usual.normalization().to_string(), "powers:0.6:-0.1");
        assert_eq!((usual.n_layers(), usual.edge_weights()), (2, true));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<ModelSpec>(&json).unwrap(), spec);
        assert!(json.contains(r#""alpha":0.5"#), "{json}");
        for bad in [r#""alpha": 2.5"#, r#""beta": "x""#, r#""delta": 1"#] {
            let text = format!(r#"{{"name": "lightgcn++", {bad}}}"#);
            assert!(serde_json::from_str::<ModelSpec>(&text).is_err(), "{bad}");
        }
    }
}
