//! Users' items in order of time, for the models that read them so.

use lightgcn_core::{Interactions, UserId};
use lightgcn_nn::Sequences;

/// The latest `most` items of each user, by the time of the last event of each pair; equal times by the item.
/// `None` if times are unknown.
pub(crate) fn sequences(pairs: &Interactions, most: usize) -> Option<Sequences> {
    let times = pairs.last_times();
    if times.is_empty() {
        return None;
    }
    let users = (0..pairs.n_users() as u32).map(|user| {
        // Within a user pairs ascend by item.
        let mut of_user: Vec<usize> = pairs.pairs_of(UserId(user)).collect();
        of_user.sort_by_key(|&pair| times[pair]);
        of_user
            .into_iter()
            .map(|pair| pairs.items()[pair].0)
            .collect()
    });
    Some(Sequences::new(users, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{InteractionsBuilder, ItemId};

    fn pairs(events: &[(u32, u32, Option<i64>)]) -> Interactions {
        let mut pairs = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        for &(user, item, time) in events {
            let (user, item) = (UserId(user), ItemId(item));
            pairs.push(user, item, 1.0, &[1], time).unwrap();
        }
        pairs.build(3, 6).unwrap()
    }

    #[test]
    fn items_follow_their_times_and_equal_times_the_items() {
        let events = [
            (0, 5, 10),
            (0, 1, 30),
            (0, 4, 20),
            (0, 2, 20),
            (0, 3, 20),
            (2, 0, -7),
        ];
        let events = events.map(|(user, item, time)| (user, item, Some(time)));
        let pairs = pairs(&events);
        let all = sequences(&pairs, 10).unwrap();
        let of: Vec<&[u32]> = (0..3).map(|user| all.items_of(user)).collect();
        assert_eq!(of, [&[5, 2, 3, 4, 1][..], &[], &[0]]);
        let latest = sequences(&pairs, 2).unwrap();
        assert_eq!(latest.items_of(0), [4, 1]);
        assert_eq!(latest.items_of(2), [0]);
    }

    #[test]
    fn without_times_there_are_none() {
        assert_eq!(sequences(&pairs(&[(0, 5, None), (1, 2, None)]), 10), None);
    }
}
