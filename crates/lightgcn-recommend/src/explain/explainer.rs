//! Why an item: the parts of the score, and the paths behind them.

use crate::answer::profile::{Dealing, Profile};
use crate::explain::messages::dot;
use crate::explain::paths::{Ends, PathSearch};
use crate::rank::scorer::ScoreParts;
use crate::{
    BehaviorCount, Contribution, ExplainOptions, ExplainRequest, Explanation, Method, Part,
    RecommendError, Recommender, Source,
};
use lightgcn_core::ItemId;

/// What values of paths are measured by.
#[derive(Clone, Copy)]
struct Scale {
    /// What the model's score is multiplied by in the explained one.
    factor: f64,
    /// The sum of absolute parts.
    total: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            factor: 1.0,
            total: 0.0,
        }
    }
}

impl Recommender {
    /// Why an item may suit a user: exact contributions where the model has them, and the strongest
    /// paths through the training data.
    ///
    /// The final embedding of a user u is α_0 E_u + Σ_j Â_uj m_j over the items j of the history,
    /// with m_j = Σ_{k≥1} α_k (Â^{k−1} E)_j (He et al., SIGIR 2020, equations 3 and 4); so item j adds Â_uj
    /// m_j · e_i to the score of item i, and the user's own taste α_0 E_u · e_i. From the
    /// artifact alone; O(history · dimension) beside the paths, whose cost is that of all pairs of the
    /// items involved.
    ///
    /// # Errors
    /// [`RecommendError::ZeroLimit`], [`RecommendError::MaxHops`] and [`RecommendError::Options`] for
    /// unusable options, [`RecommendError::UnknownUser`] and [`RecommendError::UnknownItem`] for
    /// ids that are not known.
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

    /// The same after events of the request: why the answer to them has the item. A user who is
    /// not known must have events.
    ///
    /// # Errors
    /// As [`Recommender::explain`], and [`RecommendError::ContextEvent`] for an event that cannot be used.
    pub fn explain_request(&self, request: &ExplainRequest) -> Result<Explanation, RecommendError> {
        request.options.check()?;
        let user = match self.user(&request.user) {
            None if request.events.is_empty() => Some(self.known_user(&request.user)?),
            user => user,
        };
        let item = self.known_item(&request.item)?;
        let profile = self.profile(user, &request.events)?;
        let query = self.query(&profile);
        let vector: Vec<f32> = match (&query, user) {
            (Some(query), _) => query.vector.clone(),
            // Without a history the model's row is noise, and yet it is what the model would score.
            (None, Some(user)) => self.artifact().embeddings.row(user.index()).to_vec(),
            (None, None) => vec![0.0; self.items.dimension],
        };
        let dimension = self.items.dimension;
        let row = &self.items.table[item.index() * dimension..][..dimension];
        let exact = self.messages().are_exact();
        let mut method = match query.as_ref().map(|query| query.source) {
            Some(Source::Model) if exact => Method::PathSum,
            Some(Source::FoldIn) => Method::FoldIn,
            _ => Method::Evidence,
        };
        let likeness = self.likeness_parts(&profile, item);
        let added = likeness.contributions.iter().map(|(_, value)| value);
        let mut score = lightgcn_simd::dot(&vector, row) + added.sum::<f64>() as f32;
        let of_model = query.as_ref().is_some_and(|q| q.source == Source::Model);
        let fused = match (user.filter(|_| of_model), &self.partners) {
            (Some(user), Some(partners)) => {
                let mut scores = vec![0.0; self.items.len()];
                lightgcn_simd::scores(&vector, &self.items.table, dimension, &mut scores);
                self.add_likeness(Some(user), Some(&profile), &mut scores);
                Some(partners.explain(user, item, &mut scores))
            }
            _ => None,
        };
        if let Some(fused) = &fused {
            score = fused.score;
            let parts = method == Method::PathSum && fused.parts.is_some();
            method = if parts {
                Method::Ensemble
            } else {
                Method::Evidence
            };
        }
        let mut explanation = Explanation {
            user: request.user.clone(),
            item: request.item.clone(),
            details: self.items.catalogue.get(item),
            score,
            bought: profile.dealings.iter().any(|d| d.item == item && d.bought),
            method,
            own_taste: None,
            contributions: Vec::new(),
            rounding: 0.0,
            paths: Vec::new(),
            reason: None,
            instead: None,
        };
        let mut scale = Scale::default();
        if method == Method::Evidence {
            explanation.instead = Some(self.instead(&profile, fused.is_some()));
        } else {
            let mut parts = self.model_parts(&profile, row);
            parts.add(&likeness, 1.0);
            if let Some((factor, others)) = fused.and_then(|fused| fused.parts) {
                let own = std::mem::take(&mut parts);
                parts.add(&own, factor);
                parts.add(&others, 1.0);
                scale.factor = factor;
            }
            scale.total = self.add_parts(&mut explanation, &profile, parts);
        }
        self.add_paths(&mut explanation, &profile, item, &request.options, scale);
        Ok(explanation)
    }

