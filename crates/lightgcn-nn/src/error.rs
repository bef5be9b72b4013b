//! Errors of configs and tables.

use thiserror::Error;

/// Why a layer or a model could not be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum NnError {
    /// The config is inconsistent or impossible. Lists every issue.
    #[error("{config}: {}", list(.issues))]
    Config {
        /// The model's name, or that of the layer's config.
        config: &'static str,
        /// Every issue, at least one.
        issues: Vec<ConfigIssue>,
    },
    /// A table of initial embeddings has the wrong size.
    #[error(
        "the table of initial embeddings has {found} elements; {n_nodes} nodes \
         of dimension {dimension} need {}",
        .n_nodes * .dimension
    )]
    TableLength {
        /// Nodes of all kinds.
        n_nodes: usize,
        /// Dimension of an embedding.
        dimension: usize,
        /// Length of the table given.
        found: usize,
    },
    /// A table of initial embeddings holds NaN or an infinity.
    #[error(
        "the table of initial embeddings holds {value} at row {row}, column {column}; every element \
         must be finite"
    )]
    TableNotFinite {
        /// Row of the first such element (users first).
        row: usize,
        /// Its column.
        column: usize,
        /// The element.
        value: f32,
    },
}

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigIssue {
    /// There are no users.
    #[error("there are no users")]
    NoUsers,
    /// There are no items.
    #[error("there are no items")]
    NoItems,
    /// The nodes do not fit 32-bit indices.
    #[error("there are more than {limit} nodes, the most that 32-bit indices address")]
    TooManyNodes {
        /// The largest number of nodes.
        limit: usize,
    },
    /// The table does not fit the address space.
    #[error("a table of {n_nodes} nodes of dimension {dimension} does not fit the address space")]
    TableTooLarge {
        /// Nodes of all kinds.
        n_nodes: usize,
        /// Dimension of an embedding.
        dimension: usize,
    },
    /// An embedding has no elements.
    #[error("dimension is 0; usual dimensions are 32 to 256")]
    ZeroDimension,
    /// The space of relations has no dimension.
    #[error("relation_dimension is 0; usual ones are 32 to 128")]
    ZeroRelationDimension,
    /// The weight of the loss of translations is negative or not finite.
    #[error("translation_weight is {value}; it must be finite and not negative, usually 0.1 to 1")]
    TranslationWeight {
        /// What was given.
        value: f64,
    },
    /// The model needs a layer and has none.
    #[error("layers is 0; the model needs at least one layer, usually 1 to 3")]
    NoLayers,
    /// There are more layers than are supported.
    #[error("{layers} layers; at most {most} are supported (more than 4 rarely help)")]
    TooManyLayers {
        /// Layers asked for.
        layers: usize,
        /// Layers supported.
        most: usize,
    },
    /// Training uses more layers than the model has, or layer weights are learned.
    #[error(
        "training_layers is {training_layers}; it must be at most layers ({layers}), and layer weights \
         must not be learned"
    )]
    TrainingLayers {
        /// Layers while training.
        training_layers: usize,
        /// Layers of the model.
        layers: usize,
    },
    /// The number of layer weights is not one more than the number of layers.
    #[error(
        "{found} layer weights for {layers} layers; {} are needed, the first for layer 0",
        .layers + 1
    )]
    LayerWeightCount {
        /// Layers of the model.
        layers: usize,
        /// Number of weights given.
        found: usize,
    },
    /// A layer weight is NaN or infinite.
    #[error("the weight of layer {layer} is {value}; it must be finite")]
    LayerWeightNotFinite {
        /// Layer, 0 being the table itself.
        layer: usize,
        /// Weight given.
        value: f32,
    },
    /// All layer weights are 0, so every score would be 0.
    #[error("all layer weights are 0; at least one must differ from 0")]
    LayerWeightsAllZero,
    /// A behavior or an attribute is listed twice.
    #[error("{name} is listed twice; list it once")]
    ListedTwice {
        /// Its name.
        name: String,
    },
    /// A standard deviation is not positive and finite.
    #[error(
        "the standard deviation of the initial embeddings is {value}; it must be positive and finite"
    )]
    StandardDeviation {
        /// Value given.
        value: f64,
    },
    /// A layer has no outputs.
    #[error("layer {layer} has width 0; usual widths are those of the embeddings")]
    ZeroWidth {
        /// Layer, counted from 1.
        layer: usize,
    },
    /// A dropout probability is outside its range.
    #[error("the message dropout is {value}; it must be at least 0 and less than 1")]
    Dropout {
        /// Value given.
        value: f64,
    },
    /// The share of layer 0 in the final embeddings is outside its range.
    #[error("gamma, the share of layer 0, is {value}; it must be 0 to 1 (published: 0.2)")]
    Layer0Share {
        /// Value given.
        value: f64,
    },
    /// The length of the noise is negative or not finite.
    #[error("noise is {value}; it must be finite and not negative, usually 0.05 to 0.3")]
    Noise {
        /// Value given.
        value: f64,
    },
    /// The weight of a contrastive loss is negative or not finite.
    #[error("contrast_weight is {value}; it must be finite and not negative, usually 0.01 to 0.5")]
    ContrastWeight {
        /// Value given.
        value: f64,
    },
    /// The temperature of a contrastive loss is outside its range.
    #[error("temperature is {value}; it must be from 0.01 to 100, usually 0.1 to 0.3")]
    Temperature {
        /// Value given.
        value: f64,
    },
    /// The layer that a contrastive loss compares does not exist.
    #[error("contrast_layer is {contrast_layer}; it must be at most layers ({layers})")]
    ContrastLayer {
        /// Layer given, 0 being the table itself.
        contrast_layer: usize,
        /// Layers of the model.
        layers: usize,
    },
    /// The length of sequences is outside its range.
    #[error("sequence_length is {value}; it must be from 2 to {most}, usually 50 to 200")]
    SequenceLength {
        /// Value given.
        value: usize,
        /// The longest supported.
        most: usize,
    },
    /// A training step has no users.
    #[error("users_per_step is 0; usual numbers are 32 to 256")]
    NoUsersPerStep,
    /// A LeakyReLU slope is NaN or infinite.
    #[error("the negative slope of LeakyReLU is {value}; it must be finite (published: 0.2)")]
    NegativeSlope {
        /// Value given.
        value: f64,
    },
}

impl ConfigIssue {
    /// The issue with the dimension of embeddings, if there is one.
    pub(crate) fn dimension(dimension: usize) -> Option<Self> {
        (dimension == 0).then_some(Self::ZeroDimension)
    }
}

fn list(issues: &[ConfigIssue]) -> String {
    let texts: Vec<String> = issues.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// `Ok` if there are no issues.
pub(crate) fn no_issues(config: &'static str, issues: Vec<ConfigIssue>) -> Result<(), NnError> {
    if issues.is_empty() {
        Ok(())
    } else {
        Err(NnError::Config { config, issues })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_lists_every_issue() {
        let issues = vec![ConfigIssue::NoUsers, ConfigIssue::ZeroDimension];
        let message = no_issues("lightgcn", issues).unwrap_err().to_string();
        insta::assert_snapshot!(message, @"lightgcn: there are no users; dimension is 0; usual dimensions are 32 to 256");
    }
}
