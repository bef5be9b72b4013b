//! Answers by the shop's own ids, from an artifact.

use crate::answer::items::Items;
use crate::answer::nearest::{hint_for_user, nearest_item};
use crate::answer::partners::Partners;
use crate::answer::response::HistoryItem;
use crate::cold_start::fold_in::Map;
use crate::explain::messages::Messages;
use crate::{ContextEvent, EmbeddingRanker, Exclusions, FoldIn, PopularityRanker, RecommendError};
use lightgcn_core::{BehaviorWeights, Catalogue, ItemId, UserId};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;

/// Answers a shop's questions from an [`Artifact`], without the log and without training.
///
/// [`recommend`](Self::recommend) and [`recommend_many`](Self::recommend_many) always answer: where the model
/// knows nothing of a user, the next source of the chain takes over, and every item says where it
/// comes from. Answers are exact, the same at any number of threads, and the same one by one or in a
/// batch.
///
/// It is made once (O(edges · log), from a folder also its validation) and then shared between
/// threads: every question takes `&self`.
///
/// ```
/// # use lightgcn_core::{
/// #     BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, UserId, Vocabulary,
/// # };
/// # use lightgcn_graph::Normalization;
/// # use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
/// # let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
/// # for (user, item) in [(0, 0), (1, 0), (1, 1)] {
/// #     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
/// # }
/// # let train = pairs.build(2, 2)?;
/// # let table = EmbeddingTable::new(4, 1, vec![1.0; 4])?;
/// # let artifact = Artifact {
/// #     model: ModelDescription {
/// #         name: "mf".to_owned(),
/// #         dimension: 1,
/// #         n_layers: 0,
/// #         layer_weights: Some(vec![1.0]),
/// #         normalization: Normalization::Symmetric,
/// #         edge_weights: true,
/// #         config: serde_json::json!({}),
/// #     },
/// #     layer0: table.clone(),
/// #     embeddings: table,
/// #     popularity: popularity_of(&train),
/// #     train,
/// #     users: Vocabulary::from_names(["ann", "bob"])?,
/// #     items: Vocabulary::from_names(["glove", "lamp"])?,
/// #     catalogue: Catalogue::unknown(2),
/// #     behaviors: BehaviorWeightsConfig::single("purchase"),
/// #     lineage: Lineage::default(),
/// # };
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model");
/// # artifact.save(&path)?;
/// use lightgcn_recommend::{
///     ContextEvent, ExplainOptions, RecommendOptions, RecommendRequest, Recommender, Source,
/// };
///
/// // Ann bought the glove; Bob bought the glove and the lamp.
/// let shop = Recommender::open(&path)?;
/// let answer = shop.recommend("ann", &RecommendOptions::default())?;
/// assert_eq!(answer.items[0].item, "lamp");
///
/// // Other users show in an explanation only in company.
/// let why = shop.explain("ann", "lamp", &ExplainOptions { min_users: 1, ..Default::default() })?;
/// assert_eq!(why.paths[0].edges.len(), 3);
/// println!("{why}");
///
/// let stranger = shop.recommend("zoe", &RecommendOptions::default())?;
/// assert_eq!((stranger.known, stranger.source), (false, Source::Popularity));
/// assert_eq!(stranger.items[0].item, "glove");
///
/// // Zoe has just bought the glove, which is enough to go by.
/// let events = vec![ContextEvent::new("glove", "purchase")];
/// let answer = shop.answer(&RecommendRequest::new("zoe").with_events(events))?;
/// assert_eq!(answer.source, Source::FoldIn);
/// assert_eq!(answer.items[0].item, "lamp");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recommender {
    artifact: Artifact,
    graph: TrainGraph,
    bought: Exclusions,
    popularity: PopularityRanker,
    pub(crate) weights: BehaviorWeights,
    pub(crate) items: Items,
    /// Ids that no source may show, and the same by row.
    unsuitable_ids: HashSet<String>,
    pub(crate) unsuitable: Vec<bool>,
    pub(crate) fold_in_method: FoldIn,
    pub(crate) recent_half_life_days: f64,
    pub(crate) partners: Option<Partners>,
    messages: OnceLock<Messages>,
    pub(crate) map: OnceLock<Map>,
    pub(crate) item_map: OnceLock<Map>,
    pub(crate) recent: OnceLock<Vec<(ItemId, f32)>>,
}

