//! Pairs without some of their events.

use super::{Interactions, InteractionsBuilder, has_target};
use crate::{BehaviorId, BehaviorWeights, CoreError, PairEvent};

const SECONDS_PER_DAY: f64 = 86_400.0;

impl Interactions {
    /// The same users and items with only the events for which `keep(pair, behavior, time)` holds;
    /// pairs without any are dropped. Use it to get what training knew at an earlier time, or
    /// without some purchases.
    ///
    /// Pairs are reweighted by `weights`, with ages counted from the last event kept; a weight that
    /// is no longer positive becomes 10⁻⁶. If single events are unknown, `keep` is called once per
    /// behavior with the time of the pair's last event, if that is known. O(events).
    ///
    /// # Errors
    /// [`CoreError::BehaviorCounts`] if the number of behaviors in `weights` differs.
    pub fn filtered(
        &self,
        weights: &BehaviorWeights,
        keep: impl Fn(usize, BehaviorId, Option<i64>) -> bool,
    ) -> Result<Self, CoreError> {
        let width = self.behaviors.len();
        if weights.behaviors().len() != width {
            return Err(CoreError::BehaviorCounts {
                given: weights.behaviors().len(),
                expected: width,
            });
        }
        let mut filtered = InteractionsBuilder::new(self.behaviors.clone(), self.is_target.clone());
        if self.events.n_rows() > 0 {
            let keep = &keep;
            let kept = |pair: usize| {
                let events = self.events_of(pair).iter().copied();
                events.filter(move |e| keep(pair, e.behavior(), Some(e.time())))
            };
            let latest = |pair| Some(kept(pair).next_back()?.time());
            let now = (0..self.n_pairs()).filter_map(latest).max().unwrap_or(0);
            for (user, pair) in self.pairs() {
                let (item, events) = (self.items()[pair], Vec::from_iter(kept(pair)));
                if !events.is_empty() {
                    let weight = weigh(weights, &events, now, &self.is_target);
                    filtered.push_events(user, item, weight, &events)?;
                }
            }
        } else {
            for (user, pair) in self.pairs() {
                let time = self.last_times.get(pair).copied();
                let mut counts = self.counts_of(pair).to_vec();
                for (count, behavior) in counts.iter_mut().zip(0..) {
                    if *count > 0 && !keep(pair, BehaviorId(behavior), time) {
                        *count = 0;
                    }
                }
                if counts.iter().any(|&count| count > 0) {
                    let wide: Vec<f64> = counts.iter().map(|&n| f64::from(n)).collect();
                    let bought = has_target(&counts, &self.is_target);
                    let weight = positive(weights.combine(&wide, bought));
                    filtered.push(user, self.items()[pair], weight, &counts, time)?;
                }
            }
        }
        filtered.build(self.n_users, self.n_items)
    }
}

fn positive(weight: f64) -> f32 {
    match weight as f32 {
        weight if weight.is_finite() && weight > 0.0 => weight,
        _ => 1e-6,
    }
}

fn weigh(weights: &BehaviorWeights, events: &[PairEvent], now: i64, is_target: &[bool]) -> f32 {
    let mut decayed = vec![0.0; is_target.len()];
    for event in events {
        let age_days = (now - event.time()) as f64 / SECONDS_PER_DAY;
        decayed[event.behavior().index()] += weights.decay(age_days);
    }
    let bought = events
        .iter()
        .any(|event| is_target[event.behavior().index()]);
    positive(weights.combine(&decayed, bought))
}
