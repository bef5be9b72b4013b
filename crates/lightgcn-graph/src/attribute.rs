//! Attributes of items that become nodes.

use crate::GraphError;
use lightgcn_core::{Catalogue, LabelColumn};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// An attribute of items whose values become nodes: an item has an edge to each value it has.
///
/// Its name in files, which is also the name of the node kind, is shown in the second column.
///
/// | variant | name | a node for each |
/// |---|---|---|
/// | `CategoryId` | `category_id` | category id |
/// | `Category` | `category` | distinct prefix of the category codes, the codes themselves among them |
/// | `CategoryLevel(n)` | `category:n` | distinct prefix of `n` parts of the category codes |
/// | `Brand` | `brand` | brand |
/// | `Price(n)` | `price:n` | of up to `n` price ranges with about as many items each |
/// | `PriceInCategory(n)` | `price_in_category:n` | of up to `n` price levels, from cheap to dear for its category |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemAttribute {
    /// The shop's category ids.
    CategoryId,
    /// The first parts of the category codes: level 1 of `apparel.shoes.boots` is `apparel`, level
    /// 2 is `apparel.shoes`. Items whose code has fewer parts have no such node.
    CategoryLevel(NonZeroU16),
    /// All levels of the category codes: `apparel.shoes.boots` is an `apparel`, an `apparel.shoes` and an
    /// `apparel.shoes.boots`.
    Category,
    /// The brands.
    Brand,
    /// The prices, in this many ranges; equal prices share a range, so there may be fewer.
    Price(NonZeroU16),
    /// Where the price stands among those of the item's category, as one of this many levels that all
    /// categories share: the share of the category's prices that are lower, half of the equal ones
    /// counting. Categories are those of the category code or else of the category id; items without
    /// either are compared with each other. After the rank-based quantization of Zheng et al.,
    /// *Price-aware Recommendation with Graph Convolutional Networks*, ICDE 2020, section III.
    PriceInCategory(NonZeroU16),
}

impl ItemAttribute {
    /// The values of the attribute and which of them each item has: one column, or one for each level of a
    /// category.
    ///
    /// O(items), for prices O(items · log items).
    #[must_use]
    pub fn columns(&self, catalogue: &Catalogue) -> Vec<LabelColumn> {
        match self {
            Self::CategoryId => vec![catalogue.category_id().clone()],
            Self::Brand => vec![catalogue.brand().clone()],
            Self::CategoryLevel(level) => vec![category_level(catalogue, level.get().into())],
            Self::Category => {
                let levels = (1..).map(|level| category_level(catalogue, level));
                levels
                    .take_while(|column| !column.labels().is_empty())
                    .collect()
            }
            Self::Price(ranges) => vec![price_ranges(catalogue.prices(), ranges.get().into())],
            Self::PriceInCategory(levels) => vec![price_levels(catalogue, levels.get().into())],
        }
    }
}

fn category_level(catalogue: &Catalogue, level: usize) -> LabelColumn {
    let codes = catalogue.category_code();
    let labels = codes.labels();
    LabelColumn::from_labels(codes.codes().iter().map(|&code| {
        let label = labels.get(code as usize)?;
        prefix(label, level)
    }))
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

/// The level of each price within its category, from 1.
fn price_levels(catalogue: &Catalogue, levels: usize) -> LabelColumn {
    let category = |item: usize| {
        let [codes, ids] =
            [catalogue.category_code(), catalogue.category_id()].map(|labels| labels.codes()[item]);
        match codes as usize >= catalogue.category_code().labels().len() {
            true => (1, ids),
            false => (0, codes),
        }
    };
    let prices = catalogue.prices();
    let mut of_category: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for (item, price) in prices.iter().enumerate() {
        of_category.entry(category(item)).or_default().extend(price);
    }
    for prices in of_category.values_mut() {
        prices.sort_unstable_by(f64::total_cmp);
    }
    let level = |(item, price): (usize, &Option<f64>)| {
        let price = (*price)?;
        let among = of_category.get(&category(item))?;
        let lower = among.partition_point(|&other| other < price);
        let not_higher = among.partition_point(|&other| other <= price);
        let level = (lower + not_higher) * levels / (2 * among.len());
        Some(format!("{} of {levels}", level + 1))
    };
    LabelColumn::from_labels(prices.iter().enumerate().map(level))
}

impl fmt::Display for ItemAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CategoryId => f.pad("category_id"),
            Self::CategoryLevel(level) => f.pad(&format!("category:{level}")),
            Self::Category => f.pad("category"),
            Self::Brand => f.pad("brand"),
            Self::Price(ranges) => f.pad(&format!("price:{ranges}")),
            Self::PriceInCategory(levels) => f.pad(&format!("price_in_category:{levels}")),
        }
    }
}