    /// What the model's score of an item with the embedding `row` consists of.
    pub(crate) fn model_parts(&self, profile: &Profile, row: &[f32]) -> ScoreParts {
        let (artifact, messages) = (self.artifact(), self.messages());
        let n_users = artifact.train.n_users();
        let wide: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        let pulled = match profile.trained {
            Some(_) => wide.clone(),
            None => self
                .newcomer_map()
                .pull_back(&wide, self.history_dimension()),
        };
        let own = profile.trained.map(|user| {
            f64::from(self.own_weight()) * dot(artifact.layer0.row(user.index()), &wide)
        });
        let factors = self.factors(profile).into_iter();
        ScoreParts {
            own_taste: own.unwrap_or(0.0),
            contributions: factors
                .map(|(item, factor)| {
                    let node = n_users + item.index();
                    (item, factor * messages.dot(artifact, node, &pulled))
                })
                .collect(),
        }
    }

    /// Adds own taste, contributions and rounding; gives the sum of absolute parts.
    fn add_parts(&self, to: &mut Explanation, profile: &Profile, parts: ScoreParts) -> f64 {
        let own = profile.trained.map(|_| parts.own_taste);
        let mut parts = parts.contributions;
        let sum = own.unwrap_or(0.0) + parts.iter().map(|(_, value)| value).sum::<f64>();
        let total = own.unwrap_or(0.0).abs() + parts.iter().map(|(_, v)| v.abs()).sum::<f64>();
        let share = |value: f64| if total > 0.0 { value / total } else { 0.0 };
        to.own_taste = own.map(|value| Part {
            value,
            share: share(value),
        });
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        let dealing = |item: ItemId| profile.dealings.iter().find(|d| d.item == item);
        to.contributions = parts
            .into_iter()
            .map(|(item, value)| Contribution {
                item: self.item_name(item),
                details: self.items.catalogue.get(item),
                behaviors: dealing(item).map_or_else(Vec::new, |d| self.behaviors_of(d)),
                value,
                share: share(value),
            })
            .collect();
        to.rounding = f64::from(to.score) - sum;
        total
    }

    pub(crate) fn behaviors_of(&self, dealing: &Dealing) -> Vec<BehaviorCount> {
        let counts: Vec<u32> = dealing.counts.iter().map(|n| n.ceil() as u32).collect();
        BehaviorCount::of(self.artifact().train.behaviors(), &counts)
    }

    fn instead(&self, profile: &Profile, is_fused: bool) -> String {
        let name = &self.artifact().model.name;
        if profile.trained.is_none() {
            return "nothing that the model knows leads from this user to a score".to_owned();
        }
        if is_fused && self.messages().are_exact() {
            return "the ranks of several models are fused, or one that takes part has no sum over the \
                    history, so there are no contributions: the paths are evidence from the training data, \
                    not parts of the score"
                .to_owned();
        }
        format!(
            "the score of the model {name} is no sum over the history, so there are no contributions: \
             the paths are evidence from the training data, not parts of the score"
        )
    }

    fn add_paths(
        &self,
        to: &mut Explanation,
        profile: &Profile,
        item: ItemId,
        options: &ExplainOptions,
        scale: Scale,
    ) {
        let ends = Ends::new(self, profile, item, to.method);
        let search = PathSearch::new(&ends, options);
        to.paths = search.find();
        // The user's own dealing with the item is a contribution as a whole.
        if let Some(first) = to.paths.first_mut().filter(|path| path.edges.len() == 1) {
            let mut parts = to.contributions.iter();
            let own = parts.find(|part| part.item == to.item);
            first.value = own.map(|part| part.value);
        }
        let share = |value: f64| match scale.total > 0.0 {
            true => value / scale.total,
            false => 0.0,
        };
        for path in &mut to.paths {
            // The edge's contribution is a fused one already.
            if path.edges.len() > 1 {
                path.value = path.value.map(|value| scale.factor * value);
            }
            path.share = path.value.map(share);
        }
        if to.paths.is_empty() {
            to.reason = Some(self.why_no_path(profile, item, options));
        }
    }

    fn why_no_path(&self, profile: &Profile, item: ItemId, options: &ExplainOptions) -> String {
        if profile.dealings.is_empty() {
            return "the user has no history in the training data".to_owned();
        }
        let degree = self.graph().item_degrees().get(item.index()).copied();
        if degree.unwrap_or(0.0) == 0.0 {
            return "nobody met the item in the training data".to_owned();
        }
        let hops = options.max_hops;
        let edges = if hops == 1 { "edge" } else { "edges" };
        let shared = match (hops, options.min_users) {
            (1, _) | (_, 1) => String::new(),
            (_, n) => format!(" over steps that at least {n} users share"),
        };
        format!(
            "no path of at most {hops} {edges}{shared} connects the user and the item in the \
             training data, so the score rests on similarity that no single path shows"
        )
    }
}
