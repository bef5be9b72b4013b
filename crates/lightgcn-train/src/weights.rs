//! What each behavior counts in the training graph.

use crate::TrainError;
use lightgcn_core::{BehaviorWeightsConfig, Dataset};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Weights of behaviors in the training graph that override the dataset's table.
///
/// Behaviors are named as in the log. Anything not named stays as prepared, so these can be
/// searched without preparing again: `"train.weights.events.view" = { low = 0.01, high = 1.0, log =
/// true }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphWeights {
    /// The weight of one event, by behavior; may be negative.
    pub events: BTreeMap<String, f64>,
    /// The maximum (in absolute value) that all events of a behavior add to one pair; positive.
    pub caps: BTreeMap<String, f64>,
    /// The half-life of an event's weight, in days; positive.
    pub half_life_days: Option<f64>,
}

impl GraphWeights {
    /// Weights pairs by their strongest behavior only, ignoring counts and times: 1 for targets,
    /// and from 0.5 for the weakest other behavior to 0.7 for the strongest. Behaviors with
    /// negative weights in `table`, such as removing from the cart, are ignored.
    #[must_use]
    pub fn flat(table: &BehaviorWeightsConfig) -> Self {
        let others = table.behaviors.iter().filter(|b| !b.target);
        let mut weights: Vec<f64> = others.map(|b| b.weight).filter(|&w| w > 0.0).collect();
        weights.sort_by(f64::total_cmp);
        weights.dedup();
        let last = weights.len().saturating_sub(1).max(1) as f64;
        let weight = |behavior: &lightgcn_core::Behavior| match behavior.target {
            true => 1.0,
            false => match weights.iter().position(|&w| w == behavior.weight) {
                Some(place) => 0.5 + 0.2 * place as f64 / last,
                None => 0.0,
            },
        };
        let events: BTreeMap<String, f64> = table
            .behaviors
            .iter()
            .map(|b| (b.name.clone(), weight(b)))
            .collect();
        let caps = events.clone().into_iter().filter(|(_, cap)| *cap > 0.0);
        Self {
            caps: caps.collect(),
            events,
            half_life_days: None,
        }
    }

    /// The dataset with its training pairs weighted this way. O(events), or free if nothing is
    /// named.
    ///
    /// # Errors
    /// [`TrainError::Config`] for unknown behaviors and unusable numbers.
    pub fn apply<'d>(&self, dataset: &'d Dataset) -> Result<Cow<'d, Dataset>, TrainError> {
        if *self == Self::default() {
            return Ok(Cow::Borrowed(dataset));
        }
        let mut table = dataset.behaviors.config().clone();
        let mut issues = Vec::new();
        for (what, values) in [("events", &self.events), ("caps", &self.caps)] {
            for (name, &value) in values {
                match table.behaviors.iter_mut().find(|b| b.name == *name) {
                    Some(behavior) if what == "caps" => behavior.cap = Some(value),
                    Some(behavior) => behavior.weight = value,
                    None => issues.push(format!("weights.{what} has an unknown behavior {name:?}")),
                }
            }
        }
        if !issues.is_empty() {
            let known: Vec<&str> = table.behaviors.iter().map(|b| b.name.as_str()).collect();
            issues.push(format!("the dataset's behaviors are {}", known.join(", ")));
            return Err(TrainError::Config { issues });
        }
        table.half_life_days = self.half_life_days.or(table.half_life_days);
        Ok(Cow::Owned(dataset.reweighted(table.check()?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{
        BehaviorId, Catalogue, InteractionsBuilder, ItemId, Lineage, PairEvent, Split, Truth,
        UserId, Vocabulary,
    };

    const DAY: i64 = 86_400;

    /// One user: item 0 viewed on day 0 and bought on day 8, item 1 viewed three times on day 8.
    fn dataset() -> Dataset {
        let behaviors = BehaviorWeightsConfig::shop_log().check().unwrap();
        let names: Vec<&str> = behaviors.behaviors().iter().map(|b| &*b.name).collect();
        let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
        let event = |(behavior, day)| PairEvent::new(BehaviorId(behavior), day * DAY);
        for (item, events) in [(0, vec![(0, 0), (3, 8)]), (1, vec![(0, 8); 3])] {
            let events: Vec<PairEvent> = events.into_iter().map(event).collect();
            pairs
                .push_events(UserId(0), ItemId(item), 1.0, &events)
                .unwrap();
        }
        let nothing = Truth::empty(1, 2);
        Dataset::new(
            Split::new(pairs.build(1, 2).unwrap(), nothing.clone(), nothing).unwrap(),
            Vocabulary::from_names(["ann"]).unwrap(),
            Vocabulary::from_names(["soap", "comb"]).unwrap(),
            Catalogue::unknown(2),
            behaviors,
            Lineage::default(),
        )
        .unwrap()
    }

    fn weights(of: &GraphWeights) -> Vec<f32> {
        let dataset = dataset();
        let weighed = of.apply(&dataset).unwrap();
        weighed.split.train.interactions().weights().to_vec()
    }

    #[test]
    fn named_behaviors_count_anew() {
        assert!(matches!(
            GraphWeights::default().apply(&dataset()),
            Ok(Cow::Borrowed(_))
        ));
        let events = BTreeMap::from([("view".to_owned(), 0.2), ("purchase".to_owned(), 0.5)]);
        let mut of = GraphWeights {
            events,
            ..GraphWeights::default()
        };
        assert_eq!(weights(&of), [0.7, 0.6]);
        of.caps.insert("view".to_owned(), 0.3);
        assert_eq!(weights(&of), [0.7, 0.3]);
        // The view of day 0 is four half-lives older than the last event.
        of.half_life_days = Some(2.0);
        assert_eq!(weights(&of), [0.5125, 0.3]);
    }

    #[test]
    fn flat_weights_forget_how_often() {
        let flat = GraphWeights::flat(&BehaviorWeightsConfig::shop_log());
        let of = |name: &str| flat.events[name];
        assert_eq!((of("view"), of("cart"), of("purchase")), (0.5, 0.7, 1.0));
        assert_eq!(of("remove_from_cart"), 0.0);
        assert!(!flat.caps.contains_key("remove_from_cart"));
        // Above 1 with a purchase: the table's ceiling.
        assert_eq!(weights(&flat), [1.0, 0.5]);
    }

    #[test]
    fn unknown_behaviors_and_unusable_numbers_are_errors() {
        let of = |name: &str, weight| GraphWeights {
            events: BTreeMap::from([(name.to_owned(), weight)]),
            ..GraphWeights::default()
        };
        let Err(TrainError::Config { issues }) = of("click", 1.0).apply(&dataset()) else {
            panic!("the behavior is unknown");
        };
        assert_eq!(issues.len(), 2);
        assert!(matches!(
            of("view", f64::NAN).apply(&dataset()),
            Err(TrainError::Core(_))
        ));
    }
}
