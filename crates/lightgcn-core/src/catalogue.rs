//! What is known of the items: category, brand, price.

use crate::{CoreError, ItemId};

const MISSING: u32 = u32::MAX;

/// A column of labels, each stored once, with a code per item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelColumn {
    labels: Vec<String>,
    codes: Vec<u32>,
}

impl LabelColumn {
    /// The column of one optional label per item. Labels are numbered by first use.
    #[must_use]
    pub fn from_labels<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> Self {
        let mut column = Self::default();
        let mut known: hashbrown::HashMap<String, u32> = hashbrown::HashMap::new();
        for value in values {
            let code = value.map_or(MISSING, |label| {
                let label = label.as_ref();
                *known.entry_ref(label).or_insert_with(|| {
                    column.labels.push(label.to_owned());
                    column.labels.len() as u32 - 1
                })
            });
            column.codes.push(code);
        }
        column
    }

    /// Rebuilds a column from its labels and codes (`u32::MAX` where an item has no label).
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if a code has no label.
    pub fn from_parts(labels: Vec<String>, codes: Vec<u32>) -> Result<Self, CoreError> {
        let bad = codes
            .iter()
            .position(|&c| c != MISSING && c as usize >= labels.len());
        if let Some(row) = bad {
            return Err(CoreError::Damaged {
                what: "catalogue",
                detail: format!(
                    "item row {row} has label {} of {}",
                    codes[row],
                    labels.len()
                ),
            });
        }
        Ok(Self { labels, codes })
    }

    /// The distinct labels, in the order of their codes.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// One code per item; `u32::MAX` where it has no label.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The label of an item, or none.
    #[must_use]
    pub fn get(&self, item: ItemId) -> Option<&str> {
        let code = *self.codes.get(item.index())?;
        self.labels.get(code as usize).map(String::as_str)
    }
}

/// What is known of one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemDetails {
    /// The shop's category id.
    pub category_id: Option<String>,
    /// The category's readable code, such as `apparel.glove`.
    pub category_code: Option<String>,
    /// The brand.
    pub brand: Option<String>,
    /// The last known price, in the log's currency.
    pub price: Option<f64>,
}

/// What is known of every item, one row each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    category_id: LabelColumn,
    category_code: LabelColumn,
    brand: LabelColumn,
    price: Vec<Option<f64>>,
}

impl Catalogue {
    /// A catalogue of `n_items` items of which nothing is known.
    #[must_use]
    pub fn unknown(n_items: usize) -> Self {
        Self::from_details((0..n_items).map(|_| ItemDetails::default()))
    }

    /// The catalogue of items given in the order of their rows.
    #[must_use]
    pub fn from_details(details: impl IntoIterator<Item = ItemDetails>) -> Self {
        let details: Vec<ItemDetails> = details.into_iter().collect();
        Self {
            category_id: LabelColumn::from_labels(details.iter().map(|d| d.category_id.as_ref())),
            category_code: LabelColumn::from_labels(
                details.iter().map(|d| d.category_code.as_ref()),
            ),
            brand: LabelColumn::from_labels(details.iter().map(|d| d.brand.as_ref())),
            price: details.iter().map(|d| d.price).collect(),
        }
    }

    /// Rebuilds a catalogue from its columns.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the columns differ in length or a price is not finite.
    pub fn from_columns(
        category_id: LabelColumn,
        category_code: LabelColumn,
        brand: LabelColumn,
        price: Vec<Option<f64>>,
    ) -> Result<Self, CoreError> {
        let lengths = [&category_id, &category_code, &brand].map(|c| c.codes.len());
        if lengths.iter().any(|&length| length != price.len()) {
            return Err(CoreError::Damaged {
                what: "catalogue",
                detail: format!("its columns hold {lengths:?} and {} rows", price.len()),
            });
        }
        if let Some(row) = price.iter().position(|p| p.is_some_and(|p| !p.is_finite())) {
            return Err(CoreError::Damaged {
                what: "catalogue",
                detail: format!("the price of item row {row} is not finite"),
            });
        }
        Ok(Self {
            category_id,
            category_code,
            brand,
            price,
        })
    }

    /// How many items there are.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.price.len()
    }

    /// The shop's category ids.
    #[must_use]
    pub fn category_id(&self) -> &LabelColumn {
        &self.category_id
    }

    /// The categories' readable codes.
    #[must_use]
    pub fn category_code(&self) -> &LabelColumn {
        &self.category_code
    }

    /// The brands.
    #[must_use]
    pub fn brand(&self) -> &LabelColumn {
        &self.brand
    }

    /// The last known prices, in the log's currency.
    #[must_use]
    pub fn prices(&self) -> &[Option<f64>] {
        &self.price
    }

    /// What is known of one item; nothing beyond the last row.
    #[must_use]
    pub fn get(&self, item: ItemId) -> ItemDetails {
        ItemDetails {
            category_id: self.category_id.get(item).map(str::to_owned),
            category_code: self.category_code.get(item).map(str::to_owned),
            brand: self.brand.get(item).map(str::to_owned),
            price: self.price.get(item.index()).copied().flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_shared_and_missing_ones_stay_missing() {
        let brand = |b: Option<&str>| ItemDetails {
            brand: b.map(str::to_owned),
            price: Some(1.5),
            ..ItemDetails::default()
        };
        let c =
            Catalogue::from_details([brand(Some("runail")), brand(None), brand(Some("runail"))]);
        assert_eq!(c.brand().labels(), ["runail"]);
        assert_eq!(c.get(ItemId(2)), brand(Some("runail")));
        assert_eq!(c.get(ItemId(1)).brand, None);
        assert_eq!(c.get(ItemId(9)), ItemDetails::default());
    }

    #[test]
    fn damaged_columns_are_errors() {
        assert!(LabelColumn::from_parts(vec!["a".into()], vec![0, MISSING]).is_ok());
        assert!(LabelColumn::from_parts(vec!["a".into()], vec![1]).is_err());
        let empty = LabelColumn::default;
        assert!(Catalogue::from_columns(empty(), empty(), empty(), vec![None]).is_err());
        let one = || LabelColumn::from_labels([None::<&str>]);
        assert!(Catalogue::from_columns(one(), one(), one(), vec![Some(f64::NAN)]).is_err());
    }
}
