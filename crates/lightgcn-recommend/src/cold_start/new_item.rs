//! Items unknown to training, and their vectors from their first events.

use crate::RecommendError;
use crate::cold_start::fold_in::Newcomers;
use crate::model::Model;
use lightgcn_core::{ItemDetails, check_id, check_title, check_url};
use serde::{Deserialize, Serialize};

/// An item unknown to training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Its id as the shop writes it.
    pub item: String,
    /// Its category, brand, price and display details.
    #[serde(with = "crate::answer::response::DetailsFields", default)]
    pub details: ItemDetails,
    /// The users' events with it so far.
    #[serde(default)]
    pub events: Vec<NewItemEvent>,
}

/// An event of a user with a new item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItemEvent {
    /// The user's id. Events of unknown users are ignored.
    pub user: String,
    /// The behavior's label in the log.
    pub behavior: String,
}

impl NewItem {
    pub(crate) fn error(&self, detail: String) -> RecommendError {
        RecommendError::NewItem {
            id: self.item.clone(),
            detail,
        }
    }

    /// Whether it has a category, a brand or a price.
    pub(crate) fn has_content(&self) -> bool {
        let details = &self.details;
        let labels = [&details.category_id, &details.category_code, &details.brand];
        labels.iter().any(|label| label.is_some()) || details.price.is_some()
    }

    /// Checks details and behaviors.
    pub(crate) fn check(&self, model: &Model) -> Result<(), RecommendError> {
        check_details(&self.item, &self.details)?;
        let unknown = |event: &&NewItemEvent| model.behavior(&event.behavior).is_none();
        match self.events.iter().find(unknown) {
            Some(event) => Err(self.error(format!(
                "unknown behavior {:?}; the model knows {}",
                event.behavior,
                model.behavior_labels().join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// The item's vector from its events with known users; `None` without any.
    pub(crate) fn fold_in(&self, model: &Model, newcomers: &Newcomers) -> Option<Vec<f32>> {
        let factors = self.factors(model);
        if factors.is_empty() {
            return None;
        }
        let mut sum = vec![0.0; model.history_dimension()];
        for (user, factor) in factors {
            model
                .messages()
                .add(&model.artifact, user, factor, &mut sum);
        }
        let row = newcomers.item_map(model).apply(&sum);
        Some(row.into_iter().map(|x| x as f32).collect())
    }

    /// The entries of Â from the item to the users of its events.
    fn factors(&self, model: &Model) -> Vec<(usize, f64)> {
        let n_behaviors = model.artifact.train.behaviors().len();
        let degrees = model.graph.user_degrees();
        let mut users: Vec<(usize, Vec<f64>, bool)> = Vec::new();
        for event in &self.events {
            let user = model.artifact.users.get(&event.user);
            let behavior = model.behavior(&event.behavior).flatten();
            let (Some(user), Some(behavior)) = (user, behavior) else {
                continue;
            };
            let user = user.index();
            if degrees[user] == 0.0 || model.is_negative(behavior) {
                continue;
            }
            let position = users.iter().position(|(known, ..)| *known == user);
            let position = position.unwrap_or_else(|| {
                users.push((user, vec![0.0; n_behaviors], false));
                users.len() - 1
            });
            users[position].1[behavior.index()] += 1.0;
            users[position].2 |= model.weights.is_target(behavior);
        }
        let weighted: Vec<(usize, f64)> = users
            .into_iter()
            .map(
                |(user, counts, bought)| match model.artifact.model.edge_weights() {
                    true => (user, model.weights.combine(&counts, bought)),
                    false => (user, 1.0),
                },
            )
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let degree: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let entry = |(user, weight)| (user, model.entry(weight, degree, degrees[user]));
        weighted.into_iter().map(entry).collect()
    }
}

/// Checks the id, the price, the title and the addresses of an item.
pub(crate) fn check_details(id: &str, details: &ItemDetails) -> Result<(), RecommendError> {
    let error = |detail: String| RecommendError::NewItem {
        id: id.to_owned(),
        detail,
    };
    check_id(id).map_err(|issue| error(format!("its id {issue}")))?;
    if details.price.is_some_and(|price| !price.is_finite()) {
        return Err(error("its price is not a finite number".to_owned()));
    }
    if let Some(title) = &details.title {
        match check_title(title) {
            Ok(Some(same)) if same == *title => {}
            Ok(_) => return Err(error("its title is empty or too long".to_owned())),
            Err(issue) => return Err(error(format!("its title {issue}"))),
        }
    }
    for url in details.image_url.iter().chain(&details.page_url) {
        check_url(url).map_err(|issue| error(format!("its address {url:?} {issue}")))?;
    }
    Ok(())
}
