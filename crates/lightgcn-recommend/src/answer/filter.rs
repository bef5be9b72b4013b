//! Filters on items.

use crate::RecommendError;
use crate::answer::nearest::nearest_label;
use lightgcn_core::{Catalogue, ItemId, LabelColumn, Vocabulary};
use serde::{Deserialize, Serialize};

/// Which items are eligible. Default: all.
///
/// Rules are applied during the search, so a list is never short while enough items are left.
/// An item must pass all of them. Items without a category, brand or price do not pass a rule
/// that requires one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ItemFilter {
    /// Only these items. Ids that the model does not know are ignored; an empty list is an error.
    pub allow: Option<Vec<String>>,
    /// None of these items. Ids that the model does not know are ignored.
    pub deny: Vec<String>,
    /// Only items of one of these categories: a category's id, its code, or the beginning of codes
    /// (`apparel` includes `apparel.glove`). Empty: all.
    pub categories: Vec<String>,
    /// No items of these categories.
    pub deny_categories: Vec<String>,
    /// Only items of one of these brands. Empty: all.
    pub brands: Vec<String>,
    /// No items of these brands.
    pub deny_brands: Vec<String>,
    /// The lowest price, inclusive.
    pub price_min: Option<f64>,
    /// The highest price, inclusive.
    pub price_max: Option<f64>,
}

impl ItemFilter {
    /// Whether it lets every item through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn check(&self, faults: &mut Vec<String>) {
        if self.allow.as_ref().is_some_and(Vec::is_empty) {
            faults.push(
                "the list of allowed items is empty; name at least one, or leave it out".to_owned(),
            );
        }
        for (name, price) in [("price_min", self.price_min), ("price_max", self.price_max)] {
            if price.is_some_and(|price| !price.is_finite()) {
                faults.push(format!("{name} is not a finite number"));
            }
        }
        if let (Some(low), Some(high)) = (self.price_min, self.price_max)
            && low > high
        {
            faults.push(format!("price_min {low} is above price_max {high}"));
        }
    }

    /// The items that pass, as a mask over the rows of the catalogue. O(items + names).
    ///
    /// # Errors
    /// [`RecommendError::UnknownLabel`] for a category or a brand that no item has.
    pub(crate) fn mask(
        &self,
        items: &Vocabulary<ItemId>,
        catalogue: &Catalogue,
    ) -> Result<Vec<bool>, RecommendError> {
        let mut mask = vec![self.allow.is_none(); items.len()];
        for item in self.allow.iter().flatten().filter_map(|id| items.get(id)) {
            mask[item.index()] = true;
        }
        for item in self.deny.iter().filter_map(|id| items.get(id)) {
            mask[item.index()] = false;
        }
        let categories = [catalogue.category_id(), catalogue.category_code()];
        for (names, wanted) in [(&self.categories, true), (&self.deny_categories, false)] {
            let codes = codes_of("category", names, &categories, is_category)?;
            keep_labeled(&mut mask, names, wanted, &categories, &codes);
        }
        let brands = [catalogue.brand()];
        for (names, wanted) in [(&self.brands, true), (&self.deny_brands, false)] {
            let codes = codes_of("brand", names, &brands, |a, b| a == b)?;
            keep_labeled(&mut mask, names, wanted, &brands, &codes);
        }
        if self.price_min.is_some() || self.price_max.is_some() {
            let low = self.price_min.unwrap_or(f64::NEG_INFINITY);
            let high = self.price_max.unwrap_or(f64::INFINITY);
            for (keep, price) in mask.iter_mut().zip(catalogue.prices()) {
                // Branch-free, since prices are in no order; a missing price compares like NaN.
                let price = price.unwrap_or(f64::NAN);
                *keep &= (price >= low) & (price <= high);
            }
        }
        Ok(mask)
    }
}

/// Keeps the items with a marked code in one of the columns, or unless `wanted` those without; all where there are no
/// names.
fn keep_labeled(
    mask: &mut [bool],
    names: &[String],
    wanted: bool,
    columns: &[&LabelColumn],
    codes: &[Vec<bool>],
) {
    if names.is_empty() {
        return;
    }
    for (row, keep) in mask.iter_mut().enumerate() {
        let mut columns = columns.iter().zip(codes);
        let has = columns.any(|(column, codes)| is_marked(codes, column.codes()[row]));
        *keep &= has == wanted;
    }
}

/// Whether `label` is the category `name` or lies within it.
pub(crate) fn is_category(label: &str, name: &str) -> bool {
    label
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a code is marked; the code of unlabeled items never is.
fn is_marked(codes: &[bool], code: u32) -> bool {
    codes.get(code as usize).copied().unwrap_or(false)
}

/// By column and code, whether the label matches one of the names. Every name must match a label.
fn codes_of(
    kind: &'static str,
    names: &[String],
    columns: &[&LabelColumn],
    matches: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Vec<bool>>, RecommendError> {
    let none = |column: &&LabelColumn| vec![false; column.labels().len()];
    let mut codes: Vec<Vec<bool>> = columns.iter().map(none).collect();
    for name in names {
        let mut found = false;
        for (column, codes) in columns.iter().zip(&mut codes) {
            for (code, label) in column.labels().iter().enumerate() {
                if matches(label, name) {
                    codes[code] = true;
                    found = true;
                }
            }
        }
        if !found {
            let labels = columns.iter().flat_map(|c| c.labels());
            let nearest = nearest_label(labels.map(String::as_str), name);
            let hint = match &nearest {
                Some(near) => format!("did you mean {near:?}?"),
                None if columns.iter().all(|c| c.labels().is_empty()) => {
                    format!("no item of this model has a {kind}")
                }
                None => format!("use a {kind} as the catalogue writes it"),
            };
            return Err(RecommendError::UnknownLabel {
                kind,
                name: name.clone(),
                nearest,
                hint,
            });
        }
    }
    Ok(codes)
}
