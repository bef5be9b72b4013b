//! Ranking by the dot product of embeddings.

use crate::rank::ranker::check_user;
use crate::{Exclusions, Ranked, Ranker, RecommendError};
use lightgcn_core::{ItemId, UserId};
use lightgcn_simd::{Bf16, Element, dot, gather_rows, round_to_bf16, scores, top_k, widen_bf16};
use lightgcn_store::Storage;
use std::borrow::Cow;

/// The number of users scored at a time, whose rows are gathered into one table.
const BLOCK: usize = 4096;

/// Ranks items by the dot product of a user's and an item's embedding, exactly.
///
/// The tables are borrowed or owned. The items' table may be kept in 16 bits
/// ([`EmbeddingRanker::with_storage`]): with many items and users asking one by one, the time of an
/// answer is the time to read that table. Scoring, masking and selection run fused and in blocks
/// ([`lightgcn_simd::top_k`]): the score matrix never exists as a whole. O(users · items ·
/// dimension) time, O(4096 · dimension) memory in addition to the answers.
///
/// ```
/// use lightgcn_core::{ItemId, UserId};
/// use lightgcn_recommend::{EmbeddingRanker, Exclusions, Ranker};
///
/// // Two users and three items in two dimensions.
/// let ranker = EmbeddingRanker::new(
///     "mine",
///     vec![1.0, 0.0, 0.0, 1.0],
///     vec![3.0, 1.0, 2.0, 2.0, 1.0, 3.0],
///     2,
/// )?;
/// let lists = ranker.top_k(&[UserId(1)], 2, &Exclusions::none());
/// assert_eq!(lists[0][0].item, ItemId(2));
/// assert_eq!(lists[0][1].score, 2.0);
/// # Ok::<(), lightgcn_recommend::RecommendError>(())
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddingRanker<'a> {
    name: Cow<'a, str>,
    users: Cow<'a, [f32]>,
    items: ItemTable<'a>,
    dimension: usize,
}

/// The items' embeddings, `[n_items, dimension]`, row by row.
#[derive(Debug, Clone)]
enum ItemTable<'a> {
    F32(Cow<'a, [f32]>),
    Bf16(Cow<'a, [Bf16]>),
}

impl ItemTable<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(items) => items.len(),
            Self::Bf16(items) => items.len(),
        }
    }
}

impl<'a> EmbeddingRanker<'a> {
    /// A ranker over the tables `users` (`[n_users, dimension]`) and `items`
    /// (`[n_items, dimension]`), both row by row.
    ///
    /// # Errors
    /// [`RecommendError::EmbeddingNotFinite`] if a number is infinite or NaN.
    ///
    /// # Panics
    /// If `dimension` is 0 or does not divide the length of a table.
    pub fn new(
        name: impl Into<Cow<'a, str>>,
        users: impl Into<Cow<'a, [f32]>>,
        items: impl Into<Cow<'a, [f32]>>,
        dimension: usize,
    ) -> Result<Self, RecommendError> {
        let items = ItemTable::F32(items.into());
        Self::of_tables(name.into(), users.into(), items, dimension)
    }

    /// A ranker over a table of items that is already in 16 bits, `[n_items, dimension]`.
    ///
    /// # Errors
    /// [`RecommendError::EmbeddingNotFinite`] if a number is infinite or NaN.
    ///
    /// # Panics
    /// If `dimension` is 0 or does not divide the length of a table.
    pub fn with_bf16_items(
        name: impl Into<Cow<'a, str>>,
        users: impl Into<Cow<'a, [f32]>>,
        items: impl Into<Cow<'a, [Bf16]>>,
        dimension: usize,
    ) -> Result<Self, RecommendError> {
        let items = ItemTable::Bf16(items.into());
        Self::of_tables(name.into(), users.into(), items, dimension)
    }

