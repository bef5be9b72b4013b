//! A second model that answers in the background, so that its lists can be compared before anyone
//! sees them.
//!
//! It has its own thread with a short queue: if it cannot keep up, requests are skipped and
//! counted, and answers never wait for it.

use crate::catalogue::CatalogueStore;
use crate::error::ServeError;
use crate::models::Model;
use arc_swap::ArcSwap;
use lightgcn_recommend::{Answer, RecommendRequest};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The maximum number of waiting requests.
const WAITING: usize = 64;

/// A request, and the items that were shown.
struct Asked {
    request: RecommendRequest,
    shown: Vec<String>,
}

/// The results of the comparisons.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Lists that were compared.
    pub(crate) lists: AtomicU64,
    /// Items of these lists as shown.
    pub(crate) shown: AtomicU64,
    /// Those of them that the other model also listed.
    pub(crate) common: AtomicU64,
    /// Lists that were not compared: the thread was busy, or the other model had no answer.
    pub(crate) skipped: AtomicU64,
}

/// A handle to the thread of the second model; dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Shadow {
    /// The version of the second model.
    pub(crate) version: String,
    pub(crate) agreement: Arc<Agreement>,
    model: Arc<ArcSwap<Model>>,
    sender: Option<SyncSender<Asked>>,
    thread: Option<JoinHandle<()>>,
}

impl Shadow {
    pub(crate) fn start(model: Model) -> Result<Self, ServeError> {
        let (sender, receiver) = sync_channel(WAITING);
        let agreement = Arc::new(Agreement::default());
        let (version, counted) = (model.version.clone(), Arc::clone(&agreement));
        let model = Arc::new(ArcSwap::from_pointee(model));
        let asked = Arc::clone(&model);
        let thread = std::thread::Builder::new()
            .name("shadow".to_owned())
            .spawn(move || compare_all(&receiver, &asked, &counted))
            .map_err(|source| ServeError::System {
                what: "start the thread of the second model",
                source,
            })?;
        Ok(Self {
            version,
            agreement,
            model,
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Applies catalogue changes to the second model.
    pub(crate) fn refresh(&self, catalogue: &CatalogueStore) {
        self.update(|model| catalogue.applied(model));
    }

    /// Makes a user a stranger to the second model.
    pub(crate) fn forget(&self, user: &str) {
        self.update(|model| model.without_user(user));
    }

    fn update(&self, updated: impl Fn(&Model) -> Option<Model>) {
        self.model
            .rcu(|model| updated(model).map_or_else(|| Arc::clone(model), Arc::new));
    }

    /// Sends the same request to the second model, if it is not busy.
    pub(crate) fn ask(&self, request: RecommendRequest, shown: &Answer) {
        let shown = shown.items.iter().map(|item| item.item.clone()).collect();
        let asked = Asked { request, shown };
        let Some(sender) = &self.sender else { return };
        if sender.try_send(asked).is_err() {
            self.agreement.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the second model stopped");
        }
    }
}

fn compare_all(receiver: &Receiver<Asked>, model: &ArcSwap<Model>, agreement: &Agreement) {
    let add = |to: &AtomicU64, n: usize| {
        to.fetch_add(n as u64, Ordering::Relaxed);
    };
    for Asked { request, shown } in receiver {
        match model.load().recommender.answer(&request) {
            Ok(answer) => {
                let is_listed = |item: &&String| answer.items.iter().any(|own| own.item == **item);
                add(&agreement.shown, shown.len());
                add(&agreement.common, shown.iter().filter(is_listed).count());
                add(&agreement.lists, 1);
            }
            Err(error) => {
                tracing::debug!(%error, "the second model has no answer");
                add(&agreement.skipped, 1);
            }
        }
    }
}
