//! Nearest neighbors of sessions.

use crate::config::Issues;
use crate::sessions::Sessions;
use crate::{LinearError, SessionTransitionsConfig};
use lightgcn_core::{Rows, Train, UserId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// How to find and weight neighbors of a user's latest session: STAN (Garg et al., *Sequence and
/// Time Aware Neighborhood for Session-based Recommendations*, SIGIR 2019).
///
/// Of the sessions that share an item with the latest one, s, the most similar count,
///
/// sim(n) = Σ_(i in s and n) exp(−(places of s after i) / λ₁) / √(|s| |n|) · exp(−days before s / λ₂),
///
/// and an item j of a neighbor adds sim(n) · exp(−|places of n between j and i*| / λ₃), i* being
/// the shared item that comes last in s. The user's own earlier sessions may also be neighbors, and
/// the items of s itself score by the first factor: both act as reminders of familiar items.
///
/// Sessions are those of [`SessionTransitionsConfig`]. If the latest session is long, only its last
/// 50 places count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionKnnConfig {
    /// The gap that ends a session which the log does not name, in minutes, above 0. Default: 30.
    pub gap_minutes: f64,
    /// The maximum number of neighbors, at least 1. Default: 500.
    pub n_neighbors: usize,
    /// The maximum number of sessions to choose neighbors from, latest first, at least 1. Default:
    /// 2500.
    pub n_sampled: usize,
    /// λ₁, in places, above 0. Default: 4.9.
    pub place_decay: f64,
    /// λ₂, in days, above 0. Default: 40.
    pub age_decay_days: f64,
    /// λ₃, in places, above 0. Default: 2.05.
    pub distance_decay: f64,
}

impl Default for SessionKnnConfig {
    fn default() -> Self {
        Self {
            gap_minutes: SessionTransitionsConfig::default().gap_minutes,
            n_neighbors: 500,
            n_sampled: 2500,
            place_decay: 4.9,
            age_decay_days: 40.0,
            distance_decay: 2.05,
        }
    }
}

/// The maximum number of places of a session to compare.
const MOST_PLACES: usize = 50;

impl SessionKnnConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("session nearest neighbors");
        issues.positive("gap_minutes", self.gap_minutes);
        issues.positive_count("n_neighbors", self.n_neighbors);
        issues.positive_count("n_sampled", self.n_sampled);
        issues.positive("place_decay", self.place_decay);
        issues.positive("age_decay_days", self.age_decay_days);
        issues.positive("distance_decay", self.distance_decay);
        issues.into_result()
    }

    /// Stores all sessions and the positions of items in them. O(events · log) time.
    ///
    /// # Errors
    /// [`LinearError::Config`], [`LinearError::NoTimes`] if times are unknown, and
    /// [`LinearError::NoPairs`] if there is nothing to learn from.
    pub fn fit(&self, train: &Train) -> Result<SessionKnn, LinearError> {
        self.check()?;
        let pairs = train.interactions();
        let (n_users, n_items) = (pairs.n_users(), pairs.n_items());
        if pairs.n_pairs() == 0 {
            return Err(LinearError::NoPairs { n_users, n_items });
        }
        if pairs.last_times().is_empty() {
            return Err(LinearError::NoTimes {
                model: "session nearest neighbors",
            });
        }
        let sessions = Sessions::new(pairs, self.gap_minutes, 1);
        let mut latest_first: Vec<u32> = (0..sessions.ends.len() as u32).collect();
        latest_first.sort_by_key(|&n| std::cmp::Reverse(sessions.ends[n as usize]));
        let places = latest_first.iter().flat_map(|&session| {
            let mut items = sessions.items.row(session as usize).to_vec();
            items.sort_unstable();
            items.dedup();
            items.into_iter().map(move |item| (item as usize, session))
        });
        let of_items = Rows::group(n_items, places.collect::<Vec<_>>().into_iter());
        Ok(SessionKnn {
            config: self.clone(),
            n_items,
            of_items,
            sessions,
        })
    }
}

/// All sessions of a log, used to score a user's latest session.
pub struct SessionKnn {
    config: SessionKnnConfig,
    n_items: usize,
    sessions: Sessions,
    /// The sessions of each item, the latest first.
    of_items: Rows<u32>,
}

