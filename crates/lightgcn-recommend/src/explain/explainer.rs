//! Explains an item: the parts of its score, and the paths behind them.

use crate::answer::profile::Profile;
use crate::cold_start::fold_in::Query;
use crate::explain::attention::AttentionSearch;
use crate::explain::explanation::Total;
use crate::explain::messages::dot;
use crate::explain::paths::{Ends, PathSearch};
use crate::rank::ensemble::Fused;
use crate::rank::learned::RankingView;
use crate::rank::scorer::ScoreParts;
use crate::shop::Shop;
use crate::{
    Contribution, ExplainOptions, ExplainRequest, ExplainedPath, Explanation, Method, Part,
    RecommendError, Source,
};
use lightgcn_core::{ItemId, UserId};
use lightgcn_simd::scores;

/// The unit of path values.
#[derive(Clone, Copy)]
struct Scale {
    /// The factor of the model's score in the explained one.
    factor: f64,
    total: Total,
}

/// A user, an item, and what ranks the item for the user.
pub(super) struct Pair {
    pub(super) user: Option<UserId>,
    pub(super) item: ItemId,
    pub(super) profile: Profile,
    query: Option<Query>,
    /// The user's vector.
    pub(super) vector: Vec<f32>,
}

/// Explains scores.
pub(crate) struct Explainer<'s> {
    pub(crate) shop: &'s Shop,
}

