//! The items' metadata: category, brand, price, and how they are shown.

use crate::{CoreError, ItemDetails, ItemId, LabelColumn, Listings};
use std::collections::HashMap;
use std::sync::Arc;

/// The metadata of every item, one row each. Clones share the columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    category_id: LabelColumn,
    category_code: LabelColumn,
    brand: LabelColumn,
    price: Arc<Vec<Option<f64>>>,
    listings: Listings,
}

impl Catalogue {
    /// A catalogue of `n_items` items without metadata.
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
            price: Arc::new(details.iter().map(|d| d.price).collect()),
            listings: Listings::from_details(details.iter()),
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
        let lengths = [&category_id, &category_code, &brand].map(|c| c.codes().len());
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
            price: Arc::new(price),
            listings: Listings::default(),
        })
    }

    /// The same catalogue with these titles, addresses and stock.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if a column is not empty and its length differs from the catalogue's,
    /// or if a title or an address is invalid.
    pub fn with_listings(self, listings: Listings) -> Result<Self, CoreError> {
        listings.check(self.n_items())?;
        Ok(Self { listings, ..self })
    }

    /// The same catalogue with changed details of some items; rows beyond the last one are ignored.
    /// Unchanged columns are shared. O(items · changed columns).
    #[must_use]
    pub fn with_changes(&self, changes: &HashMap<ItemId, ItemDetails>) -> Self {
        let rows = || (0..self.n_items() as u32).map(ItemId);
        let changed = || {
            changes
                .iter()
                .filter(|(item, _)| item.index() < self.n_items())
        };
        let labels = |column: &LabelColumn, get: fn(&ItemDetails) -> Option<&str>| {
            if changed().all(|(&item, details)| column.get(item) == get(details)) {
                return column.clone();
            }
            let label = |item| changes.get(&item).map_or_else(|| column.get(item), get);
            LabelColumn::from_labels(rows().map(label))
        };
        let listings = &self.listings;
        Self {
            category_id: labels(&self.category_id, |d| d.category_id.as_deref()),
            category_code: labels(&self.category_code, |d| d.category_code.as_deref()),
            brand: labels(&self.brand, |d| d.brand.as_deref()),
            price: self.changed(&self.price, changes, |d| d.price),
            listings: Listings {
                title: labels(&listings.title, |d| d.title.as_deref()),
                image_url: labels(&listings.image_url, |d| d.image_url.as_deref()),
                page_url: labels(&listings.page_url, |d| d.page_url.as_deref()),
                in_stock: self.changed(&listings.in_stock, changes, |d| d.in_stock),
                expires_at: self.changed(&listings.expires_at, changes, |d| d.expires_at),
            },
        }
    }

    /// A column of values after changes.
    fn changed<T: Copy + PartialEq>(
        &self,
        column: &Arc<Vec<Option<T>>>,
        changes: &HashMap<ItemId, ItemDetails>,
        get: fn(&ItemDetails) -> Option<T>,
    ) -> Arc<Vec<Option<T>>> {
        let n_items = self.n_items();
        let mut column = Arc::clone(column);
        for (item, details) in changes {
            let (row, value) = (item.index(), get(details));
            if row < n_items && column.get(row).copied().flatten() != value {
                let values = Arc::make_mut(&mut column);
                values.resize(n_items, None);
                values[row] = value;
            }
        }
        column
    }

    /// The number of items.
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

    /// How the items are shown, and whether they are available.
    #[must_use]
    pub fn listings(&self) -> &Listings {
        &self.listings
    }

    /// The metadata of one item; empty beyond the last row.
    #[must_use]
    pub fn get(&self, item: ItemId) -> ItemDetails {
        let listings = &self.listings;
        ItemDetails {
            category_id: self.category_id.get(item).map(str::to_owned),
            category_code: self.category_code.get(item).map(str::to_owned),
            brand: self.brand.get(item).map(str::to_owned),
            price: self.price.get(item.index()).copied().flatten(),
            title: listings.title.get(item).map(str::to_owned),
            image_url: listings.image_url.get(item).map(str::to_owned),
            page_url: listings.page_url.get(item).map(str::to_owned),
            in_stock: listings.in_stock.get(item.index()).copied().flatten(),
            expires_at: listings.expires_at.get(item.index()).copied().flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label_column::MISSING;

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
    fn changes_leave_other_columns_shared() {
        let before = Catalogue::from_details((0..3).map(|n| ItemDetails {
            brand: Some(format!("brand {n}")),
            price: Some(f64::from(n)),
            ..ItemDetails::default()
        }));
        let change = ItemDetails {
            price: Some(9.5),
            title: Some("Lamp".to_owned()),
            in_stock: Some(false),
            ..before.get(ItemId(1))
        };
        let changes = HashMap::from([(ItemId(1), change.clone()), (ItemId(7), change.clone())]);
        let after = before.with_changes(&changes);
        assert_eq!(after.get(ItemId(1)), change);
        for item in [ItemId(0), ItemId(2)] {
            assert_eq!(after.get(item), before.get(item));
        }
        assert!(std::ptr::eq(after.brand.codes(), before.brand.codes()));
        assert!(!Arc::ptr_eq(&after.price, &before.price));
        assert_eq!(after.listings().image_url, LabelColumn::default());
        assert_eq!(
            (after.n_items(), before.get(ItemId(1)).price),
            (3, Some(1.0))
        );
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