impl std::fmt::Debug for SessionKnn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKnn")
            .field("config", &self.config)
            .field("n_sessions", &self.sessions.ends.len())
            .finish_non_exhaustive()
    }
}

impl SessionKnn {
    /// Scores of all items for a user, `[n_items]`; zeros for one without a session.
    /// O(places of the latest session · sampled sessions + neighbors · their places).
    ///
    /// # Panics
    /// If the user is out of range or the length of `out` is wrong.
    pub fn scores_into(&self, user: UserId, out: &mut [f32]) {
        assert!(
            out.len() == self.n_items,
            "scores_into: {} scores for {} items",
            out.len(),
            self.n_items
        );
        out.fill(0.0);
        let Some(latest) = self.sessions.of_users[user.index()].clone().next_back() else {
            return;
        };
        let current = self.sessions.items.row(latest);
        let current = &current[current.len().saturating_sub(MOST_PLACES)..];
        let n_places = current.len();
        // Each item by its last place, from the end of the session.
        let mut weights: HashMap<u32, (usize, f64)> = HashMap::with_capacity(n_places);
        for (place, &item) in current.iter().enumerate() {
            let after = (n_places - 1 - place) as f64;
            weights.insert(item, (place, (-after / self.config.place_decay).exp()));
        }
        let mut scores: HashMap<u32, f64> = HashMap::new();
        for neighbor in self.neighbors(latest, current, &weights) {
            let items = self.sessions.items.row(neighbor.session as usize);
            for (place, &item) in items.iter().enumerate() {
                let distance = place.abs_diff(neighbor.shared_place) as f64;
                let near = (-distance / self.config.distance_decay).exp();
                *scores.entry(item).or_insert(0.0) += neighbor.similarity * near;
            }
        }
        for (&item, (_, weight)) in &weights {
            *scores.entry(item).or_insert(0.0) += weight;
        }
        for (item, score) in scores {
            out[item as usize] = score as f32;
        }
    }

    /// The most similar sessions, in an order that does not depend on threads.
    fn neighbors(
        &self,
        latest: usize,
        current: &[u32],
        weights: &HashMap<u32, (usize, f64)>,
    ) -> Vec<Neighbor> {
        let mut sampled = self.sample(latest, current);
        let end = self.sessions.ends[latest];
        let similar = sampled.drain(..).map(|session| {
            let items = self.sessions.items.row(session as usize);
            // The place in the neighbor of the shared item that comes last in `current`.
            let (mut sum, mut last) = (0.0, None);
            let mut seen = Vec::new();
            for (place, item) in items.iter().enumerate() {
                let Some(&(at, weight)) = weights.get(item) else {
                    continue;
                };
                if !seen.contains(item) {
                    seen.push(*item);
                    sum += weight;
                }
                if last.is_none_or(|(most, _)| at >= most) {
                    last = Some((at, place));
                }
            }
            let days = (end - self.sessions.ends[session as usize]).max(0) as f64 / SECONDS_PER_DAY;
            let age = (-days / self.config.age_decay_days).exp();
            let lengths = (current.len() * items.len()) as f64;
            Neighbor {
                session,
                similarity: sum / lengths.sqrt() * age,
                shared_place: last.map_or(0, |(_, place)| place),
            }
        });
        let mut similar: Vec<Neighbor> = similar.collect();
        similar.sort_by(|a, b| {
            let by_similarity = b.similarity.total_cmp(&a.similarity);
            by_similarity.then(a.session.cmp(&b.session))
        });
        similar.truncate(self.config.n_neighbors);
        similar
    }

    /// Sessions that share an item with this one, those of its last items first, the latest of each first.
    fn sample(&self, latest: usize, current: &[u32]) -> Vec<u32> {
        let mut items: Vec<u32> = Vec::with_capacity(current.len());
        for item in current.iter().rev() {
            if !items.contains(item) {
                items.push(*item);
            }
        }
        // Each item has its share, so that one popular item does not take everything.
        let share = self.config.n_sampled.div_ceil(items.len().max(1));
        let mut sampled: Vec<u32> = Vec::new();
        for &item in &items {
            let sessions = self.of_items.row(item as usize).iter().copied();
            sampled.extend(sessions.filter(|&n| n as usize != latest).take(share));
        }
        sampled.sort_unstable();
        sampled.dedup();
        sampled
    }
}

