//! Which items follow which within sessions.

use crate::config::Issues;
use crate::matrix::SparseMatrix;
use crate::neighbors::Neighbors;
use crate::sessions::Sessions;
use crate::{ItemToItem, LinearError};
use lightgcn_core::{Rows, Train};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How to count transitions: W_ij = Σ 1 / distance over the places where j follows i within a session,
/// divided by √(n_i n_j), n being the places of an item.
///
/// These are the sequential rules of Ludewig and Jannach ("Evaluation of session-based
/// recommendation algorithms", UMUAI 2018), which are related to session nearest neighbors (VS-kNN
/// there; STAN, Garg et al., SIGIR 2019): closeness within a session counts. The root of the places
/// damps popular items.
///
/// A session is what one user did under one session id, if the log has such ids, and else without a
/// gap above `gap_minutes`, for all behaviors and across midnight. The same item several times in a row is one place. The order of events in the same
/// second is unknown, so they are ordered by a hash of the item, never by its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionTransitionsConfig {
    /// The gap that ends a session which the log does not name, in minutes, above 0. Default: 30.
    pub gap_minutes: f64,
    /// How many places later an item may follow another, at least 1; it bounds the cost of long sessions.
    /// Default: 20.
    pub window: usize,
    /// The share with which an item also counts for the ones before it, from 0 to 1. Default: 0.5.
    pub backward: f64,
    /// The maximum number of neighbors that an item keeps, at least 1. Default: 400.
    pub n_neighbors: usize,
}

impl Default for SessionTransitionsConfig {
    fn default() -> Self {
        Self {
            gap_minutes: 30.0,
            window: 20,
            backward: 0.5,
            n_neighbors: 400,
        }
    }
}

