//! What users do, and how much each act weighs.

use crate::CoreError;
use serde::{Deserialize, Serialize};

/// The number of a behavior in its table, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BehaviorId(pub u8);

impl BehaviorId {
    /// The number as an index into arrays.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One behavior of the log and what it adds to the weight of a (user, item) pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behavior {
    /// The label in the log, such as `purchase`.
    pub name: String,
    /// What one event adds to its pair's weight; may be negative.
    pub weight: f64,
    /// The maximum (in absolute value) that all events of this behavior may add to one pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// Whether this behavior is a target of recommendations: only targets count as truth.
    #[serde(default)]
    pub target: bool,
}

/// What to do with a pair whose summed weight is too large.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Sums above this are replaced.
    pub above: f64,
    /// The weight of such a pair if it has a target event.
    pub with_target: f64,
    /// The weight of such a pair if it has none.
    pub without_target: f64,
}

/// The table of behaviors as configured; [`BehaviorWeightsConfig::check`] validates it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviorWeightsConfig {
    /// The behaviors, in the order of their numbers.
    #[serde(alias = "behaviours")]
    pub behaviors: Vec<Behavior>,
    /// Sums below this become this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// What to do with sums that are too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// Time decay: an event this many days before the last training event (see
    /// [`reference_time`](crate::reference_time)) counts half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life_days: Option<f64>,
}

impl BehaviorWeightsConfig {
    fn shop(weights: [f64; 4]) -> Self {
        let names = ["view", "cart", "remove_from_cart", "purchase"];
        let behaviors = names
            .iter()
            .zip(weights)
            .map(|(&name, weight)| Behavior {
                name: name.to_owned(),
                weight,
                cap: None,
                target: name == "purchase",
            })
            .collect();
        Self {
            behaviors,
            floor: Some(weights[0]),
            ceiling: Some(Ceiling {
                above: 1.0,
                with_target: 1.0,
                without_target: 0.5,
            }),
            half_life_days: None,
        }
    }

    /// The weights of the reference system: view 0.01, cart 0.1, remove_from_cart −0.09,
    /// purchase 1.0; sums below 0.01 become 0.01, above 1 become 1 with a purchase and 0.5 without.
    #[must_use]
    pub fn shop_log() -> Self {
        Self::shop([0.01, 0.1, -0.09, 1.0])
    }

    /// The reference system's second scheme: view 0.15, cart 0.35, remove_from_cart −0.2,
    /// purchase 1.0, with the same floor and ceiling rules.
    #[must_use]
    pub fn shop_log_strong_views() -> Self {
        Self::shop([0.15, 0.35, -0.2, 1.0])
    }

    /// One behavior of weight 1 that is the target, as in pair files.
    #[must_use]
    pub fn single(name: &str) -> Self {
        Self {
            behaviors: vec![Behavior {
                name: name.to_owned(),
                weight: 1.0,
                cap: None,
                target: true,
            }],
            floor: None,
            ceiling: Some(Ceiling {
                above: 1.0,
                with_target: 1.0,
                without_target: 1.0,
            }),
            half_life_days: None,
        }
    }

    /// The preset of that name (`shop-log` or `shop-log-strong-views`), if it exists.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "shop-log" => Some(Self::shop_log()),
            "shop-log-strong-views" => Some(Self::shop_log_strong_views()),
            _ => None,
        }
    }

    /// Checks the whole table.
    ///
    /// # Errors
    /// [`CoreError::BehaviorWeights`] with every issue found.
    pub fn check(self) -> Result<BehaviorWeights, CoreError> {
        let mut issues = Vec::new();
        if self.behaviors.is_empty() {
            issues.push("no behaviors are listed; give at least one".to_owned());
        }
        if self.behaviors.len() > 255 {
            issues.push(format!(
                "{} behaviors are listed; at most 255",
                self.behaviors.len()
            ));
        }
        for (n, b) in self.behaviors.iter().enumerate() {
            if b.name.is_empty() {
                issues.push(format!("behavior number {n} has an empty name"));
            }
            if self.behaviors[..n].iter().any(|other| other.name == b.name) {
                issues.push(format!("behavior {:?} is listed twice", b.name));
            }
            if !b.weight.is_finite() {
                issues.push(format!(
                    "behavior {:?} has weight {}; give a finite number",
                    b.name, b.weight
                ));
            }
            if b.cap.is_some_and(|cap| !(cap.is_finite() && cap > 0.0)) {
                issues.push(format!(
                    "the cap of behavior {:?} must be positive and finite",
                    b.name
                ));
            }
        }
        if !self.behaviors.is_empty() && !self.behaviors.iter().any(|b| b.target) {
            issues.push("no behavior is the target; mark one with target = true".to_owned());
        }
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if self.floor.is_some_and(|x| !positive(x)) {
            issues.push("floor must be positive and finite".to_owned());
        }
        if self.ceiling.is_some_and(|c| {
            !(positive(c.above) && positive(c.with_target) && positive(c.without_target))
        }) {
            issues.push("the three numbers of ceiling must be positive and finite".to_owned());
        }
        if self.half_life_days.is_some_and(|x| !positive(x)) {
            issues.push("half_life_days must be positive and finite".to_owned());
        }
        if issues.is_empty() {
            Ok(BehaviorWeights { config: self })
        } else {
            Err(CoreError::BehaviorWeights { issues })
        }
    }
}

