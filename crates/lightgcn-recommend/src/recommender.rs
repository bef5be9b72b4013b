//! The front end of the crate: answers by the shop's own ids, from an artifact.

mod names;

use crate::answer::chain::Chain;
use crate::answer::{history, similar};
use crate::cold_start::fold_in::Newcomers;
use crate::cold_start::new_item::check_details;
use crate::explain::explainer::Explainer;
use crate::shop::Shop;
use crate::{
    Answer, ContextEvent, EmbeddingRanker, EnsembleRanker, Exclusions, ExplainOptions,
    ExplainRequest, Explanation, FoldIn, Fusion, HistoryItem, ItemOptions, LearnedRanker,
    ListedItem, Member, NewItem, PopularityRanker, Ranked, Ranker, RecommendError,
    RecommendOptions, RecommendRequest, RecommendedItem, ScoreParts, Scorer,
};
use lightgcn_core::{Catalogue, ItemDetails, ItemId, UserId};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Answers a shop's requests from an [`Artifact`], without the log and without training.
///
/// [`recommend`](Self::recommend) and [`recommend_many`](Self::recommend_many) always answer: if
/// the model knows nothing about a user, the next source of the chain takes over, and every item
/// names its source. Answers are exact, and the same with any number of threads, one by one or in a
/// batch.
///
/// Open it once (O(edges · log); from a folder, also its validation) and share it between threads:
/// every request takes `&self`.
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
/// #         graphs: vec![Normalization::Symmetric.into()],
/// #         further_nodes: Vec::new(),
/// #         config: serde_json::json!({}),
/// #     },
/// #     layer0: table.clone(),
/// #     embeddings: table,
/// #     popularity: popularity_of(&train),
/// #     ranking: None,
/// #     attention: None,
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
/// // Other users appear in an explanation only in groups of at least `min_users`.
/// let why = shop.explain("ann", "lamp", &ExplainOptions { min_users: 1, ..Default::default() })?;
/// assert_eq!(why.paths[0].edges.len(), 3);
/// println!("{why}");
///
/// let stranger = shop.recommend("zoe", &RecommendOptions::default())?;
/// assert_eq!((stranger.known, stranger.source), (false, Source::Popularity));
/// assert_eq!(stranger.items[0].item, "glove");
///
/// // Zoe has just bought the glove: one event is enough.
/// let events = vec![ContextEvent::new("glove", "purchase")];
/// let answer = shop.answer(&RecommendRequest::new("zoe").with_events(events))?;
/// assert_eq!(answer.source, Source::FoldIn);
/// assert_eq!(answer.items[0].item, "lamp");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recommender {
    pub(crate) shop: Shop,
}

/// Opening and settings.
impl Recommender {
    /// A recommender from an artifact in memory, which is checked first.
    ///
    /// # Errors
    /// [`RecommendError::Store`] if the artifact's parts are inconsistent,
    /// [`RecommendError::Graph`] if it has no training edge.
    pub fn from_artifact(artifact: Artifact) -> Result<Self, RecommendError> {
        artifact.check()?;
        let shop = Shop::new(artifact)?;
        Ok(Self { shop })
    }

