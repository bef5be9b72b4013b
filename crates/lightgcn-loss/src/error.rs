//! What can be wrong with the settings of a loss.

use thiserror::Error;

/// Why a loss could not be made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LossError {
    /// The config asks for something impossible. Every fault is listed.
    #[error("{config}: {}", list(.faults))]
    Config {
        /// Name of the config.
        config: &'static str,
        /// All that is wrong with it, at least one.
        faults: Vec<LossFault>,
    },
}

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LossFault {
    /// The temperature of the softmax is out of range.
    #[error("temperature is {value}; it must be at least 0.0001 and finite (usual: 0.05 to 0.2)")]
    Temperature {
        /// Value given.
        value: f64,
    },
    /// The weight of the negatives' term is out of range.
    #[error("negative_weight is {value}; it must be positive and finite (usual: 0.8 to 1.2)")]
    NegativeWeight {
        /// Value given.
        value: f64,
    },
    /// The strength of the popularity correction is out of range.
    #[error(
        "popularity_correction is {value}; it must be finite and not negative (0 is none, 1 full)"
    )]
    PopularityCorrection {
        /// Value given.
        value: f64,
    },
    /// The rank that SL@K aims at is 0.
    #[error("top_k.k is 0; it must be the length of the lists that matter, such as 20")]
    ZeroK,
    /// The temperature of the weights of SL@K is out of range.
    #[error("top_k.temperature is {value}; it must be at least 0.0001 and finite")]
    TopKTemperature {
        /// Value given.
        value: f64,
    },
    /// The strength of the L2 term is out of range.
    #[error("regularization is {value}; it must be finite and not negative")]
    Regularization {
        /// Value given.
        value: f64,
    },
}

fn list(faults: &[LossFault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// `Ok` if there are no faults.
pub(crate) fn no_faults(config: &'static str, faults: Vec<LossFault>) -> Result<(), LossError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(LossError::Config { config, faults })
    }
}
