//! The description of a model.

use lightgcn_graph::{AdjacencyRequest, EdgeWeights, Normalization};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What a model is, and how its answers follow from its layer 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDescription {
    /// The model's name, such as `lightgcn`, `mf` or `ngcf`.
    pub name: String,
    /// The length of a layer-0 embedding.
    pub dimension: usize,
    /// The number of propagation layers; 0 for matrix factorization.
    pub n_layers: usize,
    /// For models that are linear in layer 0 over the graph of all pairs, the weight of each
    /// layer's output in the final embeddings, `[n_layers + 1]` from layer 0 on; `None` for other
    /// models.
    #[serde(serialize_with = "write_weights", deserialize_with = "read_weights")]
    pub layer_weights: Option<Vec<f32>>,
    /// The adjacency matrices that it multiplies with, in its order; empty for models without a
    /// graph.
    pub graphs: Vec<AdjacencyRequest>,
    /// The kinds of nodes beyond users and items, with their counts: their rows follow those of the
    /// items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_nodes: Vec<(String, usize)>,
    /// Everything that was configured. Numbers must be finite.
    pub config: Value,
}

/// Weights are written as 64-bit numbers, which JSON preserves bit for bit.
fn write_weights<S: Serializer>(
    weights: &Option<Vec<f32>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let wide: Option<Vec<f64>> = weights
        .as_ref()
        .map(|weights| weights.iter().map(|&w| f64::from(w)).collect());
    wide.serialize(serializer)
}

fn read_weights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<f32>>, D::Error> {
    let wide = Option::<Vec<f64>>::deserialize(deserializer)?;
    let narrow = |w: f64| {
        let narrow = w as f32;
        if f64::from(narrow) == w && narrow.is_finite() {
            Ok(narrow)
        } else {
            let message = format!("layer weight {w} is not a 32-bit number");
            Err(serde::de::Error::custom(message))
        }
    };
    wide.map(|wide| wide.into_iter().map(narrow).collect())
        .transpose()
}

/// The description of a model in format versions 1 and 2: over one square graph of all pairs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneGraphDescription {
    name: String,
    dimension: usize,
    n_layers: usize,
    #[serde(deserialize_with = "read_weights")]
    layer_weights: Option<Vec<f32>>,
    normalization: Normalization,
    edge_weights: bool,
    config: Value,
}

impl From<OneGraphDescription> for ModelDescription {
    fn from(old: OneGraphDescription) -> Self {
        let weights = match old.edge_weights {
            true => EdgeWeights::Pair,
            false => EdgeWeights::One,
        };
        Self {
            name: old.name,
            dimension: old.dimension,
            n_layers: old.n_layers,
            layer_weights: old.layer_weights,
            graphs: vec![AdjacencyRequest {
                weights,
                ..AdjacencyRequest::from(old.normalization)
            }],
            further_nodes: Vec::new(),
            config: old.config,
        }
    }
}

impl ModelDescription {
    /// How the edge weights of its first graph are scaled; symmetric if it has none.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        let first = self.graphs.first();
        first.map_or_else(Normalization::default, |graph| graph.normalization)
    }

    /// Whether the edges of its first graph have the weights of their pairs; otherwise every edge
    /// weighs 1.
    #[must_use]
    pub fn edge_weights(&self) -> bool {
        let first = self.graphs.first();
        first.is_none_or(|graph| graph.weights == EdgeWeights::Pair)
    }

    /// Whether its only graph is the square one of all pairs, by their weights or by 1.
    fn has_one_plain_graph(&self) -> bool {
        matches!(&self.graphs[..], [graph] if graph.is_plain())
    }

    /// Adds what is wrong with it to `issues`.
    pub(crate) fn check(&self, issues: &mut Vec<String>) {
        if self.name.is_empty() {
            issues.push("the model has no name".to_owned());
        }
        for graph in &self.graphs {
            issues.extend(graph.check().err().map(|error| error.to_string()));
        }
        if let Some(weights) = &self.layer_weights {
            if self.n_layers.checked_add(1) != Some(weights.len()) {
                issues.push(format!(
                    "{} layer weights for {} layers; one more than layers is needed",
                    weights.len(),
                    self.n_layers
                ));
            }
            if weights.len() > 1 && !self.has_one_plain_graph() {
                issues.push(
                    "layer weights are given, but the only graph is not the square one of all pairs"
                        .to_owned(),
                );
            }
            if weights.iter().any(|w| !w.is_finite()) {
                issues.push(format!("the layer weights {weights:?} are not all finite"));
            }
        }
    }

    /// The same, with the keys of all maps in the config sorted, so that equal descriptions are
    /// written identically, however they were built.
    pub(crate) fn canonical(&self) -> Self {
        Self {
            config: sorted(&self.config),
            ..self.clone()
        }
    }
}

/// The same value with the keys of all maps sorted.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn layer_weights_come_back_to_the_bit(weights in prop::collection::vec(
            any::<f32>().prop_filter("finite", |w| w.is_finite()), 0..5,
        )) {
            let model = ModelDescription {
                name: "lightgcn".to_owned(),
                dimension: 1,
                n_layers: 0,
                layer_weights: Some(weights.clone()),
                graphs: Vec::new(),
                further_nodes: Vec::new(),
                config: Value::Null,
            };
            let text = serde_json::to_string(&model).unwrap();
            let back: ModelDescription = serde_json::from_str(&text).unwrap();
            let bits = |weights: &[f32]| weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back.layer_weights.unwrap()), bits(&weights));
        }
    }

    #[test]
    fn weights_beyond_32_bits_are_errors() {
        let text = r#"{"name":"x","dimension":1,"n_layers":0,"layer_weights":[W],
            "graphs":[{"normalization":"left"}],"config":null}"#;
        let read = |w: &str| serde_json::from_str::<ModelDescription>(&text.replace('W', w));
        assert_eq!(read("0.5").unwrap().layer_weights, Some(vec![0.5]));
        for bad in ["0.1", "1e300", "null"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(
            serde_json::from_str::<ModelDescription>(&text.replace("\"config\"", "\"x\"")).is_err()
        );
    }
}
