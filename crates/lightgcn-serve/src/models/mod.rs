//! Models: a recommender with its version, and what the page shows of it.

mod arms;
mod figures;
mod model_path;
mod registry;
mod summary;

pub(crate) use arms::{Arms, Chosen};
pub(crate) use model_path::resolve;
pub(crate) use registry::Registry;
pub(crate) use summary::Summary;

use crate::checks::now;
use crate::error::ServeError;
use figures::Figures;
use lightgcn_core::{Catalogue, ItemId, LabelColumn, UserId};
use lightgcn_recommend::{ContextEvent, RecommendOptions, RecommendRequest, Recommender};
use lightgcn_store::{Artifact, version_of};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
/// The maximum number of categories and brands to list.
const MAX_LABELS: usize = 200;

/// A model. Each request is answered by one model from start to end.
#[derive(Debug)]
pub(crate) struct Model {
    /// The first digits of the SHA-256 of the artifact's content.
    pub(crate) version: String,
    /// Where it was loaded from, a folder or a URL; `None` if it was passed in memory.
    pub(crate) path: Option<PathBuf>,
    pub(crate) recommender: Recommender,
    pub(crate) figures: Arc<Figures>,
    /// Users by number of pairs, most first; then by row.
    pub(crate) users: Arc<[UserId]>,
    /// Items by number of users, most first; then by row.
    pub(crate) items: Arc<[ItemId]>,
    pub(crate) labels: Labels,
    /// When it was loaded.
    pub(crate) loaded: SystemTime,
    /// How long that took.
    pub(crate) took: Duration,
    /// The time of the latest event that it was trained on; `None` if it has no times.
    pub(crate) trained_until: Option<i64>,
    pub(crate) summary: Arc<Summary>,
    /// The users of the most popular item.
    pub(crate) most_users: usize,
    /// The expected time of a user's top 20 on one thread.
    pub(crate) ordinary: Duration,
    /// The revision of the catalogue changes applied to it; 0 for none.
    pub(crate) catalogue_revision: u64,
}

impl Model {
    /// Reads and checks the artifact at `path`, and warms its caches.
    pub(crate) fn open(path: &Path) -> Result<Self, ServeError> {
        let start = Instant::now();
        let identity = Artifact::identity_at(path)?;
        let recommender = Recommender::open(path)?;
        // The identity belongs to what was read only if the folder was not replaced in between.
        if Artifact::identity_at(path)? != identity {
            return Err(ServeError::Changed {
                path: path.to_owned(),
            });
        }
        let figures = Figures::beside(path);
        let model = Self::new(&identity, Some(path.to_owned()), recommender, figures);
        Ok(Self {
            took: start.elapsed(),
            ..model
        })
    }

    /// The same model, which was loaded from a copy of what is at `location`.
    pub(crate) fn located_at(self, location: &str) -> Self {
        Self {
            path: Some(PathBuf::from(location)),
            ..self
        }
    }

    /// Wraps a recommender in memory.
    pub(crate) fn from_recommender(recommender: Recommender) -> Result<Self, ServeError> {
        let identity = recommender.artifact().identity()?;
        Ok(Self::new(&identity, None, recommender, Figures::default()))
    }

    fn new(
        identity: &str,
        path: Option<PathBuf>,
        recommender: Recommender,
        figures: Figures,
    ) -> Self {
        recommender.warm();
        let train = &recommender.artifact().train;
        let mut users: Vec<UserId> = (0..train.n_users() as u32).map(UserId).collect();
        users.sort_by_key(|&user| std::cmp::Reverse(train.pairs_of(user).len()));
        let mut items: Vec<ItemId> = (0..train.n_items() as u32).map(ItemId).collect();
        items.sort_by_cached_key(|&item| std::cmp::Reverse(users_of(&recommender, item).0.len()));
        let ordinary = RecommendRequest::new("").with_options(RecommendOptions {
            k: 20,
            ..RecommendOptions::default()
        });
        let most_users = items
            .first()
            .map(|&item| users_of(&recommender, item).0.len());
        let trained_until = train.last_times().iter().max().copied();
        Self {
            loaded: SystemTime::now(),
            took: Duration::ZERO,
            trained_until,
            summary: Arc::new(Summary::of(&recommender)),
            most_users: most_users.unwrap_or(0),
            ordinary: recommender.cost_of_answer(&ordinary),
            version: version_of(identity),
            path,
            figures: Arc::new(figures),
            users: users.into(),
            items: items.into(),
            labels: Labels::of(recommender.catalogue()),
            catalogue_revision: 0,
            recommender,
        }
    }