    fn of_tables(
        name: Cow<'a, str>,
        users: Cow<'a, [f32]>,
        items: ItemTable<'a>,
        dimension: usize,
    ) -> Result<Self, RecommendError> {
        let users = check_users(users, dimension)?;
        match &items {
            ItemTable::F32(items) => check_table("item", items, dimension)?,
            ItemTable::Bf16(items) => check_table("item", items, dimension)?,
        }
        Ok(Self {
            name,
            users,
            items,
            dimension,
        })
    }

    /// The same ranker with its item table kept as `storage`.
    ///
    /// [`Storage::Bf16`] rounds every number of the items to the nearest of 16 bits, which changes
    /// it by at most 2⁻⁸ of its magnitude, and halves the memory that an answer reads. Scores are
    /// still summed in 32 bits with the user's unrounded embedding: lists are the exact ranking by
    /// the rounded items. A table of numbers that 16 bits can represent (as in an artifact stored
    /// so) ranks with the same bits in either storage. [`Storage::F32`] changes no number. O(items
    /// · dimension) time, and memory for the new table.
    ///
    /// # Errors
    /// [`RecommendError::EmbeddingNotFinite`] with a number that exceeds the largest of 16 bits
    /// (3.39e38).
    ///
    /// ```
    /// use lightgcn_core::{ItemId, UserId};
    /// use lightgcn_recommend::{EmbeddingRanker, Exclusions, Ranker};
    /// use lightgcn_store::Storage;
    ///
    /// let exact = EmbeddingRanker::new("mine", vec![1.0], vec![1.0, 1.002, 3.0], 1)?;
    /// assert_eq!(exact.score(UserId(0), ItemId(1)), 1.002);
    /// let rounded = exact.with_storage(Storage::Bf16)?;
    /// assert_eq!(rounded.score(UserId(0), ItemId(1)), 1.0);
    /// let list = &rounded.top_k(&[UserId(0)], 3, &Exclusions::none())[0];
    /// assert_eq!(list.iter().map(|ranked| ranked.item.0).collect::<Vec<_>>(), [2, 0, 1]);
    /// # Ok::<(), lightgcn_recommend::RecommendError>(())
    /// ```
    pub fn with_storage(self, storage: Storage) -> Result<Self, RecommendError> {
        let items = match (self.items, storage) {
            (ItemTable::F32(items), Storage::Bf16) => {
                let mut rounded = vec![Bf16::ZERO; items.len()];
                round_to_bf16(&items, &mut rounded);
                if let Some(place) = rounded.iter().position(|x| !x.is_finite()) {
                    return Err(not_finite("item", place, self.dimension, items[place]));
                }
                ItemTable::Bf16(rounded.into())
            }
            (ItemTable::Bf16(items), Storage::F32) => {
                let mut wide = vec![0.0; items.len()];
                widen_bf16(&items, &mut wide);
                ItemTable::F32(wide.into())
            }
            (items, _) => items,
        };
        Ok(Self { items, ..self })
    }

    /// A ranker over one table of all nodes, `[n_users + n_items, dimension]`, users first: the
    /// layout of graph models.
    ///
    /// # Errors
    /// [`RecommendError::EmbeddingNotFinite`] if a number is infinite or NaN.
    ///
    /// # Panics
    /// If `dimension` is 0 or does not divide the table's length, or the table has fewer than
    /// `n_users` rows.
    pub fn from_nodes(
        name: impl Into<Cow<'a, str>>,
        nodes: impl Into<Cow<'a, [f32]>>,
        n_users: usize,
        dimension: usize,
    ) -> Result<Self, RecommendError> {
        let nodes = nodes.into();
        let middle = n_users * dimension;
        assert!(
            middle <= nodes.len(),
            "the node table holds {} numbers, fewer than {n_users} users of dimension {dimension}",
            nodes.len()
        );
        match nodes {
            Cow::Borrowed(nodes) => {
                let (users, items) = nodes.split_at(middle);
                Self::new(name, users, items, dimension)
            }
            Cow::Owned(mut users) => {
                let items = users.split_off(middle);
                Self::new(name, users, items, dimension)
            }
        }
    }