impl Recommender {
    /// A recommender from an artifact in memory, which is checked first.
    ///
    /// # Errors
    /// [`RecommendError::Store`] if the artifact's parts do not fit together,
    /// [`RecommendError::Graph`] if it has no training edge.
    pub fn from_artifact(artifact: Artifact) -> Result<Self, RecommendError> {
        artifact.check()?;
        Self::from_checked(artifact)
    }

    /// A recommender from an artifact's folder, which is validated in full before use.
    ///
    /// # Errors
    /// [`RecommendError::Store`] if the folder cannot be read or is no valid artifact,
    /// [`RecommendError::Graph`] if it has no training edge.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecommendError> {
        Self::from_checked(Artifact::load(path.as_ref())?)
    }

    fn from_checked(artifact: Artifact) -> Result<Self, RecommendError> {
        let graph = artifact.graph()?;
        let popularity =
            PopularityRanker::new(artifact.popularity.clone(), artifact.train.n_users());
        let items = Items::new(&artifact, &graph);
        let weights = artifact.behaviors.clone().check();
        Ok(Self {
            graph,
            bought: Exclusions::targets(&artifact.train),
            popularity,
            weights: weights.map_err(|error| RecommendError::Options {
                faults: vec![error.to_string()],
            })?,
            unsuitable_ids: HashSet::new(),
            unsuitable: vec![false; items.len()],
            items,
            fold_in_method: FoldIn::default(),
            recent_half_life_days: 14.0,
            partners: None,
            messages: OnceLock::new(),
            map: OnceLock::new(),
            item_map: OnceLock::new(),
            recent: OnceLock::new(),
            artifact,
        })
    }

    /// The same recommender with items that no source ever shows: not the model, nor popularity,
    /// nor chance. Ids that are not known yet are kept for when they are.
    #[must_use]
    pub fn with_unsuitable<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.unsuitable_ids.extend(ids.into_iter().map(Into::into));
        self.mark_unsuitable();
        self
    }

    pub(crate) fn mark_unsuitable(&mut self) {
        self.unsuitable = self
            .items
            .names
            .iter()
            .map(|name| self.unsuitable_ids.contains(name))
            .collect();
    }

    /// The same recommender with this way of folding newcomers in.
    #[must_use]
    pub fn with_fold_in(mut self, method: FoldIn) -> Self {
        self.fold_in_method = method;
        self.map = OnceLock::new();
        self.item_map = OnceLock::new();
        self
    }

    /// The same recommender with this half-life of purchases in [`Source::RecentPopularity`], in days
    /// (14 unless told).
    ///
    /// # Errors
    /// [`RecommendError::Options`] if it is not positive and finite.
    ///
    /// [`Source::RecentPopularity`]: crate::Source::RecentPopularity
    pub fn with_recent_half_life(mut self, days: f64) -> Result<Self, RecommendError> {
        if !(days.is_finite() && days > 0.0) {
            let fault = format!("the half-life of {days} days must be positive and finite");
            return Err(RecommendError::Options {
                faults: vec![fault],
            });
        }
        self.recent_half_life_days = days;
        self.recent = OnceLock::new();
        Ok(self)
    }

    /// Makes now what the first questions would otherwise wait for: the sums over layers and the map
    /// for newcomers. O((layers − 1) · edges · dimension + users · dimension²).
    pub fn warm(&self) {
        let _ = self.newcomer_map();
    }

    /// The artifact that the answers come from.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The training graph that explanations walk on.
    #[must_use]
    pub fn graph(&self) -> &TrainGraph {
        &self.graph
    }

    /// What each known user has bought: the items that answers leave out.
    #[must_use]
    pub fn bought(&self) -> &Exclusions {
        &self.bought
    }

    /// What is known of the items, those added by [`Recommender::with_items`] included.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.items.catalogue
    }

    /// How many items there are, those added by [`Recommender::with_items`] included.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn messages(&self) -> &Messages {
        self.messages
            .get_or_init(|| Messages::new(&self.artifact, &self.graph))
    }

    /// The model as a [`Ranker`](crate::Ranker) of the items of training, for evaluation or questions
    /// by row.
    #[must_use]
    pub fn ranker(&self) -> EmbeddingRanker<'_> {
        let table = &self.artifact.embeddings;
        EmbeddingRanker::from_checked_nodes(
            &self.artifact.model.name,
            table.data(),
            self.artifact.train.n_users(),
            table.dimension(),
        )
    }

    /// The popularity list that unknown users get, as a [`Ranker`](crate::Ranker).
    #[must_use]
    pub fn popularity(&self) -> &PopularityRanker {
        &self.popularity
    }

    /// What a user did in training: the latest first, where the log has times; then the
    /// heaviest; then by row. O(pairs of the user · log).
    ///
    /// # Errors
    /// [`RecommendError::UnknownUser`] if the artifact does not know the user.
    pub fn history(&self, raw_user: &str) -> Result<Vec<HistoryItem>, RecommendError> {
        self.known_user(raw_user)?;
        self.history_with(raw_user, &[])
    }

    /// What a user did in training and in these later events, in the order of [`Recommender::history`],
    /// each pair weighed as an answer to them weighs it. Events of items that the model does not know are
    /// left out; counts of parts of events are rounded up. A user who is not known has the events alone.
    /// O(pairs · log + events · items of them).
    ///
    /// # Errors
    /// [`RecommendError::ContextEvent`] for an event that cannot be used.
    pub fn history_with(
        &self,
        raw_user: &str,
        events: &[ContextEvent],
    ) -> Result<Vec<HistoryItem>, RecommendError> {
        let profile = self.profile(self.user(raw_user), events)?;
        let train = &self.artifact.train;
        let trained_time = |item: ItemId| {
            let known = profile.trained.filter(|_| item.index() < train.n_items());
            let pair = known.and_then(|user| train.find(user, item))?;
            train.last_times().get(pair).copied()
        };
        let mut items: Vec<HistoryItem> = Vec::with_capacity(profile.dealings.len());
        for dealing in &profile.dealings {
            let item = self.item_name(dealing.item);
            // Only items with such an event are sought among them.
            let mine = events
                .iter()
                .filter(|event| dealing.is_recent && event.item == item);
            items.push(HistoryItem {
                behaviors: self.behaviors_of(dealing),
                weight: dealing.weight as f32,
                last_time: mine
                    .filter_map(|event| event.time)
                    .chain(trained_time(dealing.item))
                    .max(),
                bought: dealing.bought,
                details: self.items.catalogue.get(dealing.item),
                item,
            });
        }
        items.sort_by(|a, b| {
            let latest = b.last_time.cmp(&a.last_time);
            latest.then(b.weight.total_cmp(&a.weight))
        });
        Ok(items)
    }

    /// The row of a user, or none where the artifact does not know the id.
    #[must_use]
    pub fn user(&self, raw_user: &str) -> Option<UserId> {
        self.artifact.users.get(raw_user)
    }

    /// The row of an item, or none where the id is not known.
    #[must_use]
    pub fn item(&self, raw_item: &str) -> Option<ItemId> {
        self.items.names.get(raw_item)
    }

    /// The id of an item, or none where there is no such row.
    #[must_use]
    pub fn item_id(&self, item: ItemId) -> Option<&str> {
        self.items.names.name(item)
    }

    pub(crate) fn known_user(&self, raw_user: &str) -> Result<UserId, RecommendError> {
        self.user(raw_user)
            .ok_or_else(|| RecommendError::UnknownUser {
                id: raw_user.to_owned(),
                hint: hint_for_user(&self.artifact.users, raw_user),
            })
    }

    pub(crate) fn known_item(&self, raw_item: &str) -> Result<ItemId, RecommendError> {
        self.item(raw_item).ok_or_else(|| {
            let nearest = nearest_item(&self.items.names, raw_item);
            let hint = match &nearest {
                Some(near) => format!("did you mean {near:?}?"),
                None => "check the id as the log writes it, or train again on a log that has it"
                    .to_owned(),
            };
            RecommendError::UnknownItem {
                id: raw_item.to_owned(),
                nearest,
                hint,
            }
        })
    }

    pub(crate) fn item_name(&self, item: ItemId) -> String {
        // A checked artifact names every item.
        self.items.names.name(item).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests;
