//! What every request needs before it is answered: the configuration and the metrics.

use crate::config::ServeConfig;
use crate::metrics::Metrics;
use std::sync::Arc;

/// The state of what wraps all routes, of one model or of many.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) config: Arc<ServeConfig>,
    pub(crate) metrics: Arc<Metrics>,
}