    /// A ranker over a node table that has been validated.
    pub(crate) fn from_checked_nodes(
        name: &'a str,
        nodes: &'a [f32],
        n_users: usize,
        dimension: usize,
    ) -> Self {
        let (users, items) = nodes.split_at(n_users * dimension);
        Self {
            name: name.into(),
            users: users.into(),
            items: ItemTable::F32(items.into()),
            dimension,
        }
    }

    /// The length of an embedding.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How the items' embeddings are kept in memory.
    #[must_use]
    pub fn storage(&self) -> Storage {
        match self.items {
            ItemTable::F32(_) => Storage::F32,
            ItemTable::Bf16(_) => Storage::Bf16,
        }
    }

    /// The score of one pair, with the same bits as in a list. O(dimension).
    ///
    /// # Panics
    /// If the user or the item is out of range.
    #[must_use]
    pub fn score(&self, user: UserId, item: ItemId) -> f32 {
        let query = self.row(&self.users, user.index());
        match &self.items {
            ItemTable::F32(items) => dot(query, self.row(items, item.index())),
            ItemTable::Bf16(items) => dot(query, self.row(items, item.index())),
        }
    }

    /// The scores of all items for one user, `[n_items]`, with the bits of
    /// [`EmbeddingRanker::score`].
    pub(crate) fn scores_of(&self, user: UserId, out: &mut [f32]) {
        let query = self.row(&self.users, user.index());
        match &self.items {
            ItemTable::F32(items) => scores(query, items, self.dimension, out),
            ItemTable::Bf16(items) => scores(query, items, self.dimension, out),
        }
    }

    fn row<'t, T>(&self, table: &'t [T], n: usize) -> &'t [T] {
        &table[n * self.dimension..(n + 1) * self.dimension]
    }
}

