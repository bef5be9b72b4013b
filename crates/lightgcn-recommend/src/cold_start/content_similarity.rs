//! The similarity of an item without events to a user's history, by category, brand and price.

use crate::cold_start::content::ContentMap;
use lightgcn_core::{Catalogue, ItemDetails, ItemId};
use std::collections::HashMap;

/// The exponent of the cosine of two items' attributes: an item that shares category, brand and
/// price counts for much more than one that shares only the category.
const POWER: i32 = 4;

/// Items by kind: those of one kind have the same attributes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kinds {
    /// The attributes of each kind, a vector of length 1: columns ascending, each with its number.
    vectors: Vec<Vec<(u32, f64)>>,
    known: HashMap<Vec<u32>, u32>,
    /// The kind of each item, by row; `None` if no attribute is known.
    of_row: Vec<Option<u32>>,
}

/// A history by kind: each kind's share of the weight.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shares(Vec<(u32, f64)>);

impl Kinds {
    /// The kinds of all items of a catalogue.
    pub(crate) fn new(catalogue: &Catalogue, map: &ContentMap) -> Self {
        let mut kinds = Self::default();
        for row in 0..catalogue.prices().len() as u32 {
            kinds.push(&catalogue.get(ItemId(row)), map);
        }
        kinds
    }

    /// One more item.
    pub(crate) fn push(&mut self, details: &ItemDetails, map: &ContentMap) {
        let vector = map.vector(details);
        if vector.is_empty() {
            self.of_row.push(None);
            return;
        }
        let columns: Vec<u32> = vector.iter().map(|(column, _)| *column).collect();
        let next = self.vectors.len() as u32;
        let kind = *self.known.entry(columns).or_insert(next);
        if kind == next {
            self.vectors.push(vector);
        }
        self.of_row.push(Some(kind));
    }

    /// The kind of an item.
    pub(crate) fn of(&self, item: ItemId) -> Option<u32> {
        self.of_row[item.index()]
    }

    /// The similarity of two kinds, from 0 to 1.
    pub(crate) fn similarity(&self, a: u32, b: u32) -> f64 {
        let (mut a, mut b) = (&self.vectors[a as usize][..], &self.vectors[b as usize][..]);
        let mut sum = 0.0;
        while let ([first, rest_a @ ..], [second, rest_b @ ..]) = (a, b) {
            match first.0.cmp(&second.0) {
                std::cmp::Ordering::Less => a = rest_a,
                std::cmp::Ordering::Greater => b = rest_b,
                std::cmp::Ordering::Equal => {
                    sum += first.1 * second.1;
                    (a, b) = (rest_a, rest_b);
                }
            }
        }
        sum.powi(POWER)
    }

    /// The shares of a history of items and weights, of which only positive ones count. Items without
    /// attributes count toward the total.
    pub(crate) fn shares(&self, history: impl Iterator<Item = (ItemId, f64)>) -> Shares {
        let mut total = 0.0;
        let mut sums: Vec<(u32, f64)> = Vec::new();
        for (item, weight) in history.filter(|(_, weight)| *weight > 0.0) {
            total += weight;
            sums.extend(self.of(item).map(|kind| (kind, weight)));
        }
        sums.sort_by_key(|(kind, _)| *kind);
        sums.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            if same {
                sum.1 += next.1;
            }
            same
        });
        sums.iter_mut().for_each(|(_, sum)| *sum /= total);
        Shares(sums)
    }

    /// The similarity of items to a history.
    pub(crate) fn similarity_to<'a>(&'a self, shares: &'a Shares) -> Similarity<'a> {
        Similarity {
            kinds: self,
            shares,
            found: HashMap::new(),
        }
    }
}

impl Shares {
    /// Whether no item of the history has attributes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The similarity of items to a history, each kind compared once.
pub(crate) struct Similarity<'a> {
    kinds: &'a Kinds,
    shares: &'a Shares,
    found: HashMap<u32, f64>,
}

impl Similarity<'_> {
    /// The similarity of an item to the history, from 0 to 1: that to each of its items, by share.
    pub(crate) fn of(&mut self, item: ItemId) -> f64 {
        let Some(kind) = self.kinds.of(item) else {
            return 0.0;
        };
        let (kinds, shares) = (self.kinds, self.shares);
        *self.found.entry(kind).or_insert_with(|| {
            let parts = shares.0.iter();
            parts
                .map(|&(mine, share)| share * kinds.similarity(mine, kind))
                .sum()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(category: &str, brand: &str) -> ItemDetails {
        ItemDetails {
            category_id: None,
            category_code: Some(category.to_owned()),
            brand: Some(brand.to_owned()),
            price: None,
            ..ItemDetails::default()
        }
    }

    fn shop() -> (Catalogue, ContentMap) {
        let all = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("a", "x")];
        let mut details: Vec<ItemDetails> = all.iter().map(|(c, b)| item(c, b)).collect();
        details.push(ItemDetails::default());
        let catalogue = Catalogue::from_details(details);
        let known: Vec<u32> = (0..6).collect();
        let (map, _) = ContentMap::fit(&catalogue, &known, &[0.5; 6], 1).unwrap();
        (catalogue, map)
    }

    #[test]
    fn items_with_equal_attributes_are_of_one_kind() {
        let (catalogue, map) = shop();
        let mut kinds = Kinds::new(&catalogue, &map);
        assert_eq!(kinds.of(ItemId(0)), kinds.of(ItemId(4)));
        assert_ne!(kinds.of(ItemId(0)), kinds.of(ItemId(1)));
        assert_eq!(kinds.of(ItemId(5)), None);
        kinds.push(&item("b", "y"), &map);
        assert_eq!(kinds.of(ItemId(6)), kinds.of(ItemId(3)));
        kinds.push(&item("unheard", "of"), &map);
        assert_eq!(kinds.of(ItemId(7)), None);
    }

    #[test]
    fn similarity_is_one_for_equal_attributes_and_falls_with_each_difference() {
        let (catalogue, map) = shop();
        let kinds = Kinds::new(&catalogue, &map);
        let kind = |row: u32| kinds.of(ItemId(row)).unwrap();
        assert!((kinds.similarity(kind(0), kind(0)) - 1.0).abs() < 1e-12);
        // The category is two columns, its name and its part.
        let (category, brand) = (
            kinds.similarity(kind(0), kind(1)),
            kinds.similarity(kind(0), kind(2)),
        );
        assert!(category > brand && brand > 0.0 && category < 1.0);
        assert_eq!(kinds.similarity(kind(0), kind(3)), 0.0);
    }

    #[test]
    fn items_like_the_history_are_similar_to_it() {
        let (catalogue, map) = shop();
        let kinds = Kinds::new(&catalogue, &map);
        let history = [(0, 1.0), (4, 2.0), (3, 1.0), (5, 1.0), (1, -1.0)];
        let history = history.iter().map(|&(item, weight)| (ItemId(item), weight));
        let shares = kinds.shares(history);
        let kind = |row: u32| kinds.of(ItemId(row)).unwrap();
        assert_eq!(shares, Shares(vec![(kind(0), 0.6), (kind(3), 0.2)]));
        let mut similarity = kinds.similarity_to(&shares);
        assert!((similarity.of(ItemId(4)) - 0.6).abs() < 1e-12);
        assert_eq!(similarity.of(ItemId(5)), 0.0);
        assert_eq!(kinds.shares(std::iter::empty()), Shares::default());
    }
}
