//! Vectors of new users and items from events, without training.

use crate::Source;
use crate::answer::profile::Profile;
use crate::cold_start::map::{FoldIn, Map};
use crate::model::Model;
use lightgcn_core::{ItemId, UserId};
use std::sync::OnceLock;

/// The maximum number of training users to fit a map on.
const MAX_USERS: usize = 50_000;

/// A user's vector, and where it comes from.
pub(crate) struct Query {
    pub(crate) vector: Vec<f32>,
    pub(crate) source: Source,
}

/// The maps from histories to users and to items, each fitted at the first call.
#[derive(Debug)]
pub(crate) struct Newcomers {
    method: FoldIn,
    user_map: OnceLock<Map>,
    item_map: OnceLock<Map>,
}

impl Newcomers {
    pub(crate) fn new(method: FoldIn) -> Self {
        Self {
            method,
            user_map: OnceLock::new(),
            item_map: OnceLock::new(),
        }
    }

    /// The vector of a user with training pairs or with events of trained items; else `None`.
    pub(crate) fn query(&self, model: &Model, profile: &Profile) -> Option<Query> {
        if let Some(user) = profile.trained {
            let vector = match profile.has_events() {
                false => model.artifact.embeddings.row(user.index()).to_vec(),
                true => self.shifted(model, user, profile),
            };
            let source = Source::Model;
            return Some(Query { vector, source });
        }
        if profile.factors(model).is_empty() {
            return None;
        }
        let history = history_vector(model, profile);
        let vector = self.user_map(model).apply(&history);
        let vector = vector.into_iter().map(|x| x as f32).collect();
        let source = Source::FoldIn;
        Some(Query { vector, source })
    }

    /// A known user with the request's events: the whole history is summed again, and the user's
    /// own layer-0 row stays.
    fn shifted(&self, model: &Model, user: UserId, profile: &Profile) -> Vec<f32> {
        let now = history_vector(model, profile);
        if model.messages().are_exact() {
            let alpha = f64::from(model.self_weight());
            let row = model.artifact.layer0.row(user.index());
            let whole = row.iter().zip(&now);
            return whole
                .map(|(&e, h)| (alpha * f64::from(e) + h) as f32)
                .collect();
        }
        let before = history_vector(model, &Profile::of_training(model, Some(user)));
        let difference: Vec<f64> = now.iter().zip(&before).map(|(a, b)| a - b).collect();
        let moved = self.user_map(model).apply(&difference);
        let whole = model
            .artifact
            .embeddings
            .row(user.index())
            .iter()
            .zip(&moved);
        whole.map(|(&e, d)| (f64::from(e) + d) as f32).collect()
    }

    /// The fitted map; the identity if none is needed.
    fn map(&self, model: &Model, fit: fn(&Model) -> Map) -> Map {
        match self.method == FoldIn::Propagated && model.messages().are_exact() {
            true => Map::default(),
            false => fit(model),
        }
    }

    /// The map from a new user's history to a user vector. O(users · dimension²) at the first call.
    pub(crate) fn user_map(&self, model: &Model) -> &Map {
        self.user_map.get_or_init(|| self.map(model, fit_user_map))
    }

    /// The map from the sum of users' messages to an item vector. O(items · dimension²) at the first
    /// call.
    pub(crate) fn item_map(&self, model: &Model) -> &Map {
        self.item_map.get_or_init(|| self.map(model, fit_item_map))
    }
}

/// The sum of the messages of the profile's items, `[history dimension]`.
fn history_vector(model: &Model, profile: &Profile) -> Vec<f64> {
    let mut sum = vec![0.0; model.history_dimension()];
    for (item, factor) in profile.factors(model) {
        let node = model.n_users() + item.index();
        model
            .messages()
            .add(&model.artifact, node, factor, &mut sum);
    }
    sum
}

fn fit_user_map(model: &Model) -> Map {
    let n_users = model.n_users();
    let step = n_users.div_ceil(MAX_USERS).max(1);
    let users = (0..n_users as u32).step_by(step).map(UserId);
    let embeddings = &model.artifact.embeddings;
    let (mut histories, mut vectors) = (Vec::new(), Vec::new());
    for user in users.filter(|&user| model.has_history(user)) {
        let profile = Profile::of_training(model, Some(user));
        histories.extend(history_vector(model, &profile));
        let row = embeddings.row(user.index());
        vectors.extend(row.iter().map(|&x| f64::from(x)));
    }
    Map::fit(
        &histories,
        model.history_dimension(),
        &vectors,
        embeddings.dimension(),
    )
}

fn fit_item_map(model: &Model) -> Map {
    let (artifact, graph) = (&model.artifact, &model.graph);
    let n_history = model.history_dimension();
    let (mut histories, mut vectors) = (Vec::new(), Vec::new());
    for (row, &degree) in graph.item_degrees().iter().enumerate() {
        if degree <= 0.0 {
            continue;
        }
        let mut sum = vec![0.0; n_history];
        let (users, weights) = graph.users_of(ItemId(row as u32));
        for (&user, &weight) in users.iter().zip(weights) {
            let user_degree = graph.user_degrees()[user as usize];
            let factor = model.entry(f64::from(weight), degree, user_degree);
            model
                .messages()
                .add(artifact, user as usize, factor, &mut sum);
        }
        histories.extend(sum);
        let row = artifact.embeddings.row(model.n_users() + row);
        vectors.extend(row.iter().map(|&x| f64::from(x)));
    }
    Map::fit(
        &histories,
        n_history,
        &vectors,
        artifact.embeddings.dimension(),
    )
}