impl FromStr for ItemAttribute {
    type Err = GraphError;

    fn from_str(name: &str) -> Result<Self, GraphError> {
        let number = |text: &str| text.parse().ok();
        let attribute = match name.split_once(':') {
            None if name == "category_id" => Some(Self::CategoryId),
            None if name == "category" => Some(Self::Category),
            None if name == "brand" => Some(Self::Brand),
            Some(("category", level)) => number(level).map(Self::CategoryLevel),
            Some(("price", ranges)) => number(ranges).map(Self::Price),
            Some(("price_in_category", levels)) => number(levels).map(Self::PriceInCategory),
            _ => None,
        };
        attribute.ok_or_else(|| {
            let known = [
                "category_id",
                "category",
                "category:1",
                "brand",
                "price:10",
                "price_in_category:10",
            ];
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
        let column = attribute.columns(&catalogue).remove(0);
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
    fn every_level_of_a_category_is_a_column() {
        let item = |code: Option<&str>| ItemDetails {
            category_code: code.map(str::to_owned),
            ..ItemDetails::default()
        };
        let items = [Some("apparel.shoes"), Some("toys"), None].map(item);
        let columns = ItemAttribute::Category.columns(&Catalogue::from_details(items));
        let labels: Vec<_> = columns.iter().map(|column| column.labels()).collect();
        assert_eq!(labels, [&["apparel", "toys"][..], &["apparel.shoes"]]);
        let none = ItemAttribute::Category.columns(&Catalogue::unknown(3));
        assert_eq!(none, []);
    }

    #[test]
    fn prices_are_compared_within_their_category() {
        let item = |(category, price): (&str, Option<f64>)| ItemDetails {
            category_code: Some(category.to_owned()).filter(|c| !c.is_empty()),
            price,
            ..ItemDetails::default()
        };
        let items = [
            ("phone", Some(100.0)),
            ("phone", Some(900.0)),
            ("soap", Some(1.0)),
            ("soap", Some(2.0)),
            ("soap", Some(2.0)),
            ("soap", Some(9.0)),
            ("soap", None),
            ("", Some(5.0)), // the only one without a category: in the middle
        ];
        let expected = [
            "1 of 2", "2 of 2", "1 of 2", "2 of 2", "2 of 2", "2 of 2", "-", "2 of 2",
        ];
        assert_eq!(values("price_in_category:2", items.map(item)), expected);
        let expected = [
            "2 of 4", "4 of 4", "1 of 4", "3 of 4", "3 of 4", "4 of 4", "-", "3 of 4",
        ];
        assert_eq!(values("price_in_category:4", items.map(item)), expected);
    }

    #[test]
    fn names_come_back_and_unknown_ones_are_errors() {
        for name in [
            "category_id",
            "category",
            "category:3",
            "brand",
            "price:20",
            "price_in_category:5",
        ] {
            let attribute: ItemAttribute = name.parse().unwrap();
            assert_eq!(attribute.to_string(), name);
        }
        for name in [
            "color",
            "categories",
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