/// A checked table of behaviors and the rules that turn a pair's events into one weight.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviorWeights {
    config: BehaviorWeightsConfig,
}

impl BehaviorWeights {
    /// The table as it was written.
    #[must_use]
    pub fn config(&self) -> &BehaviorWeightsConfig {
        &self.config
    }

    /// The behaviors in the order of their numbers.
    #[must_use]
    pub fn behaviors(&self) -> &[Behavior] {
        &self.config.behaviors
    }

    /// The number of the behavior with that label, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<BehaviorId> {
        let position = self.config.behaviors.iter().position(|b| b.name == name);
        position.map(|n| BehaviorId(n as u8))
    }

    /// Whether a behavior is the target.
    ///
    /// # Panics
    /// If the number is not in the table.
    #[must_use]
    pub fn is_target(&self, id: BehaviorId) -> bool {
        self.config.behaviors[id.index()].target
    }

    /// What an event of age `age_days` (0 or more) counts for: 1 without time decay.
    #[must_use]
    pub fn decay(&self, age_days: f64) -> f64 {
        self.config
            .half_life_days
            .map_or(1.0, |half_life| (-age_days.max(0.0) / half_life).exp2())
    }

    /// The weight of a pair from its decayed event counts, one per behavior. Without a floor, the
    /// result may be invalid (not positive or not finite): callers must check it and name the pair.
    ///
    /// # Panics
    /// If `decayed_counts` does not have one number per behavior.
    #[must_use]
    pub fn combine(&self, decayed_counts: &[f64], has_target: bool) -> f64 {
        let behaviors = &self.config.behaviors;
        assert_eq!(
            decayed_counts.len(),
            behaviors.len(),
            "one count per behavior"
        );
        let mut sum = 0.0;
        for (behavior, &count) in behaviors.iter().zip(decayed_counts) {
            let part = behavior.weight * count;
            sum += behavior.cap.map_or(part, |cap| part.clamp(-cap, cap));
        }
        if let Some(ceiling) = self.config.ceiling.filter(|c| sum > c.above) {
            return if has_target {
                ceiling.with_target
            } else {
                ceiling.without_target
            };
        }
        match self.config.floor {
            Some(floor) if sum < floor => floor,
            _ => sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(config: BehaviorWeightsConfig, counts: [f64; 4]) -> f64 {
        config.check().unwrap().combine(&counts, counts[3] > 0.0)
    }

    #[test]
    fn reference_rules_by_hand() {
        let shop = BehaviorWeightsConfig::shop_log;
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(weigh(shop(), [3.0, 0.0, 0.0, 0.0]), 0.03);
        close(weigh(shop(), [1.0, 1.0, 1.0, 0.0]), 0.02);
        close(weigh(shop(), [0.0, 0.0, 5.0, 0.0]), 0.01); // below a view's weight
        close(weigh(shop(), [1.0, 0.0, 0.0, 1.0]), 1.0); // above 1 with a purchase
        close(weigh(shop(), [0.0, 11.0, 0.0, 0.0]), 0.5); // above 1 without
        close(weigh(shop(), [0.0, 10.0, 0.0, 0.0]), 1.0); // exactly 1 stays
        close(
            weigh(
                BehaviorWeightsConfig::shop_log_strong_views(),
                [0.0, 0.0, 1.0, 0.0],
            ),
            0.15,
        );
    }

    #[test]
    fn caps_and_decay() {
        let mut config = BehaviorWeightsConfig::shop_log();
        config.behaviors[0].cap = Some(0.05);
        config.half_life_days = Some(7.0);
        let weights = config.check().unwrap();
        assert!((weights.combine(&[100.0, 0.0, 0.0, 0.0], false) - 0.05).abs() < 1e-12);
        assert_eq!(weights.decay(0.0), 1.0);
        assert!((weights.decay(14.0) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn every_issue_is_listed() {
        let mut config = BehaviorWeightsConfig::shop_log();
        config.behaviors[0].weight = f64::NAN;
        config.behaviors[1].name = "view".to_owned();
        config.behaviors[3].target = false;
        config.floor = Some(0.0);
        config.half_life_days = Some(f64::INFINITY);
        let Err(CoreError::BehaviorWeights { issues }) = config.check() else {
            panic!("the table must be refused");
        };
        assert_eq!(issues.len(), 5, "{issues:?}");
    }
}
