//! Query parameters that several routes share.

use crate::api_error::ApiError;
use crate::checks::check_text;
use serde::Deserialize;

/// The default length of a list.
pub(super) fn default_k() -> usize {
    20
}

/// The maximum number of search results.
const MAX_FOUND: usize = 200;

/// A search by a part of an id or a label, for the page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// The text to search for; empty finds everything.
    #[serde(default)]
    q: String,
    /// The maximum number of results, up to 200. Default: 20.
    #[serde(default = "default_k")]
    #[param(required = false)]
    pub(super) limit: usize,
    /// How many of the results are passed over first. Default: 0.
    #[serde(default)]
    #[param(required = false)]
    pub(super) offset: usize,
}

impl SearchQuery {
    /// What to search for, within the limits.
    pub(super) fn needle(&self) -> Result<Needle, ApiError> {
        check_text("q", &self.q)?;
        if !(1..=MAX_FOUND).contains(&self.limit) {
            let limit = self.limit;
            let message = format!("limit is {limit}; it must be between 1 and {MAX_FOUND}");
            return Err(ApiError::bad("bad_query", message));
        }
        Ok(Needle::new(&self.q))
    }
}

/// A text to find within others, ignoring case.
pub(super) struct Needle {
    lower: String,
    has_letters: bool,
}

impl Needle {
    fn new(text: &str) -> Self {
        let lower = text.trim().to_lowercase();
        Self {
            has_letters: lower.chars().any(char::is_alphabetic),
            lower,
        }
    }

    /// Where the text is in a name, if it is.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        let lower;
        let name = match self.has_letters {
            true => {
                lower = name.to_lowercase();
                lower.as_str()
            }
            false => name,
        };
        match name.find(&self.lower)? {
            0 if name.len() == self.lower.len() => Some(Place::Whole),
            0 => Some(Place::Start),
            _ => Some(Place::Within),
        }
    }

    /// The matches, best positions first, else in the given order.
    pub(super) fn ranked<T>(
        &self,
        all: impl Iterator<Item = T>,
        place: impl Fn(&T) -> Option<Place>,
    ) -> Vec<T> {
        let mut found: Vec<(Place, T)> = all
            .filter_map(|one| place(&one).map(|place| (place, one)))
            .collect();
        if !self.lower.is_empty() {
            found.sort_by_key(|(place, _)| *place);
        }
        found.into_iter().map(|(_, one)| one).collect()
    }
}

/// Where a text is in a name, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// It is the name.
    Whole,
    /// The name starts with it.
    Start,
    /// Anywhere else.
    Within,
}

/// Defines a query with the parameters that filter items in addition to its own, and how to read the filter. With
/// `flatten`, serde could neither parse numbers in a query nor reject unknown keys, so the fields are repeated.
macro_rules! filtered_query {
    ($(#[$meta:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(crate) struct $name {
            /// The maximum number of items. Default: 20.
            #[serde(default = "crate::routes::query::default_k")]
            #[param(required = false)]
            k: usize,
            $($(#[$attribute])* $field: $kind,)*
            /// Only items of these categories; may be repeated.
            #[serde(default)]
            #[param(required = false)]
            category: Vec<String>,
            /// Only items of these brands; may be repeated.
            #[serde(default)]
            #[param(required = false)]
            brand: Vec<String>,
            /// Only these items, by their ids; may be repeated.
            #[serde(default)]
            #[param(required = false)]
            allow: Vec<String>,
            /// None of these items, by their ids; may be repeated.
            #[serde(default)]
            #[param(required = false)]
            deny: Vec<String>,
            /// No items of these categories; may be repeated.
            #[serde(default)]
            #[param(required = false)]
            deny_categories: Vec<String>,
            /// No items of these brands; may be repeated.
            #[serde(default)]
            #[param(required = false)]
            deny_brands: Vec<String>,
            /// The minimum price.
            price_min: Option<f64>,
            /// The maximum price.
            price_max: Option<f64>,
        }

        impl $name {
            fn take_filter(&mut self) -> lightgcn_recommend::ItemFilter {
                let allow = std::mem::take(&mut self.allow);
                lightgcn_recommend::ItemFilter {
                    allow: (!allow.is_empty()).then_some(allow),
                    deny: std::mem::take(&mut self.deny),
                    categories: std::mem::take(&mut self.category),
                    deny_categories: std::mem::take(&mut self.deny_categories),
                    brands: std::mem::take(&mut self.brand),
                    deny_brands: std::mem::take(&mut self.deny_brands),
                    price_min: self.price_min,
                    price_max: self.price_max,
                }
            }
        }
    };
}
pub(super) use filtered_query;