impl Explainer<'_> {
    pub(crate) fn explain(&self, request: &ExplainRequest) -> Result<Explanation, RecommendError> {
        request.options.check()?;
        let pair = self.pair(request)?;
        if let Some(view) = self.learned(&pair) {
            let mut explanation = self.explain_learned(view, request, &pair);
            let scale = Scale {
                factor: 0.0,
                total: Total::default(),
            };
            let attended = self.attended(&pair, &request.options);
            self.add_paths(&mut explanation, &pair, attended, &request.options, scale);
            return Ok(explanation);
        }
        let similarity = self.shop.items.similarity_parts(&pair.profile, pair.item);
        let fused = self.fused(&pair);
        let attended = self.attended(&pair, &request.options);
        let method = match self.method(&pair, fused.as_ref()) {
            Method::Evidence if fused.is_none() && !attended.is_empty() => Method::Attention,
            method => method,
        };
        let score = match &fused {
            Some(fused) => fused.score,
            None => self.score(&pair, &similarity),
        };
        let mut explanation = self.without_parts(request, &pair, method, score);
        let mut scale = Scale {
            factor: 1.0,
            total: Total::default(),
        };
        if matches!(method, Method::Evidence | Method::Attention) {
            explanation.instead = Some(self.instead(&pair.profile, method, fused.is_some()));
        } else {
            let row = self.shop.items.embedding(pair.item);
            let mut parts = self.model_parts(&pair.profile, row);
            parts.add(&similarity, 1.0);
            if let Some((factor, others)) = fused.and_then(|fused| fused.parts) {
                let own = std::mem::take(&mut parts);
                parts.add(&own, factor);
                parts.add(&others, 1.0);
                scale.factor = factor;
            }
            let own = pair.profile.trained.map(|_| parts.self_contribution);
            scale.total = self.add_parts(&mut explanation, &pair, own, parts.contributions);
        }
        self.add_paths(&mut explanation, &pair, attended, &request.options, scale);
        Ok(explanation)
    }

    /// The paths by the model's attention, if it has any.
    fn attended(&self, pair: &Pair, options: &ExplainOptions) -> Vec<ExplainedPath> {
        let search = AttentionSearch::new(self.shop, &pair.profile, pair.item, options);
        search.map_or_else(Vec::new, |search| search.find())
    }

    /// The explanation of a score, without its parts and paths.
    pub(super) fn without_parts(
        &self,
        request: &ExplainRequest,
        pair: &Pair,
        method: Method,
        score: f32,
    ) -> Explanation {
        let met = pair.profile.get(pair.item);
        Explanation {
            user: request.user.clone(),
            item: request.item.clone(),
            details: self.shop.items.catalogue.get(pair.item),
            score,
            bought: met.is_some_and(|item| item.bought),
            familiar: met.is_some(),
            method,
            terms: Vec::new(),
            self_contribution: None,
            contributions: Vec::new(),
            remainder: None,
            rounding: 0.0,
            paths: Vec::new(),
            reason: None,
            instead: None,
        }
    }

    /// The learned ranking, if it ranks this item for this user.
    fn learned(&self, pair: &Pair) -> Option<&RankingView> {
        let n_trained = self.shop.model.artifact.train.n_items();
        let view = self.shop.ranking_for(pair.query.as_ref()?.source);
        view.filter(|_| pair.item.index() < n_trained)
    }

    fn pair(&self, request: &ExplainRequest) -> Result<Pair, RecommendError> {
        let shop = self.shop;
        let user = match shop.user(&request.user) {
            None if request.events.is_empty() => Some(shop.known_user(&request.user)?),
            user => user,
        };
        let item = shop.known_item(&request.item)?;
        let profile = shop.profile(user, &request.events)?;
        let query = shop.query(&profile);
        let vector: Vec<f32> = match (&query, user) {
            (Some(query), _) => query.vector.clone(),
            // Without a history, the model's row is noise, but it is what the model scores with.
            (None, Some(user)) => shop.model.artifact.embeddings.row(user.index()).to_vec(),
            (None, None) => vec![0.0; shop.items.dimension],
        };
        Ok(Pair {
            user,
            item,
            profile,
            query,
            vector,
        })
    }

    /// The model's score with content similarity, the same bits as in a list.
    fn score(&self, pair: &Pair, similarity: &ScoreParts) -> f32 {
        let row = self.shop.items.embedding(pair.item);
        let added = similarity.contributions.iter().map(|(_, value)| value);
        lightgcn_simd::dot(&pair.vector, row) + added.sum::<f64>() as f32
    }

    /// The ensemble's score, if the recommender has one and the model ranks for this user.
    fn fused(&self, pair: &Pair) -> Option<Fused> {
        let items = &self.shop.items;
        let of_model = matches!(&pair.query, Some(query) if query.source == Source::Model);
        let user = pair.user.filter(|_| of_model)?;
        let (own_weight, ensemble) = self.shop.ensemble.as_deref()?;
        let mut row = vec![0.0; items.len()];
        scores(&pair.vector, &items.table, items.dimension, &mut row);
        items.add_similarity(|| pair.profile.weighted().collect(), &mut row);
        Some(ensemble.explain_with(*own_weight, &mut row, user, pair.item))
    }

    fn method(&self, pair: &Pair, fused: Option<&Fused>) -> Method {
        let exact = self.shop.model.messages().are_exact();
        let of_model = match pair.query.as_ref().map(|query| query.source) {
            Some(Source::Model) if exact => Method::PathSum,
            Some(Source::FoldIn) => Method::FoldIn,
            _ => Method::Evidence,
        };
        match fused {
            None => of_model,
            Some(fused) if of_model == Method::PathSum && fused.parts.is_some() => Method::Ensemble,
            Some(_) => Method::Evidence,
        }
    }

    /// The parts of the model's score of a training item; `None` if it is not a sum over the
    /// history.
    pub(crate) fn score_parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        let model = &self.shop.model;
        if item.index() >= model.artifact.train.n_items() {
            return None;
        }
        let weights = model.artifact.model.layer_weights.as_deref();
        let has_layers = !matches!(weights, Some([_]));
        if has_layers && !model.messages().are_exact() {
            return None;
        }
        if !has_layers || !model.has_history(user) {
            return Some(ScoreParts {
                self_contribution: f64::from(model.ranker().score(user, item)),
                contributions: Vec::new(),
            });
        }
        let profile = Profile::of_training(model, Some(user));
        let node = model.n_users() + item.index();
        Some(self.model_parts(&profile, model.artifact.embeddings.row(node)))
    }

    /// The parts of the model's score of an item with the embedding `row`.
    pub(super) fn model_parts(&self, profile: &Profile, row: &[f32]) -> ScoreParts {
        let model = &self.shop.model;
        let (artifact, messages) = (&model.artifact, model.messages());
        let wide: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        let pulled = match profile.trained {
            Some(_) => wide.clone(),
            None => {
                let map = self.shop.newcomers.user_map(model);
                map.pull_back(&wide, model.history_dimension())
            }
        };
        let own = profile.trained.map(|user| {
            f64::from(model.self_weight()) * dot(artifact.layer0.row(user.index()), &wide)
        });
        let part = |(item, factor): (ItemId, f64)| {
            let node = model.n_users() + item.index();
            (item, factor * messages.dot(artifact, node, &pulled))
        };
        ScoreParts {
            self_contribution: own.unwrap_or(0.0),
            contributions: profile.factors(model).into_iter().map(part).collect(),
        }
    }

    /// Adds the remaining parts, the rounding and all shares; returns the total that the shares
    /// refer to.
    pub(super) fn add_parts(
        &self,
        to: &mut Explanation,
        pair: &Pair,
        own: Option<f64>,
        mut parts: Vec<(ItemId, f64)>,
    ) -> Total {
        let values = parts.iter().map(|(_, value)| *value).chain(own);
        let values = values.chain(to.terms.iter().map(|term| term.value));
        let values: Vec<f64> = values.collect();
        let total = Total::of(&values);
        for term in &mut to.terms {
            term.share = total.share(term.value);
        }
        to.self_contribution = own.map(|value| Part {
            value,
            share: total.share(value),
        });
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        to.contributions = parts
            .into_iter()
            .map(|(item, value)| self.contribution(pair, item, value, total.share(value)))
            .collect();
        to.rounding = f64::from(to.score) - values.iter().sum::<f64>();
        total
    }

    fn contribution(&self, pair: &Pair, item: ItemId, value: f64, share: f64) -> Contribution {
        Contribution {
            item: self.shop.items.name(item),
            details: self.shop.items.catalogue.get(item),
            behaviors: pair
                .profile
                .get(item)
                .map_or_else(Vec::new, |known| self.shop.behaviors_of(known)),
            value,
            share,
        }
    }

    fn instead(&self, profile: &Profile, method: Method, is_fused: bool) -> String {
        let model = &self.shop.model;
        let name = &model.artifact.model.name;
        if profile.trained.is_none() {
            return "the model has no data to score this user".to_owned();
        }
        if is_fused && model.messages().are_exact() {
            return "the ensemble fuses ranks, or a member's score is not a sum over the history, \
                so there are no contributions; the paths are evidence from the training data, not \
                parts of the score"
                .to_owned();
        }
        if method == Method::Attention {
            return format!(
                "the score of the model {name} is not a sum over the history, so there are no \
                contributions; the paths show by which neighbors the user attends to the item: \
                attention is a weight in the model, not a part of the score"
            );
        }
        format!(
            "the score of the model {name} is not a sum over the history, so there are no \
            contributions; the paths are evidence from the training data, not parts of the score"
        )
    }

    /// Adds the paths by attention, or else those in the data.
    fn add_paths(
        &self,
        to: &mut Explanation,
        pair: &Pair,
        attended: Vec<ExplainedPath>,
        options: &ExplainOptions,
        scale: Scale,
    ) {
        if !attended.is_empty() {
            to.paths = attended;
            return;
        }
        let ends = Ends::new(self.shop, &pair.profile, pair.item, to.method);
        let search = PathSearch::new(&ends, options);
        to.paths = search.find();
        // The user's own edge to the item is a contribution as a whole.
        if let Some(first) = to.paths.first_mut().filter(|path| path.edges.len() == 1) {
            let mut parts = to.contributions.iter();
            let own = parts.find(|part| part.item == to.item);
            first.value = own.map(|part| part.value);
        }
        for path in &mut to.paths {
            // The contribution of a single edge is already fused.
            if path.edges.len() > 1 {
                path.value = path.value.map(|value| scale.factor * value);
            }
            path.share = path.value.map(|value| scale.total.share(value));
        }
        if to.paths.is_empty() {
            to.reason = Some(self.why_no_path(pair, options));
        }
    }

    fn why_no_path(&self, pair: &Pair, options: &ExplainOptions) -> String {
        if pair.profile.items.is_empty() {
            return "the user has no history in the training data".to_owned();
        }
        let degrees = self.shop.model.graph.item_degrees();
        let degree = degrees.get(pair.item.index()).copied();
        if degree.unwrap_or(0.0) == 0.0 {
            return "no user interacted with the item in the training data".to_owned();
        }
        let hops = options.max_hops;
        let edges = if hops == 1 { "edge" } else { "edges" };
        let shared = match (hops, options.min_users) {
            (1, _) | (_, 1) => String::new(),
            (_, n) => format!(" over steps shared by at least {n} users"),
        };
        format!(
            "no path of at most {hops} {edges}{shared} connects the user and the item in the \
             training data, so the score rests on a similarity that no single path shows"
        )
    }
}
