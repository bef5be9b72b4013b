//! Answers by the shop's own ids, from an artifact.

use crate::answer::{
    Answer, BehaviourCount, HistoryItem, RecommendOptions, RecommendedItem, Source,
};
use crate::nearest::{mend_for_consumer, nearest_product};
use crate::{EmbeddingRanker, Exclusions, PopularityRanker, Ranked, Ranker, RecommendError};
use lightgcn_core::{ItemId, UserId};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use std::path::Path;

/// Answers a shop's questions from an [`Artifact`], without the log and without training.
///
/// Consumers without a history get what most consumers bought, and the answer says so. Answers are
/// exact, the same at any number of threads, and the same one by one or in a batch.
///
/// It is made once (O(edges · log), from a folder also its validation) and then shared between
/// threads: every question takes `&self`.
///
/// ```
/// # use lightgcn_core::{
/// #     BehaviourWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, UserId, Vocabulary,
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
/// #     behaviours: BehaviourWeightsConfig::single("purchase"),
/// #     lineage: Lineage::default(),
/// # };
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model");
/// # artifact.save(&path)?;
/// use lightgcn_recommend::{ExplainOptions, RecommendOptions, Recommender, Source};
///
/// // Ann bought the glove; Bob bought the glove and the lamp.
/// let shop = Recommender::open(&path)?;
/// let answer = shop.recommend("ann", &RecommendOptions::default())?;
/// assert_eq!(answer.items[0].product, "lamp");
///
/// let why = shop.explain("ann", "lamp", &ExplainOptions::default())?;
/// assert_eq!(why.paths[0].edges.len(), 3);
/// println!("{why}");
///
/// let stranger = shop.recommend("zoe", &RecommendOptions::default())?;
/// assert_eq!((stranger.known, stranger.source), (false, Source::Popularity));
/// assert_eq!(stranger.items[0].product, "glove");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recommender {
    artifact: Artifact,
    graph: TrainGraph,
    bought: Exclusions,
    popularity: PopularityRanker,
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
        Ok(Self {
            graph,
            bought: Exclusions::targets(&artifact.train),
            popularity,
            artifact,
        })
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

    /// What each known consumer has bought: the products that answers leave out.
    #[must_use]
    pub fn bought(&self) -> &Exclusions {
        &self.bought
    }

    /// The model as a [`Ranker`], for evaluation or questions by row.
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

    /// The popularity list that unknown consumers get, as a [`Ranker`].
    #[must_use]
    pub fn popularity(&self) -> &PopularityRanker {
        &self.popularity
    }

    /// The best products for one consumer. A consumer whom the artifact does not know gets the most
    /// popular ones, marked by [`Source::Popularity`] and `known` = false. O(products · dimension).
    ///
    /// # Errors
    /// [`RecommendError::ZeroK`] if `k` is 0.
    pub fn recommend(
        &self,
        raw_user: &str,
        options: &RecommendOptions,
    ) -> Result<Answer, RecommendError> {
        let mut answers = self.recommend_many(&[raw_user], options)?;
        debug_assert_eq!(answers.len(), 1);
        Ok(answers.swap_remove(0))
    }

    /// The answers for many consumers, in their order, each as [`Recommender::recommend`] gives it.
    /// One batch is faster than single questions: products are read once for many consumers.
    ///
    /// # Errors
    /// [`RecommendError::ZeroK`] if `k` is 0.
    pub fn recommend_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Answer>, RecommendError> {
        if options.k == 0 {
            return Err(RecommendError::ZeroK);
        }
        let nothing = Exclusions::none();
        let excluded = if options.include_bought {
            &nothing
        } else {
            &self.bought
        };
        let rows: Vec<Option<UserId>> = raw_users.iter().map(|raw| self.user(raw)).collect();
        // An embedding without an edge behind it is the noise that it was initialized with.
        let ranked_by_model = |row: &Option<UserId>| row.filter(|&user| self.has_history(user));
        let known: Vec<UserId> = rows.iter().filter_map(ranked_by_model).collect();
        let mut lists = self.ranker().top_k(&known, options.k, excluded).into_iter();
        let answers = raw_users.iter().zip(&rows).map(|(&raw, row)| {
            let by_model = ranked_by_model(row).and_then(|_| lists.next());
            let (source, list) = match by_model {
                Some(list) => (Source::Model, list),
                None => (Source::Popularity, self.popularity.list(options.k, &[])),
            };
            Answer {
                consumer: raw.to_owned(),
                known: row.is_some(),
                source,
                items: self.items(&list, source),
            }
        });
        Ok(answers.collect())
    }

    /// What a consumer did in training: the latest first, where the log has times; then the
    /// heaviest; then by row. O(pairs of the consumer · log).
    ///
    /// # Errors
    /// [`RecommendError::UnknownConsumer`] if the artifact does not know the consumer.
    pub fn history(&self, raw_user: &str) -> Result<Vec<HistoryItem>, RecommendError> {
        let user = self.known_user(raw_user)?;
        let mut pairs: Vec<_> = self.artifact.train.of_user(user).collect();
        pairs.sort_by(|a, b| {
            let latest = b.last_time.cmp(&a.last_time);
            latest.then(b.weight.total_cmp(&a.weight))
        });
        let items = pairs.into_iter().map(|pair| HistoryItem {
            product: self.product_name(pair.item),
            behaviours: BehaviourCount::of(self.artifact.train.behaviours(), pair.counts),
            weight: pair.weight,
            last_time: pair.last_time,
            bought: pair.is_target,
            details: self.artifact.catalogue.get(pair.item),
        });
        Ok(items.collect())
    }

    /// The row of a consumer, or none where the artifact does not know the id.
    #[must_use]
    pub fn user(&self, raw_user: &str) -> Option<UserId> {
        self.artifact.users.get(raw_user)
    }

    /// The row of a product, or none where the artifact does not know the id.
    #[must_use]
    pub fn item(&self, raw_product: &str) -> Option<ItemId> {
        self.artifact.items.get(raw_product)
    }

    pub(crate) fn known_user(&self, raw_user: &str) -> Result<UserId, RecommendError> {
        self.user(raw_user)
            .ok_or_else(|| RecommendError::UnknownConsumer {
                id: raw_user.to_owned(),
                mend: mend_for_consumer(&self.artifact.users, raw_user),
            })
    }

    pub(crate) fn known_item(&self, raw_product: &str) -> Result<ItemId, RecommendError> {
        self.item(raw_product).ok_or_else(|| {
            let nearest = nearest_product(&self.artifact.items, raw_product);
            let mend = match &nearest {
                Some(near) => format!("did you mean {near:?}?"),
                None => "check the id as the log writes it, or train again on a log that has it"
                    .to_owned(),
            };
            RecommendError::UnknownProduct {
                id: raw_product.to_owned(),
                nearest,
                mend,
            }
        })
    }

    pub(crate) fn product_name(&self, item: ItemId) -> String {
        // A checked artifact names every product.
        self.artifact
            .items
            .name(item)
            .unwrap_or_default()
            .to_owned()
    }

    fn has_history(&self, user: UserId) -> bool {
        !self.artifact.train.pairs_of(user).is_empty()
    }

    fn items(&self, list: &[Ranked], source: Source) -> Vec<RecommendedItem> {
        let items = list.iter().zip(1..).map(|(ranked, rank)| RecommendedItem {
            product: self.product_name(ranked.item),
            rank,
            score: ranked.score,
            source,
            details: self.artifact.catalogue.get(ranked.item),
        });
        items.collect()
    }
}

#[cfg(test)]
mod tests;