fn check_users(users: Cow<'_, [f32]>, dimension: usize) -> Result<Cow<'_, [f32]>, RecommendError> {
    assert!(dimension > 0, "embeddings need at least one dimension");
    check_table("user", &users, dimension)?;
    Ok(users)
}

fn check_table<T: Element>(
    kind: &'static str,
    table: &[T],
    dimension: usize,
) -> Result<(), RecommendError> {
    assert!(
        table.len().is_multiple_of(dimension),
        "the {kind} table holds {} numbers, which is not a multiple of dimension {dimension}",
        table.len()
    );
    match table.iter().position(|x| !x.widen().is_finite()) {
        Some(place) => Err(not_finite(kind, place, dimension, table[place].widen())),
        None => Ok(()),
    }
}

fn not_finite(kind: &'static str, place: usize, dimension: usize, value: f32) -> RecommendError {
    RecommendError::EmbeddingNotFinite {
        kind,
        row: place / dimension,
        column: place % dimension,
        value,
    }
}

impl Ranker for EmbeddingRanker<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.users.len() / self.dimension
    }

    fn n_items(&self) -> usize {
        self.items.len() / self.dimension
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let mut lists = Vec::with_capacity(users.len());
        for block in users.chunks(BLOCK) {
            block.iter().for_each(|&u| check_user(u, self.n_users()));
            let rows: Vec<u32> = block.iter().map(|user| user.0).collect();
            let mut queries = vec![0.0; block.len() * self.dimension];
            gather_rows(&self.users, self.dimension, &rows, &mut queries);
            let excluded = |query: usize| excluded.of(block[query]);
            let best = match &self.items {
                ItemTable::F32(items) => top_k(&queries, items, self.dimension, k, excluded),
                ItemTable::Bf16(items) => top_k(&queries, items, self.dimension, k, excluded),
            };
            lists.extend(best.into_iter().map(|list| {
                let ranked = list.into_iter().map(|scored| Ranked {
                    item: ItemId(scored.item),
                    score: scored.score,
                });
                ranked.collect()
            }));
        }
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_go_to_the_lower_row_and_excluded_items_never_return() {
        let ranker =
            EmbeddingRanker::new("e", vec![1.0f32, 2.0], vec![1.0f32, 5.0, 5.0, 0.0], 1).unwrap();
        let excluded = Exclusions::from_lists([vec![], vec![ItemId(1)]]);
        let lists = ranker.top_k(&[UserId(1), UserId(0), UserId(1)], 2, &excluded);
        let items = |n: usize| lists[n].iter().map(|r| r.item.0).collect::<Vec<_>>();
        assert_eq!(items(0), [2, 0]);
        assert_eq!(items(1), [1, 2]);
        assert_eq!(lists[0], lists[2]);
        assert_eq!(ranker.top_k(&[UserId(1)], 99, &excluded)[0].len(), 3);
        assert!(ranker.top_k(&[UserId(1)], 0, &excluded)[0].is_empty());
        assert!(ranker.top_k(&[], 5, &excluded).is_empty());
    }

    #[test]
    fn one_table_of_nodes_is_the_two_tables() {
        let nodes = vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let owned = EmbeddingRanker::from_nodes("e", nodes.clone(), 1, 2).unwrap();
        let borrowed = EmbeddingRanker::from_nodes("e", &nodes[..], 1, 2).unwrap();
        assert_eq!((owned.n_users(), owned.n_items()), (1, 2));
        assert_eq!(owned.score(UserId(0), ItemId(1)), 17.0);
        let ask = |r: &EmbeddingRanker<'_>| r.top_k(&[UserId(0)], 2, &Exclusions::none());
        assert_eq!(ask(&owned), ask(&borrowed));
    }

    #[test]
    fn numbers_that_are_not_finite_are_named() {
        let error = EmbeddingRanker::new("e", vec![1.0, 1.0], vec![0.0, 0.0, 0.0, f32::NAN], 2);
        assert!(matches!(
            error,
            Err(RecommendError::EmbeddingNotFinite {
                kind: "item",
                row: 1,
                column: 1,
                ..
            })
        ));
    }

    #[test]
    fn numbers_that_16_bits_cannot_hold_are_named() {
        let ranker = EmbeddingRanker::new("e", vec![1.0, 1.0], vec![0.0, 0.0, f32::MAX, 0.0], 2);
        let error = ranker.unwrap().with_storage(Storage::Bf16);
        assert!(matches!(
            error,
            Err(RecommendError::EmbeddingNotFinite {
                kind: "item",
                row: 1,
                column: 0,
                value: f32::MAX,
            })
        ));
        let items = [Bf16::ONE, Bf16::NAN];
        let error = EmbeddingRanker::with_bf16_items("e", vec![1.0], &items[..], 1);
        assert!(matches!(
            error,
            Err(RecommendError::EmbeddingNotFinite { row: 1, .. })
        ));
    }

    /// Rounded once, the numbers rank with the same bits however they are kept and asked for.
    #[test]
    fn storage_changes_no_bit_of_rounded_numbers() {
        let wave = |n: usize, frequency: f32| -> Vec<f32> {
            (0..n).map(|i| (i as f32 * frequency).sin()).collect()
        };
        let (users, items) = (wave(9 * 20, 0.7), wave(500 * 20, 0.3));
        let exact = EmbeddingRanker::new("e", users, items, 20).unwrap();
        let rounded = exact.clone().with_storage(Storage::Bf16).unwrap();
        let wide = rounded.clone().with_storage(Storage::F32).unwrap();
        let kept = |r: &EmbeddingRanker<'_>| (r.storage(), r.n_items(), r.n_users());
        assert_eq!(kept(&exact), (Storage::F32, 500, 9));
        assert_eq!(kept(&rounded), (Storage::Bf16, 500, 9));
        assert_eq!(kept(&wide), (Storage::F32, 500, 9));

        let users: Vec<UserId> = (0..9).map(UserId).collect();
        let bits = |ranker: &EmbeddingRanker<'_>, users: &[UserId]| -> Vec<(u32, u32)> {
            let lists = ranker.top_k(users, 30, &Exclusions::none());
            let all = lists.into_iter().flatten();
            all.map(|r| (r.item.0, r.score.to_bits())).collect()
        };
        let together = bits(&rounded, &users);
        assert_eq!(together, bits(&wide, &users));
        assert_ne!(together, bits(&exact, &users));
        for (user, list) in users.iter().zip(together.chunks(30)) {
            assert_eq!(bits(&rounded, &[*user]), list);
            for &(item, score) in list {
                assert_eq!(rounded.score(*user, ItemId(item)).to_bits(), score);
            }
        }
    }

    #[test]
    fn items_in_16_bits_are_borrowed_or_owned() {
        let items = [3.0, 5.0, 4.0].map(Bf16::from_f32);
        for ranker in [
            EmbeddingRanker::with_bf16_items("e", vec![2.0], &items[..], 1).unwrap(),
            EmbeddingRanker::with_bf16_items("e", vec![2.0], items.to_vec(), 1).unwrap(),
        ] {
            let list = &ranker.top_k(&[UserId(0)], 2, &Exclusions::none())[0];
            let list: Vec<(u32, f32)> = list.iter().map(|r| (r.item.0, r.score)).collect();
            assert_eq!(list, [(1, 10.0), (2, 8.0)]);
        }
    }

    #[test]
    #[should_panic(expected = "not a multiple of dimension 2")]
    fn a_ragged_table_panics() {
        let _ = EmbeddingRanker::new("e", vec![1.0], vec![0.0, 0.0], 2);
    }

    #[test]
    fn more_users_than_a_block_are_asked_in_their_order() {
        let n = 2 * BLOCK as u32 + 3;
        let users: Vec<f32> = (0..n)
            .map(|u| if u % 3 == 0 { -1.0 } else { 1.0 })
            .collect();
        let ranker = EmbeddingRanker::new("e", users, vec![1.0f32, 2.0], 1).unwrap();
        let excluded = Exclusions::from_lists((0..n).map(|u| match u % 5 {
            0 => vec![ItemId(1)],
            _ => vec![],
        }));
        let asked: Vec<UserId> = (0..n).rev().map(UserId).collect();
        let lists = ranker.top_k(&asked, 1, &excluded);
        assert_eq!(lists.len(), asked.len());
        for (user, list) in asked.iter().zip(&lists) {
            let best = u32::from(user.0 % 3 != 0 && user.0 % 5 != 0);
            assert_eq!(list[0].item, ItemId(best), "user {user}");
        }
    }

    proptest! {
        #[test]
        fn equals_a_full_sort(
            users in prop::collection::vec(-3i8..4, 4 * 3),
            items in prop::collection::vec(-3i8..4, 9 * 3),
            masks in prop::collection::vec(prop::collection::vec(0u32..9, 0..6), 4),
            k in 0usize..12,
        ) {
            // Whole numbers: the items are exact in any order of summation.
            let float = |v: &[i8]| v.iter().map(|&x| f32::from(x)).collect::<Vec<f32>>();
            let ranker = EmbeddingRanker::new("e", float(&users), float(&items), 3).unwrap();
            let lists = masks.iter().map(|m| m.iter().map(|&i| ItemId(i)).collect());
            let excluded = Exclusions::from_lists(lists);
            let asked: Vec<UserId> = (0..4).map(UserId).collect();
            let got = ranker.top_k(&asked, k, &excluded);
            for user in asked {
                let mut all: Vec<(i32, u32)> = (0..9u32)
                    .filter(|i| !masks[user.index()].contains(i))
                    .map(|i| {
                        let dot = (0..3).map(|d| {
                            i32::from(users[user.index() * 3 + d]) * i32::from(items[i as usize * 3 + d])
                        });
                        (-dot.sum::<i32>(), i)
                    })
                    .collect();
                all.sort_unstable();
                all.truncate(k);
                let list: Vec<(i32, u32)> =
                    got[user.index()].iter().map(|r| (-(r.score as i32), r.item.0)).collect();
                prop_assert_eq!(list, all);
            }
        }
    }
}
