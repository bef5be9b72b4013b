//! What every request needs before its handler runs: the configuration and the metrics.

use crate::config::ServeConfig;
use crate::metrics::Metrics;
use std::sync::Arc;

/// The state of the middleware around all routes, for one model or many.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) config: Arc<ServeConfig>,
    pub(crate) metrics: Arc<Metrics>,
}
