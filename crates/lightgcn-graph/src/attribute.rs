//! Attributes of items that become nodes.

use crate::GraphError;
use lightgcn_core::{Catalogue, LabelColumn};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// An attribute of items whose values become nodes: an item has an edge to the value it has.
///
/// Its name in files, which is also the name of the node kind, is shown in the second column.
///
/// | variant | name | a node for each |
/// |---|---|---|
/// | `CategoryId` | `category_id` | category id |
/// | `CategoryLevel(n)` | `category:n` | distinct prefix of `n` parts of the category codes |
/// | `Brand` | `brand` | brand |
/// | `Price(n)` | `price:n` | of up to `n` price ranges with about as many items each |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemAttribute {
    /// The shop's category ids.
    CategoryId,
    /// The first parts of the category codes: level 1 of `apparel.shoes.boots` is `apparel`, level
    /// 2 is `apparel.shoes`. Items whose code has fewer parts have no such node.
    CategoryLevel(NonZeroU16),
    /// The brands.
    Brand,
    /// The prices, in this many ranges; equal prices share a range, so there may be fewer.
    Price(NonZeroU16),
}

impl ItemAttribute {
    /// The values of the attribute and which of them each item has.
    ///
    /// O(items), for prices O(items · log items).
    #[must_use]
    pub fn column(&self, catalogue: &Catalogue) -> LabelColumn {
        match self {
            Self::CategoryId => catalogue.category_id().clone(),
            Self::Brand => catalogue.brand().clone(),
            Self::CategoryLevel(level) => {
                let codes = catalogue.category_code();
                let labels = codes.labels();
                LabelColumn::from_labels(codes.codes().iter().map(|&code| {
                    let label = labels.get(code as usize)?;
                    prefix(label, usize::from(level.get()))
                }))
            }
            Self::Price(ranges) => price_ranges(catalogue.prices(), usize::from(ranges.get())),
        }
    }
}

/// The first `level` parts of a category code, if it has as many.
fn prefix(code: &str, level: usize) -> Option<&str> {
    let mut ends = code.match_indices('.').map(|(at, _)| at);
    match ends.nth(level - 1) {
        Some(end) => Some(&code[..end]),
        None => (code.split('.').count() == level).then_some(code),
    }
}

/// Cuts the sorted prices into ranges of equal counts, labeled by their lowest price.
fn price_ranges(prices: &[Option<f64>], ranges: usize) -> LabelColumn {
    let mut sorted: Vec<f64> = prices.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let first = |range: usize| sorted[range * sorted.len() / ranges];
    let mut lowest: Vec<f64> = match sorted.is_empty() {
        true => Vec::new(),
        false => (0..ranges).map(first).collect(),
    };
    lowest.dedup();
    let labels = prices.iter().map(|price| {
        let above = lowest.partition_point(|&low| price.is_some_and(|price| low <= price));
        (above > 0).then(|| lowest[above - 1].to_string())
    });
    LabelColumn::from_labels(labels)
}

impl fmt::Display for ItemAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CategoryId => f.pad("category_id"),
            Self::CategoryLevel(level) => f.pad(&format!("category:{level}")),
            Self::Brand => f.pad("brand"),
            Self::Price(ranges) => f.pad(&format!("price:{ranges}")),
        }
    }
}

impl FromStr for ItemAttribute {
    type Err = GraphError;

    fn from_str(name: &str) -> Result<Self, GraphError> {
        let number = |text: &str| text.parse().ok();
        let attribute = match name.split_once(':') {
            None if name == "category_id" => Some(Self::CategoryId),
            None if name == "brand" => Some(Self::Brand),
            Some(("category", level)) => number(level).map(Self::CategoryLevel),
            Some(("price", ranges)) => number(ranges).map(Self::Price),
            _ => None,
        };
        attribute.ok_or_else(|| {
            let known = ["category_id", "category:1", "brand", "price:10"];
            GraphError::unknown("attribute", name, known)
        })
    }
}

impl Serialize for ItemAttribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItemAttribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::ItemDetails;

    fn values(attribute: &str, details: impl IntoIterator<Item = ItemDetails>) -> Vec<String> {
        let catalogue = Catalogue::from_details(details);
        let attribute: ItemAttribute = attribute.parse().unwrap();
        let column = attribute.column(&catalogue);
        (0..catalogue.n_items() as u32)
            .map(|n| column.get(lightgcn_core::ItemId(n)).unwrap_or("-").into())
            .collect()
    }

    #[test]
    fn category_levels_are_prefixes_of_the_code() {
        let items = || {
            ["apparel.shoes.boots", "apparel.shoes", "apparel", "toys"].map(|code| ItemDetails {
                category_code: Some(code.to_owned()),
                ..ItemDetails::default()
            })
        };
        let expected = ["apparel", "apparel", "apparel", "toys"];
        assert_eq!(values("category:1", items()), expected);
        let expected = ["apparel.shoes", "apparel.shoes", "-", "-"];
        assert_eq!(values("category:2", items()), expected);
        let expected = ["apparel.shoes.boots", "-", "-", "-"];
        assert_eq!(values("category:3", items()), expected);
    }

    #[test]
    fn price_ranges_hold_equal_counts_and_equal_prices() {
        let items = |prices: &[Option<f64>]| -> Vec<ItemDetails> {
            let item = |&price: &Option<f64>| ItemDetails {
                price,
                ..ItemDetails::default()
            };
            prices.iter().map(item).collect()
        };
        let prices = [Some(9.5), None, Some(1.0), Some(2.0), Some(30.0)];
        let expected = ["9.5", "-", "1", "1", "9.5"];
        assert_eq!(values("price:2", items(&prices)), expected);
        let expected = ["9.5", "-", "1", "2", "30"];
        assert_eq!(values("price:9", items(&prices)), expected);
        let same = [Some(3.0), Some(3.0), Some(3.0)];
        assert_eq!(values("price:2", items(&same)), ["3", "3", "3"]);
        assert_eq!(values("price:2", items(&[None])), ["-"]);
    }

    #[test]
    fn names_come_back_and_unknown_ones_are_errors() {
        for name in ["category_id", "category:3", "brand", "price:20"] {
            let attribute: ItemAttribute = name.parse().unwrap();
            assert_eq!(attribute.to_string(), name);
        }
        for name in [
            "color",
            "category",
            "category:0",
            "price:",
            "price:70000",
            "brand:1",
        ] {
            let error = name.parse::<ItemAttribute>().unwrap_err();
            let GraphError::Unknown { what, given, .. } = error else {
                panic!("{error:?}");
            };
            assert_eq!((what, given.as_str()), ("attribute", name));
        }
    }
}
