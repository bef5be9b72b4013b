//! What can be wrong with a config or a table.

use thiserror::Error;

/// Why a layer or a model could not be made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum NnError {
    /// The config contradicts itself or asks for something impossible. Every fault is listed.
    #[error("{config}: {}", list(.faults))]
    Config {
        /// Name of the config.
        config: &'static str,
        /// All that is wrong with it, at least one.
        faults: Vec<Fault>,
    },
    /// A table of initial embeddings has the wrong size.
    #[error(
        "the table of initial embeddings has {found} elements; {n_nodes} nodes (users, then items) \
         of dimension {dimension} need {}",
        .n_nodes * .dimension
    )]
    TableLength {
        /// Users and items.
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
        /// Row of the first such element (users first, then items).
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
pub enum Fault {
    /// There are no users.
    #[error("n_users is 0; a model needs at least one user")]
    NoUsers,
    /// There are no items.
    #[error("n_items is 0; a model needs at least one item")]
    NoItems,
    /// The nodes do not fit 32-bit indices.
    #[error("n_users + n_items is more than {limit}, the most that 32-bit indices address")]
    TooManyNodes {
        /// The largest number of nodes.
        limit: usize,
    },
    /// The table does not fit the address space.
    #[error("a table of {n_nodes} nodes of dimension {dimension} does not fit the address space")]
    TableTooLarge {
        /// Users and items.
        n_nodes: usize,
        /// Dimension of an embedding.
        dimension: usize,
    },
    /// An embedding has no elements.
    #[error("dimension is 0; usual dimensions are 32 to 256")]
    ZeroDimension,
    /// There is no layer in a model that needs one.
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
    /// The layer weights are not one for layer 0 and one for each layer.
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
    /// All layer weights are 0, so that every score would be 0.
    #[error("all layer weights are 0; at least one must differ from 0")]
    LayerWeightsAllZero,
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
    /// A LeakyReLU slope is NaN or infinite.
    #[error("the negative slope of LeakyReLU is {value}; it must be finite (published: 0.2)")]
    NegativeSlope {
        /// Value given.
        value: f64,
    },
}

fn list(faults: &[Fault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// `Ok` if there are no faults.
pub(crate) fn no_faults(config: &'static str, faults: Vec<Fault>) -> Result<(), NnError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(NnError::Config { config, faults })
    }
}

/// The faults of a table `[n_users + n_items, dimension]`, which all models have.
pub(crate) fn table_faults(n_users: usize, n_items: usize, dimension: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    if n_users == 0 {
        faults.push(Fault::NoUsers);
    }
    if n_items == 0 {
        faults.push(Fault::NoItems);
    }
    let limit = i32::MAX as usize;
    match n_users.checked_add(n_items) {
        Some(n_nodes) if n_nodes <= limit => {
            let bytes = n_nodes
                .checked_mul(dimension)
                .and_then(|n| n.checked_mul(size_of::<f32>()));
            if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
                faults.push(Fault::TableTooLarge { n_nodes, dimension });
            }
        }
        _ => faults.push(Fault::TooManyNodes { limit }),
    }
    if dimension == 0 {
        faults.push(Fault::ZeroDimension);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed() {
        let faults = table_faults(0, 0, 0);
        assert_eq!(
            faults,
            [Fault::NoUsers, Fault::NoItems, Fault::ZeroDimension]
        );
        let message = no_faults("LightGcnConfig", faults).unwrap_err().to_string();
        assert_eq!(
            message,
            "LightGcnConfig: n_users is 0; a model needs at least one user; n_items is 0; a model \
             needs at least one item; dimension is 0; usual dimensions are 32 to 256"
        );
    }

    #[test]
    fn sizes_that_no_machine_holds() {
        let limit = i32::MAX as usize;
        assert_eq!(table_faults(limit, 1, 4), [Fault::TooManyNodes { limit }]);
        assert_eq!(
            table_faults(usize::MAX, 2, 4),
            [Fault::TooManyNodes { limit }]
        );
        let dimension = usize::MAX / 4;
        let n_nodes = 3;
        assert_eq!(
            table_faults(1, 2, dimension),
            [Fault::TableTooLarge { n_nodes, dimension }]
        );
        assert_eq!(table_faults(3, 4, 64), []);
    }
}
