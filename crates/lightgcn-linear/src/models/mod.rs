//! One model a file: its configuration, the fitted model, its tests.

mod chebyshev_filter;
mod ease;
mod item_knn;
mod item_to_item;
mod propagation;
mod rp3_beta;
mod spectral_filter;
mod truncated_svd;

pub use chebyshev_filter::{ChebyshevFilter, ChebyshevFilterConfig};
pub use ease::{Ease, EaseConfig};
pub use item_knn::{FeatureWeighting, ItemKnn, ItemKnnConfig};
pub use item_to_item::ItemToItem;
pub use propagation::PropagationConfig;
pub use rp3_beta::{Rp3Beta, Rp3BetaConfig};
pub use spectral_filter::{SpectralFilter, SpectralFilterConfig};
pub use truncated_svd::{TruncatedSvd, TruncatedSvdConfig};

#[cfg(test)]
mod tests;