    /// The same model with another recommender: with changed details of its items, or without some users.
    pub(crate) fn with_recommender(&self, recommender: Recommender, revision: u64) -> Self {
        Self {
            version: self.version.clone(),
            path: self.path.clone(),
            figures: Arc::clone(&self.figures),
            summary: Arc::clone(&self.summary),
            users: Arc::clone(&self.users),
            items: Arc::clone(&self.items),
            labels: Labels::of(recommender.catalogue()),
            catalogue_revision: revision,
            recommender,
            ..*self
        }
    }

    /// The same model without a user; `None` if it does not know the user.
    pub(crate) fn without_user(&self, user: &str) -> Option<Self> {
        let recommender = self.recommender.without_user(user)?;
        Some(self.with_recommender(recommender, self.catalogue_revision))
    }

    /// How many items have expired so far; it affects answers.
    pub(crate) fn n_expired(&self) -> usize {
        let now = now();
        self.labels.expiries.partition_point(|&end| end <= now)
    }

    /// The latest `limit` of a user's stored events that the model can use and was not trained on:
    /// those with a known item and behavior, later than the training pair.
    pub(crate) fn recent_events(
        &self,
        user: &str,
        stored: Vec<ContextEvent>,
        limit: usize,
    ) -> Vec<ContextEvent> {
        let train = &self.recommender.artifact().train;
        let user = self.recommender.user(user);
        let is_recent = |event: &ContextEvent| {
            // Stores of older versions may have other counts.
            if self.recommender.behavior(&event.behavior).is_none()
                || !ContextEvent::is_count(event.count)
            {
                return false;
            }
            let Some(item) = self.recommender.item(&event.item) else {
                return false;
            };
            let pair = user.filter(|_| item.index() < train.n_items());
            let pair = pair.and_then(|user| train.find(user, item));
            match (
                pair.and_then(|pair| train.last_times().get(pair)),
                event.time,
            ) {
                (Some(&trained), Some(time)) => time > trained,
                _ => true,
            }
        };
        let mut recent: Vec<ContextEvent> = stored.into_iter().filter(is_recent).collect();
        recent.drain(..recent.len().saturating_sub(limit));
        recent
    }
}

/// A summary of a model's catalogue.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) categories: Vec<String>,
    pub(crate) brands: Vec<String>,
    /// The lowest and highest price.
    pub(crate) prices: Option<(f64, f64)>,
    /// When items expire, ascending.
    expiries: Vec<i64>,
}

impl Labels {
    fn of(catalogue: &Catalogue) -> Self {
        let column = match catalogue.category_code().labels() {
            [] => catalogue.category_id(),
            _ => catalogue.category_code(),
        };
        let prices = catalogue.prices().iter().flatten().copied();
        let prices = prices.fold(None, |range, price| {
            let (low, high) = range.unwrap_or((price, price));
            Some((low.min(price), high.max(price)))
        });
        let expiries = catalogue.listings().expires_at.iter();
        let mut expiries: Vec<i64> = expiries.flatten().copied().collect();
        expiries.sort_unstable();
        Self {
            categories: most_frequent(column, catalogue),
            brands: most_frequent(catalogue.brand(), catalogue),
            prices,
            expiries,
        }
    }
}

/// The labels of a column by number of items, most first; then by name.
fn most_frequent(column: &LabelColumn, catalogue: &Catalogue) -> Vec<String> {
    let mut counts = vec![0usize; column.labels().len()];
    for item in 0..catalogue.n_items() {
        let code = column.codes().get(item).map(|&code| code as usize);
        if let Some(count) = code.and_then(|code| counts.get_mut(code)) {
            *count += 1;
        }
    }
    let mut labels: Vec<(usize, &String)> = counts.into_iter().zip(column.labels()).collect();
    labels.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    labels.truncate(MAX_LABELS);
    labels.into_iter().map(|(_, label)| label.clone()).collect()
}

/// The neighbors of a row, ascending, and the weights of their edges.
pub(crate) type Row<'a> = (&'a [u32], &'a [f32]);

/// The users of an item in training; `None` for an item without training pairs.
pub(crate) fn users_of(recommender: &Recommender, item: ItemId) -> Row<'_> {
    recommender.graph().users_of(item)
}
