//! One model per file: its configuration, the fitted model, its tests.

mod cascading_rank;
mod chebyshev_filter;
mod ease;
mod item_knn;
mod item_to_item;
mod propagation;
mod rp3_beta;
mod session_knn;
mod session_transitions;
mod spectral_filter;
mod truncated_svd;

pub use cascading_rank::{CascadingRank, CascadingRankConfig};
pub use chebyshev_filter::{ChebyshevFilter, ChebyshevFilterConfig};
pub use ease::{Ease, EaseConfig};
pub use item_knn::{FeatureWeighting, ItemKnn, ItemKnnConfig};
pub use item_to_item::ItemToItem;
pub use propagation::PropagationConfig;
pub use rp3_beta::{Rp3Beta, Rp3BetaConfig};
pub use session_knn::{SessionKnn, SessionKnnConfig};
pub use session_transitions::SessionTransitionsConfig;
pub use spectral_filter::{SpectralFilter, SpectralFilterConfig};
pub use truncated_svd::{TruncatedSvd, TruncatedSvdConfig};

#[cfg(test)]
mod tests;
