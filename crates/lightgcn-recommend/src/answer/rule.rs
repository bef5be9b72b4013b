//! The rules that decide which items an answer may have, and the names in them.

use lightgcn_core::shorten;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The maximum number of names that an [`UnknownNames`] lists.
const MAX_LISTED: usize = 10;

/// A rule that decides which items an answer may have, in the order in which they apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// [`ItemFilter::allow`](crate::ItemFilter::allow).
    Allow,
    /// [`ItemFilter::deny`](crate::ItemFilter::deny).
    Deny,
    /// [`ItemFilter::categories`](crate::ItemFilter::categories).
    Categories,
    /// [`ItemFilter::deny_categories`](crate::ItemFilter::deny_categories).
    DenyCategories,
    /// [`ItemFilter::brands`](crate::ItemFilter::brands).
    Brands,
    /// [`ItemFilter::deny_brands`](crate::ItemFilter::deny_brands).
    DenyBrands,
    /// [`ItemFilter::price_min`](crate::ItemFilter::price_min) and
    /// [`ItemFilter::price_max`](crate::ItemFilter::price_max).
    Price,
    /// [`Recommender::with_unsuitable`](crate::Recommender::with_unsuitable).
    Unsuitable,
    /// The item is out of stock, or expired ([`ItemDetails`](lightgcn_core::ItemDetails)).
    Unavailable,
    /// [`Hide`](crate::Hide), [`Familiarity`](crate::Familiarity), and items that the user only
    /// rejected.
    Hidden,
    /// [`RecommendOptions::chain`](crate::RecommendOptions::chain): none of its sources has an
    /// item.
    Chain,
}

impl Rule {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Categories => "categories",
            Self::DenyCategories => "deny_categories",
            Self::Brands => "brands",
            Self::DenyBrands => "deny_brands",
            Self::Price => "price",
            Self::Unsuitable => "unsuitable",
            Self::Unavailable => "unavailable",
            Self::Hidden => "hidden",
            Self::Chain => "chain",
        }
    }

    /// What its names refer to, in singular and plural.
    const fn named(self, n: usize) -> &'static str {
        match (self, n) {
            (Self::Allow | Self::Deny, 1) => "item",
            (Self::Allow | Self::Deny, _) => "items",
            (Self::Categories | Self::DenyCategories, 1) => "category",
            (Self::Categories | Self::DenyCategories, _) => "categories",
            (Self::Brands | Self::DenyBrands, 1) => "brand",
            (Self::Brands | Self::DenyBrands, _) => "brands",
            (_, 1) => "name",
            _ => "names",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The names in a rule that match no item of the model. They neither allow nor deny anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnknownNames {
    /// The rule.
    pub rule: Rule,
    /// The first ten of them.
    pub names: Vec<String>,
    /// How many there are.
    pub n_unknown: usize,
    /// How many names the rule has.
    pub n_names: usize,
    /// The known label closest in spelling to the first one, if one is close; `None` for ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

impl UnknownNames {
    /// The unknown names in a rule; `None` if all its names are known. `nearest` finds a known name
    /// close to a given one.
    pub(crate) fn of<'a>(
        rule: Rule,
        n_names: usize,
        unknown: impl Iterator<Item = &'a String>,
        nearest: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let mut names: Vec<String> = Vec::new();
        let mut n_unknown = 0;
        for name in unknown {
            n_unknown += 1;
            if names.len() < MAX_LISTED {
                names.push(name.clone());
            }
        }
        let first = names.first()?;
        Some(Self {
            rule,
            nearest: nearest(first),
            names,
            n_unknown,
            n_names,
        })
    }
}

impl fmt::Display for UnknownNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            names,
            n_unknown,
            n_names,
            nearest,
        } = self;
        let listed: Vec<String> = names
            .iter()
            .map(|name| format!("{:?}", shorten(name)))
            .collect();
        let kind = rule.named(*n_unknown);
        write!(f, "{rule}: unknown {kind} {}", listed.join(", "))?;
        if *n_unknown > names.len() {
            f.write_str(", ...")?;
        }
        write!(f, " ({n_unknown} of {n_names})")?;
        match nearest {
            Some(near) => write!(f, "; did you mean {near:?}?"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_unknown_names_are_listed_and_all_are_counted() {
        let names: Vec<String> = (0..12).map(|n| format!("brand {n}")).collect();
        let unknown = UnknownNames::of(Rule::Brands, 15, names.iter(), |name| {
            Some(format!("near {name}"))
        });
        let unknown = unknown.unwrap();
        assert_eq!(unknown.names, names[..10]);
        assert_eq!((unknown.n_unknown, unknown.n_names), (12, 15));
        assert_eq!(unknown.nearest.as_deref(), Some("near brand 0"));
        assert_eq!(UnknownNames::of(Rule::Brands, 3, [].iter(), |_| None), None);
    }

    #[test]
    fn unknown_names_are_told_in_one_line() {
        let text = |rule, n: usize, of| {
            let names: Vec<String> = (0..n).map(|n| format!("x{n}")).collect();
            let near = |_: &str| (rule == Rule::Brands).then(|| "x".to_owned());
            let unknown = UnknownNames::of(rule, of, names.iter(), near);
            unknown.unwrap().to_string()
        };
        assert_eq!(
            text(Rule::Deny, 1, 1),
            r#"deny: unknown item "x0" (1 of 1)"#
        );
        assert_eq!(
            text(Rule::DenyCategories, 2, 5),
            r#"deny_categories: unknown categories "x0", "x1" (2 of 5)"#
        );
        let long = text(Rule::Brands, 12, 15);
        assert!(
            long.ends_with(r#""x9", ... (12 of 15); did you mean "x"?"#),
            "{long}"
        );
    }

    #[test]
    fn long_names_are_cut_in_text() {
        let name = "x".repeat(100_000);
        let unknown = UnknownNames::of(Rule::DenyBrands, 1, [name].iter(), |_| None);
        let cut = format!(
            "deny_brands: unknown brand \"{}…\" (1 of 1)",
            "x".repeat(80)
        );
        assert_eq!(unknown.unwrap().to_string(), cut);
    }

    #[test]
    fn rules_have_one_name_in_json_and_in_text() {
        for rule in [Rule::DenyBrands, Rule::Hidden, Rule::Price] {
            let json = serde_json::to_value(rule).unwrap();
            assert_eq!(json, rule.name());
        }
    }
}
