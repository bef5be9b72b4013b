//! An earlier model over the rows of a later dataset.

use lightgcn_core::{Dataset, ItemId, UserId};
use lightgcn_recommend::{Exclusions, Ranked, Ranker};
use lightgcn_store::Artifact;

/// The score of items that the earlier model does not know: they rank last.
const NEVER: f32 = -1e30;

/// A ranker of an earlier artifact, asked by the rows of a dataset, whose users and items it knows by their ids.
pub(super) struct PreviousRanker<'a> {
    inner: &'a dyn Ranker,
    /// The earlier row of each user and each item; none for new ones.
    users: Vec<Option<UserId>>,
    items: Vec<Option<ItemId>>,
    /// The row now of each earlier item; none for those that are gone.
    now: Vec<Option<ItemId>>,
}

impl<'a> PreviousRanker<'a> {
    pub(super) fn new(inner: &'a dyn Ranker, (previous, dataset): (&Artifact, &Dataset)) -> Self {
        let users = dataset.users.iter().map(|name| previous.users.get(name));
        let items = dataset.items.iter().map(|name| previous.items.get(name));
        let now = previous.items.iter().map(|name| dataset.items.get(name));
        Self {
            inner,
            users: users.collect(),
            items: items.collect(),
            now: now.collect(),
        }
    }

    /// What the earlier model must leave out, by its own rows: what is excluded, and what is gone.
    fn excluded(&self, users: &[UserId], excluded: &Exclusions) -> Exclusions {
        let gone = (0..).map(ItemId).zip(&self.now);
        let gone = gone.filter(|(_, now)| now.is_none()).map(|(item, _)| item);
        let gone: Vec<ItemId> = gone.collect();
        let mut lists = vec![Vec::new(); self.inner.n_users()];
        for &user in users {
            let Some(earlier) = self.users[user.index()] else {
                continue;
            };
            let known = excluded.of(user).iter();
            let known = known.filter_map(|&row| self.items[row as usize]);
            lists[earlier.index()] = known.chain(gone.iter().copied()).collect();
        }
        Exclusions::from_lists(lists)
    }

    /// A list in the rows of now, filled up with the items that the earlier model does not know.
    fn list(&self, earlier: &[Ranked], k: usize, excluded: &[u32]) -> Vec<Ranked> {
        let renamed = earlier.iter().filter_map(|ranked| {
            let item = self.now[ranked.item.index()]?;
            Some(Ranked { item, ..*ranked })
        });
        let mut list: Vec<Ranked> = renamed.collect();
        list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        let new = (0..).map(ItemId).zip(&self.items);
        let new = new.filter(|(item, earlier)| {
            earlier.is_none() && excluded.binary_search(&item.0).is_err()
        });
        let score = NEVER;
        let new = new.map(|(item, _)| Ranked { item, score });
        list.extend(new.take(k.saturating_sub(earlier.len())));
        list
    }
}

impl Ranker for PreviousRanker<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn n_users(&self) -> usize {
        self.users.len()
    }

    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let earlier = users.iter().filter_map(|user| self.users[user.index()]);
        let earlier: Vec<UserId> = earlier.collect();
        let out = self.excluded(users, excluded);
        let mut lists = self.inner.top_k(&earlier, k, &out).into_iter();
        let one = |user: &UserId| {
            let known = self.users[user.index()].and_then(|_| lists.next());
            self.list(&known.unwrap_or_default(), k, excluded.of(*user))
        };
        users.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_recommend::EmbeddingRanker;

    #[test]
    fn lists_are_those_of_the_earlier_rows() {
        // Items b, c, a, d of now were a, b, gone, c; users y, new, x were x, y.
        let inner =
            EmbeddingRanker::new("e", vec![1.0, -1.0], vec![1.0, 2.0, 9.0, 4.0], 1).unwrap();
        let ranker = PreviousRanker {
            inner: &inner,
            users: vec![Some(UserId(1)), None, Some(UserId(0))],
            items: vec![Some(ItemId(1)), Some(ItemId(3)), Some(ItemId(0)), None],
            now: vec![Some(ItemId(2)), Some(ItemId(0)), None, Some(ItemId(1))],
        };
        assert_eq!((ranker.n_users(), ranker.n_items()), (3, 4));
        let rows = |k: usize, excluded: &Exclusions| -> Vec<Vec<u32>> {
            let users: Vec<UserId> = (0..3).map(UserId).collect();
            let lists = ranker.top_k(&users, k, excluded).into_iter();
            let rows = |list: Vec<Ranked>| list.iter().map(|ranked| ranked.item.0).collect();
            lists.map(rows).collect()
        };
        let none = Exclusions::none();
        assert_eq!(
            rows(4, &none),
            [vec![2, 0, 1, 3], vec![3], vec![1, 0, 2, 3]]
        );
        assert_eq!(rows(2, &none), [vec![2, 0], vec![3], vec![1, 0]]);
        let excluded = [vec![ItemId(2)], vec![ItemId(3)], vec![ItemId(3), ItemId(1)]];
        let excluded = Exclusions::from_lists(excluded);
        assert_eq!(rows(4, &excluded), [vec![0, 1, 3], vec![], vec![0, 2]]);
    }
}