    /// A recommender from an artifact's folder, which is fully validated.
    ///
    /// # Errors
    /// [`RecommendError::Store`] if the folder cannot be read or is not a valid artifact,
    /// [`RecommendError::Graph`] if it has no training edge.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecommendError> {
        let shop = Shop::new(Artifact::load(path.as_ref())?)?;
        Ok(Self { shop })
    }

    /// Hides items from every source. Unknown ids are kept in case
    /// [`with_items`](Self::with_items) adds them later.
    #[must_use]
    pub fn with_unsuitable<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.shop.items.hide(ids.into_iter().map(Into::into));
        self
    }

    /// Sets how to fold in newcomers. Default: [`FoldIn::Mapped`].
    #[must_use]
    pub fn with_fold_in(mut self, method: FoldIn) -> Self {
        self.shop.newcomers = Arc::new(Newcomers::new(method));
        self
    }

    /// Adds items unknown to training.
    ///
    /// An item with events of known users gets its embedding from them: one row of propagation over
    /// the frozen layers, mapped to trained items as new users are ([`FoldIn`]). An item without
    /// such events gets the embedding predicted from its category, brand and price (by a ridge map
    /// fitted on the training items) and, if that improves the ranking of known items treated as
    /// new, a score that also counts its similarity to the user's history. Both join the model's
    /// ranking, marked by their source; an item with neither can only be drawn at random. O(items ·
    /// dimension + events), and the cost of the maps, which are fitted once.
    ///
    /// # Errors
    /// [`RecommendError::NewItem`] for an id that is already known, an unknown behavior or a price
    /// that is not finite; [`RecommendError::NoContent`] if an item without events has attributes,
    /// but no item of the artifact has any.
    pub fn with_items(mut self, new: &[NewItem]) -> Result<Self, RecommendError> {
        let shop = &mut self.shop;
        shop.items.add(&shop.model, &shop.newcomers, new)?;
        Ok(self)
    }

    /// Ranks for known users by an ensemble of this recommender's model, with `own_weight`, and other models
    /// or linear filters of the same training pairs, fused as in [`EnsembleRanker`].
    /// [`choose_weights`](crate::choose_weights) finds good weights on validation data.
    ///
    /// The members score training items for training users: events of a request affect only the
    /// model's score, items unknown to a member get its mean score, and newcomers get the model's
    /// answer. If scores are fused and every member's score is a sum over the history, so is the
    /// fused one, and [`Recommender::explain`] splits it exactly. Each member costs a row of scores
    /// per request.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if a weight is negative or not finite, or none is positive;
    /// [`RecommendError::DifferentCatalogues`] if a member's number of users or items differs.
    /// ([`check_same_catalogue`](crate::check_same_catalogue) compares their ids.)
    pub fn with_ensemble(
        mut self,
        own_weight: f64,
        members: Vec<Member<'static>>,
        fusion: Fusion,
    ) -> Result<Self, RecommendError> {
        let is_alone = members.is_empty();
        let own = (&self.ranker() as &dyn Scorer, own_weight);
        let ensemble = EnsembleRanker::joining(own, members, fusion)?;
        self.shop.ensemble = (!is_alone).then(|| Arc::new((own_weight, ensemble)));
        Ok(self)
    }

    /// The same recommender with changed details of some items, such as their prices and stock;
    /// unknown ids are ignored. Everything else is shared with this recommender, which does not
    /// change. Filters, revenue and answers use the new details at once; the learned ranking and
    /// the places of items without events stay as trained. O(items · changed columns).
    ///
    /// # Errors
    /// [`RecommendError::NewItem`] for a price that is not finite, and for an invalid title or
    /// address.
    pub fn with_details(
        &self,
        changes: &HashMap<String, ItemDetails>,
    ) -> Result<Self, RecommendError> {
        let items = &self.shop.items;
        let mut rows = HashMap::with_capacity(changes.len());
        for (id, details) in changes {
            check_details(id, details)?;
            if let Some(item) = items.names.get(id) {
                rows.insert(item, details.clone());
            }
        }
        let mut shop = self.shop.clone();
        shop.items.catalogue = items.catalogue.with_changes(&rows);
        Ok(Self { shop })
    }

    /// The same recommender without a user, who is unknown to every request from then on; everything else is shared with
    /// this one, which does not change. `None` if it does not know the user. What other vectors learned from the
    /// user stays, and so do counts over all users. O(forgotten users).
    #[must_use]
    pub fn without_user(&self, raw_user: &str) -> Option<Self> {
        let user = self.shop.user(raw_user)?;
        let mut shop = self.shop.clone();
        Arc::make_mut(&mut shop.forgotten).insert(user);
        Some(Self { shop })
    }

    /// The rows of the users removed by [`without_user`](Self::without_user).
    #[must_use]
    pub fn forgotten(&self) -> &BTreeSet<UserId> {
        &self.shop.forgotten
    }

    /// Computes now what the first requests would otherwise wait for: the sums over layers and the
    /// map for new users. O((layers − 1) · edges · dimension + users · dimension²).
    pub fn warm(&self) {
        let _ = self.shop.newcomers.user_map(&self.shop.model);
    }
}