impl SessionTransitionsConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("session transitions");
        issues.positive("gap_minutes", self.gap_minutes);
        issues.positive_count("window", self.window);
        issues.share("backward", self.backward);
        issues.positive_count("n_neighbors", self.n_neighbors);
        issues.into_result()
    }

    /// Counts the transitions of all users. If single events are unknown, each pair is one event at
    /// its last time. O(events · (window + log)) time, and memory in addition to the lists.
    ///
    /// # Errors
    /// [`LinearError::Config`], [`LinearError::NoTimes`] if times are unknown, and
    /// [`LinearError::NoPairs`] if there is nothing to learn from.
    pub fn fit(&self, train: &Train) -> Result<ItemToItem, LinearError> {
        self.check()?;
        let pairs = train.interactions();
        if pairs.n_pairs() == 0 {
            return Err(LinearError::NoPairs {
                n_users: pairs.n_users(),
                n_items: pairs.n_items(),
            });
        }
        if pairs.last_times().is_empty() {
            return Err(LinearError::NoTimes {
                model: "session transitions",
            });
        }
        let sessions = Sessions::new(pairs, self.gap_minutes, 2).items;
        let n_items = pairs.n_items();
        let mut places = vec![0.0; n_items];
        let all = sessions.values().iter();
        all.for_each(|&item| places[item as usize] += 1.0);
        // The places by session and item: the rows from which an item's list is summed.
        let entries = sessions.iter().zip(0..).flat_map(|(session, row)| {
            let items = session.iter().zip(0..);
            items.map(move |(&item, place)| (item as usize, (row, place)))
        });
        let found: Rows<(u32, u32)> = Rows::group(n_items, entries);
        let scratch = || (vec![0f64; n_items], Vec::new());
        let list = |(sums, touched): &mut (Vec<f64>, Vec<u32>), item: usize| {
            for &(row, place) in found.row(item) {
                let near = self.near(sessions.row(row as usize), place as usize);
                for (other, weight) in near.filter(|(other, _)| *other as usize != item) {
                    touched.push(other);
                    sums[other as usize] += weight;
                }
            }
            touched.sort_unstable();
            touched.dedup();
            let of_other = |other: u32| {
                let sum = std::mem::take(&mut sums[other as usize]);
                let scale: f64 = places[item] * places[other as usize];
                (other, (sum / scale.sqrt()) as f32)
            };
            touched.drain(..).map(of_other).collect::<Vec<_>>()
        };
        let lists: Vec<Vec<(u32, f32)>> = (0..n_items)
            .into_par_iter()
            .map_init(scratch, |scratch, item| {
                let mut list = list(scratch, item);
                crate::neighbors::keep_highest(&mut list, self.n_neighbors);
                list
            })
            .collect();
        let matrix = SparseMatrix::from_rows(lists.into_iter().collect(), n_items);
        Ok(ItemToItem::new(
            "session transitions",
            Neighbors::from_matrix(matrix),
        ))
    }

    /// The items near a place of a session, with their weights.
    fn near(&self, session: &[u32], place: usize) -> impl Iterator<Item = (u32, f64)> {
        let last = (place + self.window).min(session.len() - 1);
        let first = place.saturating_sub(self.window);
        let later = (place + 1..=last).map(move |n| (session[n], 1.0 / (n - place) as f64));
        let backward = self.backward;
        let earlier = (first..place).map(move |n| (session[n], backward / (place - n) as f64));
        later
            .chain(earlier)
            .filter(|(_, weight): &(u32, f64)| *weight > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{
        BehaviorId, InteractionsBuilder, ItemId, PairEvent, SessionMark, Split, Truth, UserId,
    };
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Users with (time in seconds, item), all of them views.
    fn train(users: &[Vec<(i64, u32)>], n_items: usize) -> Train {
        let unknown = |events: &Vec<(i64, u32)>| {
            let events = events.iter();
            events
                .map(|&(time, item)| (time, item, SessionMark::UNKNOWN))
                .collect()
        };
        in_sessions(&users.iter().map(unknown).collect::<Vec<_>>(), n_items)
    }

    /// Users with (time in seconds, item, session), all of them views.
    fn in_sessions(users: &[Vec<(i64, u32, SessionMark)>], n_items: usize) -> Train {
        let mut pairs = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        for (user, events) in users.iter().enumerate() {
            let mut by_item: BTreeMap<u32, Vec<PairEvent>> = BTreeMap::new();
            for &(time, item, session) in events {
                let event = PairEvent::new(BehaviorId(0), time).in_session(session);
                by_item.entry(item).or_default().push(event);
            }
            for (item, mut events) in by_item {
                events.sort_by_key(|event| event.time());
                let (user, item) = (UserId(user as u32), ItemId(item));
                pairs.push_events(user, item, 1.0, &events).unwrap();
            }
        }
        let nothing = || Truth::empty(users.len(), n_items);
        let pairs = pairs.build(users.len(), n_items).unwrap();
        Split::new(pairs, nothing(), nothing()).unwrap().train
    }

    fn fit(users: &[Vec<(i64, u32)>], n_items: usize) -> ItemToItem {
        let config = SessionTransitionsConfig::default();
        config.fit(&train(users, n_items)).unwrap()
    }

    fn close(model: &ItemToItem, i: u32, j: u32, exact: f64) {
        let found = f64::from(model.weight(ItemId(i), ItemId(j)));
        assert!(
            (found - exact).abs() < 1e-6,
            "{i}, {j}: {found} is not {exact}"
        );
    }

    #[test]
    fn by_hand() {
        // 0 1 1 2, then after an hour 1 0.
        let users = [vec![
            (0, 0),
            (60, 1),
            (70, 1),
            (120, 2),
            (3_800, 1),
            (3_900, 0),
        ]];
        let model = fit(&users, 4);
        // Places: two of 0, two of 1, one of 2.
        close(&model, 0, 1, (1.0 + 0.5) / 2.0);
        close(&model, 1, 0, (0.5 + 1.0) / 2.0);
        close(&model, 0, 2, 0.5 / 2f64.sqrt());
        close(&model, 2, 0, 0.25 / 2f64.sqrt());
        close(&model, 1, 2, 1.0 / 2f64.sqrt());
        close(&model, 0, 0, 0.0);
        assert_eq!(model.row(ItemId(3)).count(), 0);
    }

    #[test]
    fn sessions_that_the_log_names_go_on_over_pauses_and_beside_others() {
        let [first, second] = [0, 1].map(SessionMark::of_number);
        // Session 0 has items 0 and 1, five hours apart; session 1 has 2 and 3, between and after them.
        let events = vec![
            (0, 0, first),
            (60, 2, second),
            (18_000, 1, first),
            (18_060, 3, second),
        ];
        let model = SessionTransitionsConfig::default()
            .fit(&in_sessions(&[events], 4))
            .unwrap();
        for (from, to) in [(0, 1), (2, 3)] {
            close(&model, from, to, 1.0);
            close(&model, to, from, 0.5);
        }
        for (from, to) in [(0, 2), (2, 1), (1, 3), (0, 3)] {
            close(&model, from, to, 0.0);
            close(&model, to, from, 0.0);
        }
    }

    #[test]
    fn another_name_ends_a_session_without_a_pause() {
        let [first, second] = [0, 1].map(SessionMark::of_number);
        let events = vec![(0, 0, first), (5, 1, first), (5, 2, second), (9, 3, second)];
        // The same marks of another user are other sessions.
        let others = vec![(9, 3, first)];
        let train = in_sessions(&[events, others], 4);
        let model = SessionTransitionsConfig::default().fit(&train).unwrap();
        close(&model, 0, 1, 1.0);
        // Item 3 has two places, one of them in a session by itself.
        let sessions = Sessions::new(train.interactions(), 30.0, 1);
        assert_eq!(sessions.of_users, [0..2, 2..3]);
        assert_eq!(sessions.items.row(2), [3]);
        close(&model, 2, 3, 1.0);
        close(&model, 1, 2, 0.0);
    }

    #[test]
    fn ten_thousand_events_of_a_named_session_are_one() {
        let mark = SessionMark::of_number(3);
        // An hour between any two.
        let events = (0..10_000).map(|n| (i64::from(n) * 3_600, n, mark));
        let sessions = in_sessions(&[events.collect()], 10_000);
        let sessions = Sessions::new(sessions.interactions(), 30.0, 1);
        assert_eq!(sessions.items.n_rows(), 1);
        assert_eq!(sessions.items.row(0), Vec::from_iter(0..10_000));
    }

    #[test]
    fn the_latest_session_is_the_one_that_ends_last() {
        let [first, second] = [0, 1].map(SessionMark::of_number);
        let events = vec![(0, 0, first), (60, 1, second), (90, 2, first)];
        let train = in_sessions(&[events], 3);
        let sessions = Sessions::new(train.interactions(), 30.0, 1);
        assert_eq!(sessions.ends, [60, 90]);
        assert_eq!(sessions.items.row(1), [0, 2]);
    }

    #[test]
    fn a_session_crosses_midnight_and_one_of_one_event_says_nothing() {
        let midnight = 20_000 * 86_400;
        let model = fit(
            &[
                vec![(midnight - 60, 0), (midnight + 60, 1)],
                vec![(midnight, 2)],
            ],
            3,
        );
        close(&model, 0, 1, 1.0);
        close(&model, 1, 0, 0.5);
        assert_eq!(model.row(ItemId(2)).count(), 0);
    }

    #[test]
    fn a_session_of_ten_thousand_events_is_bounded_by_the_window() {
        let events = (0..10_000).map(|n| (i64::from(n), n)).collect();
        let model = fit(&[events], 10_000);
        assert_eq!(model.row(ItemId(5_000)).count(), 40);
        close(&model, 5_000, 5_020, 1.0 / 20.0);
        close(&model, 5_000, 5_021, 0.0);
    }

    #[test]
    fn equal_times_are_one_session_in_no_order_of_rows() {
        let events = (0..1_000).map(|n| (0, n)).collect();
        let model = fit(&[events], 1_000);
        let follow = (0..999).filter(|&i| model.weight(ItemId(i), ItemId(i + 1)) == 1.0);
        assert!(follow.count() < 10);
        assert!((20..=40).contains(&model.row(ItemId(7)).count()));
    }

    #[test]
    fn pairs_without_single_events_count_at_their_last_time() {
        let mut pairs = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        for (item, time) in [(0, 50), (1, 100), (2, 9_000)] {
            pairs
                .push(UserId(0), ItemId(item), 1.0, &[3], Some(time))
                .unwrap();
        }
        let nothing = || Truth::empty(1, 3);
        let split = Split::new(pairs.build(1, 3).unwrap(), nothing(), nothing()).unwrap();
        let model = SessionTransitionsConfig::default()
            .fit(&split.train)
            .unwrap();
        close(&model, 0, 1, 1.0);
        assert_eq!(model.row(ItemId(2)).count(), 0);
    }

    #[test]
    fn without_times_there_are_no_sessions() {
        let refused = SessionTransitionsConfig::default()
            .fit(&crate::matrix::tests::train(&[vec![1.0, 1.0]]));
        assert!(matches!(refused, Err(LinearError::NoTimes { .. })));
    }

    #[test]
    fn every_issue_is_listed() {
        let config = SessionTransitionsConfig {
            gap_minutes: 0.0,
            window: 0,
            backward: 2.0,
            n_neighbors: 0,
        };
        let Err(LinearError::Config { issues, .. }) = config.check() else {
            panic!("the settings must be refused");
        };
        assert_eq!(issues.len(), 4);
    }

    proptest! {
        #[test]
        fn weights_are_those_of_all_pairs_of_places(
            steps in prop::collection::vec((1i64..2_500, 0u32..6), 1..40), window in 1usize..5,
        ) {
            let mut now = 0;
            let timed = steps.iter().map(|&(step, item)| {
                now += step;
                (now, item)
            });
            let events: Vec<(i64, u32)> = timed.collect();
            let config = SessionTransitionsConfig { window, ..SessionTransitionsConfig::default() };
            let model = config.fit(&train(std::slice::from_ref(&events), 6)).unwrap();
            let (mut sums, mut places) = ([[0.0; 6]; 6], [0.0; 6]);
            for session in events.chunk_by(|a, b| b.0 - a.0 <= 1_800) {
                let mut items: Vec<usize> = session.iter().map(|e| e.1 as usize).collect();
                items.dedup();
                if items.len() < 2 {
                    continue;
                }
                for (p, &i) in items.iter().enumerate() {
                    places[i] += 1.0;
                    for (q, &j) in items.iter().enumerate().skip(p + 1).take(window) {
                        sums[i][j] += 1.0 / (q - p) as f64;
                        sums[j][i] += 0.5 / (q - p) as f64;
                    }
                }
            }
            for i in 0..6 {
                for j in (0..6).filter(|&j| j != i) {
                    let exact = sums[i][j] / f64::sqrt(places[i] * places[j]).max(1.0);
                    let found = f64::from(model.weight(ItemId(i as u32), ItemId(j as u32)));
                    prop_assert!((found - exact).abs() < 1e-5, "{found} {exact}");
                }
            }
        }
    }
}
