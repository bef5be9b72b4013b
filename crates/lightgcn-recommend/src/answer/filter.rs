//! Filters on items.

use crate::answer::nearest::nearest_label;
use crate::answer::rule::{Rule, UnknownNames};
use crate::lenient;
use lightgcn_core::{Catalogue, ItemId, LabelColumn, Vocabulary};
use serde::{Deserialize, Serialize};

/// Which items are eligible. Default: all.
///
/// Rules are applied during the search, so a list is never short while enough items are left. An
/// item must pass all of them. Items without a category, brand or price do not pass a rule that
/// requires one. A name that matches no item allows nothing and denies nothing; answers report it
/// ([`Answer::unknown`](crate::Answer::unknown)).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ItemFilter {
    /// Only these items. An empty list is an error.
    #[serde(deserialize_with = "lenient::optional_ids")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<lenient::IdSchema>>))]
    pub allow: Option<Vec<String>>,
    /// None of these items.
    #[serde(deserialize_with = "lenient::ids")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<lenient::IdSchema>))]
    pub deny: Vec<String>,
    /// Only items of one of these categories: a category's id, its code, or a prefix of codes
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

    pub(crate) fn check(&self, issues: &mut Vec<String>) {
        if self.allow.as_ref().is_some_and(Vec::is_empty) {
            issues.push(
                "the list of allowed items is empty; give at least one, or omit it".to_owned(),
            );
        }
        for (name, price) in [("price_min", self.price_min), ("price_max", self.price_max)] {
            if price.is_some_and(|price| !price.is_finite()) {
                issues.push(format!("{name} is not a finite number"));
            }
        }
        if let (Some(low), Some(high)) = (self.price_min, self.price_max)
            && low > high
        {
            issues.push(format!("price_min {low} is above price_max {high}"));
        }
    }

    /// The items that pass. O(items + names).
    pub(crate) fn apply(&self, items: &Vocabulary<ItemId>, catalogue: &Catalogue) -> Filtered {
        let mut filtered = Filtered {
            mask: vec![true; items.len()],
            emptied_by: None,
        };
        if let Some(allow) = &self.allow {
            filtered.mask.fill(false);
            for item in allow.iter().filter_map(|id| items.get(id)) {
                filtered.mask[item.index()] = true;
            }
            filtered.note(Rule::Allow);
        }
        if !self.deny.is_empty() {
            for item in self.deny.iter().filter_map(|id| items.get(id)) {
                filtered.mask[item.index()] = false;
            }
            filtered.note(Rule::Deny);
        }
        for labels in self
            .labels(catalogue)
            .iter()
            .filter(|l| !l.names.is_empty())
        {
            labels.keep(&mut filtered.mask);
            filtered.note(labels.rule);
        }
        if self.price_min.is_some() || self.price_max.is_some() {
            let low = self.price_min.unwrap_or(f64::NEG_INFINITY);
            let high = self.price_max.unwrap_or(f64::INFINITY);
            for (keep, price) in filtered.mask.iter_mut().zip(catalogue.prices()) {
                // Branch-free, since prices are unordered; a missing price compares like NaN.
                let price = price.unwrap_or(f64::NAN);
                *keep &= (price >= low) & (price <= high);
            }
            filtered.note(Rule::Price);
        }
        filtered
    }

    /// The names in each rule that match no item. O(names · labels).
    pub(crate) fn unknown(
        &self,
        items: &Vocabulary<ItemId>,
        catalogue: &Catalogue,
    ) -> Vec<UnknownNames> {
        let allow = self.allow.as_deref().unwrap_or_default();
        let ids = [(Rule::Allow, allow), (Rule::Deny, &self.deny)];
        let ids = ids.into_iter().filter_map(|(rule, ids)| {
            let unknown = ids.iter().filter(|id| items.get(id).is_none());
            // Comparing with every id would cost more than the answer.
            UnknownNames::of(rule, ids.len(), unknown, |_| None)
        });
        let labels = self.labels(catalogue);
        let labels = labels.iter().filter_map(Labels::unknown);
        ids.chain(labels).collect()
    }

    /// The rules about labels.
    fn labels<'a>(&'a self, catalogue: &'a Catalogue) -> [Labels<'a>; 4] {
        let categories = vec![catalogue.category_id(), catalogue.category_code()];
        let brands = vec![catalogue.brand()];
        let labels = |rule, names, wanted, columns, matches| Labels {
            rule,
            names,
            wanted,
            columns,
            matches,
        };
        let is_brand: Matches = |label, name| label == name;
        [
            labels(
                Rule::Categories,
                &self.categories,
                true,
                categories.clone(),
                is_category,
            ),
            labels(
                Rule::DenyCategories,
                &self.deny_categories,
                false,
                categories,
                is_category,
            ),
            labels(Rule::Brands, &self.brands, true, brands.clone(), is_brand),
            labels(Rule::DenyBrands, &self.deny_brands, false, brands, is_brand),
        ]
    }
}

/// The items that a filter leaves.
pub(crate) struct Filtered {
    /// Whether an item is left, by row.
    pub(crate) mask: Vec<bool>,
    /// The first rule that left none.
    pub(crate) emptied_by: Option<Rule>,
}

impl Filtered {
    /// Notes that a rule has been applied.
    pub(crate) fn note(&mut self, rule: Rule) {
        // If items are left, one of the first usually shows it.
        if self.emptied_by.is_none() && !self.mask.contains(&true) {
            self.emptied_by = Some(rule);
        }
    }
}

/// Whether a name matches a label.
type Matches = fn(&str, &str) -> bool;

/// A rule about the labels of some columns.
struct Labels<'a> {
    rule: Rule,
    names: &'a [String],
    /// Whether items must have one of the labels, or must not.
    wanted: bool,
    columns: Vec<&'a LabelColumn>,
    matches: Matches,
}

impl Labels<'_> {
    /// If `wanted`, keeps the items with one of the labels, else those without.
    fn keep(&self, mask: &mut [bool]) {
        let named = |label: &String| self.names.iter().any(|name| (self.matches)(label, name));
        let codes: Vec<Vec<bool>> = self
            .columns
            .iter()
            .map(|column| column.labels().iter().map(named).collect())
            .collect();
        for (row, keep) in mask.iter_mut().enumerate() {
            let mut columns = self.columns.iter().zip(&codes);
            let has = columns.any(|(column, codes)| is_marked(codes, column.codes()[row]));
            *keep &= has == self.wanted;
        }
    }

    fn unknown(&self) -> Option<UnknownNames> {
        let labels = || self.columns.iter().flat_map(|column| column.labels());
        let unknown = self.names.iter().filter(|name| {
            let mut labels = labels();
            !labels.any(|label| (self.matches)(label, name))
        });
        UnknownNames::of(self.rule, self.names.len(), unknown, |name| {
            nearest_label(labels().map(String::as_str), name)
        })
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