/// Questions.
impl Recommender {
    /// The best items for one user, as [`Recommender::answer`] gives them without events.
    ///
    /// # Errors
    /// As [`RecommendOptions::check`]; [`RecommendError::NoContent`] for a chain with only content
    /// if no item has an attribute.
    pub fn recommend(
        &self,
        raw_user: &str,
        options: &RecommendOptions,
    ) -> Result<Answer, RecommendError> {
        Ok(self.recommend_many(&[raw_user], options)?.swap_remove(0))
    }

    /// The answers for many users, in their order, each as [`Recommender::recommend`] gives it. One
    /// batch is faster than single requests: items are read once for many users.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub fn recommend_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Answer>, RecommendError> {
        self.chain().recommend_many(raw_users, options)
    }

    /// The lists of [`Recommender::recommend_many`] by row and without text: for many users in
    /// little time and memory.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub fn list_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Vec<ListedItem>>, RecommendError> {
        self.chain().list_many(raw_users, options)
    }

    /// The answer to a request.
    ///
    /// - A user with training pairs gets the model's ranking; events of the request affect it at
    ///   once: the history is weighted as in training and propagated again.
    /// - A user without gets a vector from the events ([`FoldIn`]).
    /// - If neither fills the list, the rest of the chain does.
    ///
    /// Every source leaves out filtered, hidden and unsuitable items during its search: a list is
    /// shorter than `k` only if no more items are eligible. O(items · dimension).
    ///
    /// # Errors
    /// As [`Recommender::recommend`], and [`RecommendError::ContextEvent`] for an invalid event.
    pub fn answer(&self, request: &RecommendRequest) -> Result<Answer, RecommendError> {
        let mut answers = self.answer_many(std::slice::from_ref(request))?;
        Ok(answers.swap_remove(0))
    }

    /// The answers to many requests, in their order, each as [`Recommender::answer`] gives it.
    ///
    /// # Errors
    /// As [`Recommender::answer`]: the first issue of any request.
    pub fn answer_many(
        &self,
        requests: &[RecommendRequest],
    ) -> Result<Vec<Answer>, RecommendError> {
        self.chain().answer_many(requests)
    }

    fn chain(&self) -> Chain<'_> {
        Chain { shop: &self.shop }
    }

    /// Explains why an item suits a user: exact contributions if the model has them, and the
    /// strongest paths through the training data.
    ///
    /// The final embedding of a user u is α_0 E_u + Σ_j Â_uj m_j over the items j of the history,
    /// with m_j = Σ_{k≥1} α_k (Â^{k−1} E)_j (He et al., SIGIR 2020, equations 3 and 4); so item j
    /// adds Â_uj m_j · e_i to the score of item i, and the user's own row α_0 E_u · e_i, the self
    /// contribution. Needs only the artifact. O(history · dimension) plus the paths, which cost all
    /// pairs of the items involved.
    ///
    /// # Errors
    /// [`RecommendError::ZeroLimit`], [`RecommendError::MaxHops`] and [`RecommendError::Options`] for
    /// invalid options, [`RecommendError::UnknownUser`] and [`RecommendError::UnknownItem`] for
    /// unknown ids.
    pub fn explain(
        &self,
        raw_user: &str,
        raw_item: &str,
        options: &ExplainOptions,
    ) -> Result<Explanation, RecommendError> {
        self.explain_request(&ExplainRequest {
            user: raw_user.to_owned(),
            item: raw_item.to_owned(),
            events: Vec::new(),
            options: *options,
        })
    }

    /// The same, taking the request's events into account. An unknown user must have events.
    ///
    /// # Errors
    /// As [`Recommender::explain`], and [`RecommendError::ContextEvent`] for an invalid event.
    pub fn explain_request(&self, request: &ExplainRequest) -> Result<Explanation, RecommendError> {
        self.explainer().explain(request)
    }

    fn explainer(&self) -> Explainer<'_> {
        Explainer { shop: &self.shop }
    }

    /// The items most similar to `raw_item` by the cosine of their embeddings (the score), without the
    /// item itself. O(items · dimension).
    ///
    /// # Errors
    /// [`RecommendError::UnknownItem`]; as [`RecommendOptions::check`].
    pub fn similar(
        &self,
        raw_item: &str,
        options: &ItemOptions,
    ) -> Result<Vec<RecommendedItem>, RecommendError> {
        similar::similar(&self.shop, raw_item, options)
    }

    /// The most popular items, of all time or recently (empty if the log has no times). O(items).
    ///
    /// # Errors
    /// As [`RecommendOptions::check`].
    pub fn popular(&self, options: &ItemOptions) -> Result<Vec<RecommendedItem>, RecommendError> {
        similar::popular(&self.shop, options)
    }

    /// The vector of a user with these events, `[dimension]`, which ranks items for the request.
    /// `None` if nothing is known. O(events · dimension + dimension²).
    ///
    /// # Errors
    /// [`RecommendError::ContextEvent`] for an invalid event.
    pub fn fold_in(
        &self,
        user: &str,
        events: &[ContextEvent],
    ) -> Result<Option<Vec<f32>>, RecommendError> {
        let profile = self.shop.profile(self.user(user), events)?;
        Ok(self.shop.query(&profile).map(|query| query.vector))
    }

    /// What a user did in training: latest first if the log has times, then by weight, then by row.
    /// O(pairs of the user · log).
    ///
    /// # Errors
    /// [`RecommendError::UnknownUser`] if the artifact does not know the user.
    pub fn history(&self, raw_user: &str) -> Result<Vec<HistoryItem>, RecommendError> {
        history::history(&self.shop, Some(self.shop.known_user(raw_user)?), &[])
    }

    /// What a user did in training and in these later events, in the order of
    /// [`Recommender::history`], each pair weighted as in an answer to them. Events with unknown
    /// items are ignored; fractional counts are rounded up. An unknown user has only the events.
    /// O(pairs · log + events · items of them).
    ///
    /// # Errors
    /// [`RecommendError::ContextEvent`] for an invalid event.
    pub fn history_with(
        &self,
        raw_user: &str,
        events: &[ContextEvent],
    ) -> Result<Vec<HistoryItem>, RecommendError> {
        history::history(&self.shop, self.user(raw_user), events)
    }
}