/// A session similar to the one being scored.
struct Neighbor {
    session: u32,
    similarity: f64,
    /// The place of the shared item that comes last in the session being scored.
    shared_place: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{BehaviorId, InteractionsBuilder, ItemId, PairEvent, Split, Truth};

    const DAY: i64 = 86_400;

    /// Users with (time in seconds, item), each item once.
    fn fit(users: &[&[(i64, u32)]], n_items: usize) -> SessionKnn {
        let mut pairs = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        for (user, events) in users.iter().enumerate() {
            let mut events = events.to_vec();
            events.sort_by_key(|event| event.1);
            for (time, item) in events {
                let (user, item) = (UserId(user as u32), ItemId(item));
                let event = [PairEvent::new(BehaviorId(0), time)];
                pairs.push_events(user, item, 1.0, &event).unwrap();
            }
        }
        let nothing = || Truth::empty(users.len(), n_items);
        let pairs = pairs.build(users.len(), n_items).unwrap();
        let split = Split::new(pairs, nothing(), nothing()).unwrap();
        SessionKnnConfig::default().fit(&split.train).unwrap()
    }

    fn scores(model: &SessionKnn, user: u32) -> Vec<f32> {
        let mut out = vec![f32::NAN; model.n_items];
        model.scores_into(UserId(user), &mut out);
        out
    }

    #[test]
    fn by_hand() {
        // User 0: 0 1. User 1, a day before: 1 2 3. User 2 has nothing in common.
        let model = fit(
            &[
                &[(DAY, 0), (DAY + 60, 1)],
                &[(0, 1), (30, 2), (60, 3)],
                &[(DAY, 4), (DAY + 1, 5)],
            ],
            6,
        );
        let found = scores(&model, 0);
        // They share item 1, the last of user 0's, at place 0 of the neighbor.
        let similarity = 1.0 / 6f64.sqrt() * (-1.0 / 40.0f64).exp();
        let near = |distance: f64| similarity * (-distance / 2.05).exp();
        let exact = [
            (-1.0 / 4.9f64).exp(),
            1.0 + near(0.0),
            near(1.0),
            near(2.0),
            0.0,
            0.0,
        ];
        for (found, exact) in found.iter().zip(exact) {
            assert!((f64::from(*found) - exact).abs() < 1e-6, "{found} {exact}");
        }
    }

    #[test]
    fn earlier_sessions_of_the_user_remind_of_their_items() {
        // 0 2, and a day later 0.
        let model = fit(&[&[(0, 2), (DAY, 0)], &[(5, 1), (9, 2), (DAY / 2, 0)]], 3);
        // User 1's last session is item 0 alone, which user 0's last one shares.
        let found = scores(&model, 1);
        assert!(
            found[0] > 1.0 && found[1] == 0.0 && found[2] == 0.0,
            "{found:?}"
        );
        // Without a session of others there are the user's own items.
        let alone = fit(&[&[(0, 0), (60, 1)]], 2);
        let found = scores(&alone, 0);
        assert!(found[1] > found[0] && found[0] > 0.0, "{found:?}");
    }

    #[test]
    fn ten_thousand_equal_times_are_one_session() {
        let events: Vec<(i64, u32)> = (0..10_000).map(|item| (7, item)).collect();
        let model = fit(&[&events, &[(7, 3), (8, 4)]], 10_000);
        let found = scores(&model, 0);
        assert_eq!(
            found.iter().filter(|score| **score > 0.0).count(),
            MOST_PLACES
        );
    }

    #[test]
    fn every_issue_is_listed() {
        let config = SessionKnnConfig {
            gap_minutes: 0.0,
            n_neighbors: 0,
            n_sampled: 0,
            place_decay: f64::NAN,
            age_decay_days: -1.0,
            distance_decay: 0.0,
        };
        let Err(LinearError::Config { issues, .. }) = config.check() else {
            panic!("the settings must be refused");
        };
        assert_eq!(issues.len(), 6);
        let timeless = crate::matrix::tests::train(&[vec![1.0, 1.0]]);
        let refused = SessionKnnConfig::default().fit(&timeless);
        assert!(matches!(refused, Err(LinearError::NoTimes { .. })));
    }
}
