//! How items are shown, and whether they are available.

use crate::{CoreError, ItemDetails, ItemId, LabelColumn, check_title, check_url};
use std::sync::Arc;

/// Titles, addresses and stock of the items: one column each, empty if no item has a value. Clones
/// share the columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listings {
    /// Titles, as [`check_title`] gives them.
    pub title: LabelColumn,
    /// Addresses of pictures ([`check_url`]).
    pub image_url: LabelColumn,
    /// Addresses of the items' pages ([`check_url`]).
    pub page_url: LabelColumn,
    /// Whether each item is in stock.
    pub in_stock: Arc<Vec<Option<bool>>>,
    /// When each item stops being offered, in seconds since 1970.
    pub expires_at: Arc<Vec<Option<i64>>>,
}

impl Listings {
    /// The columns of items given in the order of their rows.
    #[must_use]
    pub fn from_details<'a>(details: impl Iterator<Item = &'a ItemDetails> + Clone) -> Self {
        let labels = |get: fn(&ItemDetails) -> Option<&String>| {
            if_any(LabelColumn::from_labels(details.clone().map(get)))
        };
        Self {
            title: labels(|d| d.title.as_ref()),
            image_url: labels(|d| d.image_url.as_ref()),
            page_url: labels(|d| d.page_url.as_ref()),
            in_stock: known(details.clone().map(|d| d.in_stock)),
            expires_at: known(details.clone().map(|d| d.expires_at)),
        }
    }

    /// The columns of the chosen items, in their order.
    #[must_use]
    pub fn select(&self, items: &[u32]) -> Self {
        let labels = |column: &LabelColumn| {
            let chosen = items.iter().map(|&item| column.get(ItemId(item)));
            if_any(LabelColumn::from_labels(chosen))
        };
        let rows = || items.iter().map(|&item| item as usize);
        Self {
            title: labels(&self.title),
            image_url: labels(&self.image_url),
            page_url: labels(&self.page_url),
            in_stock: known(rows().map(|row| self.in_stock.get(row).copied().flatten())),
            expires_at: known(rows().map(|row| self.expires_at.get(row).copied().flatten())),
        }
    }

    /// Whether an item may be offered at this time, in seconds since 1970: it is not known to be
    /// out of stock or expired.
    #[must_use]
    pub fn is_available(&self, item: ItemId, now: i64) -> bool {
        let in_stock = self.in_stock.get(item.index()).copied().flatten();
        let expires_at = self.expires_at.get(item.index()).copied().flatten();
        in_stock != Some(false) && expires_at.is_none_or(|end| end > now)
    }

    /// Whether no item is known to be out of stock or to expire.
    #[must_use]
    pub fn are_always_available(&self) -> bool {
        self.in_stock.is_empty() && self.expires_at.is_empty()
    }

    /// Checks the columns of `n_items` items: their lengths, and that titles and addresses are valid. O(items + text).
    ///
    /// # Errors
    /// [`CoreError::Damaged`] with the first issue.
    pub fn check(&self, n_items: usize) -> Result<(), CoreError> {
        let damaged = |detail: String| CoreError::Damaged {
            what: "catalogue",
            detail,
        };
        for (name, length) in [
            ("titles", self.title.codes().len()),
            ("addresses of pictures", self.image_url.codes().len()),
            ("addresses of pages", self.page_url.codes().len()),
            ("marks of stock", self.in_stock.len()),
            ("ends of offers", self.expires_at.len()),
        ] {
            if length != 0 && length != n_items {
                let detail = format!("it has {length} {name} for {n_items} items");
                return Err(damaged(detail));
            }
        }
        let is_title = |text: &str| matches!(check_title(text), Ok(Some(title)) if title == text);
        if let Some(title) = self.title.labels().iter().find(|title| !is_title(title)) {
            return Err(damaged(format!("{title:?} is not a valid title")));
        }
        for url in self.image_url.labels().iter().chain(self.page_url.labels()) {
            check_url(url).map_err(|issue| {
                damaged(format!("{url:?} is not a valid web address: it {issue}"))
            })?;
        }
        Ok(())
    }
}

/// A column of labels, empty if it has none.
fn if_any(column: LabelColumn) -> LabelColumn {
    match column.labels() {
        [] => LabelColumn::default(),
        _ => column,
    }
}

/// A column, empty if it has no values.
fn known<T>(values: impl Iterator<Item = Option<T>>) -> Arc<Vec<Option<T>>> {
    let values: Vec<Option<T>> = values.collect();
    Arc::new(match values.iter().any(Option::is_some) {
        true => values,
        false => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    fn lamp() -> ItemDetails {
        ItemDetails {
            title: Some("Lamp".to_owned()),
            page_url: Some("https://shop.example/lamp".to_owned()),
            in_stock: Some(false),
            expires_at: Some(100),
            ..ItemDetails::default()
        }
    }

    #[test]
    fn columns_without_values_are_empty() {
        let details = [lamp(), ItemDetails::default()];
        let listings = Listings::from_details(details.iter());
        assert_eq!(listings.title.labels(), ["Lamp"]);
        assert_eq!(listings.image_url, LabelColumn::default());
        assert_eq!(*listings.in_stock, [Some(false), None]);
        assert_eq!(listings.select(&[1]), Listings::default());
        assert_eq!(listings.select(&[1, 0]).expires_at[1], Some(100));
        let catalogue = Catalogue::from_details(details.clone());
        assert_eq!(catalogue.get(ItemId(0)), lamp());
        assert_eq!(catalogue.get(ItemId(1)), ItemDetails::default());
    }

    #[test]
    fn what_is_out_of_stock_or_expired_is_not_available() {
        let on = |in_stock, expires_at| ItemDetails {
            in_stock,
            expires_at,
            ..ItemDetails::default()
        };
        let details = [
            on(None, None),
            on(Some(true), Some(101)),
            on(Some(true), Some(100)),
            on(Some(false), None),
        ];
        let listings = Listings::from_details(details.iter());
        let rows = 0..5;
        let available: Vec<bool> = rows
            .map(|n| listings.is_available(ItemId(n), 100))
            .collect();
        assert_eq!(available, [true, true, false, false, true]);
        assert!(Listings::default().are_always_available());
    }

    #[test]
    fn damaged_columns_are_errors() {
        let with = |details: ItemDetails| {
            let listings = Listings::from_details([details].iter());
            Catalogue::unknown(1).with_listings(listings)
        };
        assert!(with(lamp()).is_ok());
        for details in [
            ItemDetails {
                title: Some("a\nb".to_owned()),
                ..ItemDetails::default()
            },
            ItemDetails {
                image_url: Some("javascript:alert(1)".to_owned()),
                ..ItemDetails::default()
            },
        ] {
            let error = with(details).unwrap_err();
            assert!(
                matches!(
                    error,
                    CoreError::Damaged {
                        what: "catalogue",
                        ..
                    }
                ),
                "{error}"
            );
        }
        let one = Listings::from_details([lamp()].iter());
        assert!(Catalogue::unknown(2).with_listings(one).is_err());
    }
}
