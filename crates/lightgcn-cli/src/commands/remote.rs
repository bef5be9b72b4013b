//! The model of `serve` if it is at a URL.

use anyhow::Context;
use lightgcn::RemoteModel;
use lightgcn::data::is_url;
use lightgcn::serve::{ServeConfig, Service};
use lightgcn::store::beside;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A model at a URL, and where its downloads go. Dropping it ends the one that is under way and removes what it left.
pub(super) struct Remote {
    model: Arc<RemoteModel>,
    /// Holds the downloads of a service without an event file.
    _temporary: Option<TempDir>,
}

impl Remote {
    /// The model `model`, if that is a URL. Downloads go to a folder next to the event file, or to a temporary one.
    pub(super) fn of(model: Option<&Path>, config: &ServeConfig) -> anyhow::Result<Option<Self>> {
        let url = model.and_then(Path::to_str).filter(|model| is_url(model));
        let Some(url) = url else {
            return Ok(None);
        };
        let (folder, temporary) = match &config.events {
            Some(events) => (beside(events, ".download"), None),
            None => {
                let temporary = tempfile::Builder::new().prefix("lightgcn-").tempdir();
                let temporary = temporary.with_context(|| {
                    let folder = std::env::temp_dir();
                    format!("cannot download to {}; set TMPDIR", folder.display())
                })?;
                (temporary.path().join("model"), Some(temporary))
            }
        };
        Ok(Some(Self {
            model: Arc::new(RemoteModel::open(url, folder)?),
            _temporary: temporary,
        }))
    }

    /// A service with the model that is there now; `None` if `stop` completes first.
    pub(super) async fn service(
        &self,
        config: ServeConfig,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<Option<Service>> {
        let source = Arc::clone(&self.model);
        let open = move || Service::open_from(source, config);
        tokio::select! {
            opened = tokio::task::spawn_blocking(open) => Ok(Some(opened.context("loading the model")??)),
            () = stop => Ok(None),
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.model.stop();
    }
}