/// What it is made of.
impl Recommender {
    /// The artifact that the answers come from.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.shop.model.artifact
    }

    /// The training graph that explanations use.
    #[must_use]
    pub fn graph(&self) -> &TrainGraph {
        &self.shop.model.graph
    }

    /// The items that each known user has bought, which answers hide.
    #[must_use]
    pub fn bought(&self) -> &Exclusions {
        &self.shop.bought
    }

    /// The catalogue of the items, including those added by [`Recommender::with_items`].
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.shop.items.catalogue
    }

    /// The number of items, including those added by [`Recommender::with_items`].
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.shop.items.len()
    }

    /// The model as a [`Ranker`] of the training items, for evaluation or requests by row.
    #[must_use]
    pub fn ranker(&self) -> EmbeddingRanker<'_> {
        self.shop.model.ranker()
    }

    /// The learned ranking as a [`Ranker`] of the training items; `None` if the artifact has none.
    #[must_use]
    pub fn learned_ranker(&self) -> Option<LearnedRanker<'_>> {
        let view = Arc::clone(self.shop.ranking.as_ref()?);
        let ranker = LearnedRanker::from_view(view, &self.artifact().train);
        Some(ranker.with_model(self.ranker()))
    }

    /// The popularity list that unknown users get, as a [`Ranker`].
    #[must_use]
    pub fn popularity(&self) -> &PopularityRanker {
        &self.shop.popularity.ranker
    }
}

/// The model alone, without rules and ensemble.
impl Ranker for Recommender {
    fn name(&self) -> &str {
        &self.artifact().model.name
    }

    fn n_users(&self) -> usize {
        self.artifact().train.n_users()
    }

    fn n_items(&self) -> usize {
        self.artifact().train.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        self.ranker().top_k(users, k, excluded)
    }
}

impl Scorer for Recommender {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        self.ranker().scores(users, out);
    }

    /// Self contribution and contributions, if the model's score is a sum over paths. The whole
    /// score is the self contribution of a model without layers (matrix factorization) and of a
    /// user without training pairs.
    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        self.explainer().score_parts(user, item)
    }
}

#[cfg(test)]
mod tests;
