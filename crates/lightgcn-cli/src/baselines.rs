//! A list of linear filters, for a flag and the configuration file.

use lightgcn::linear::Filter;
use serde::{Deserialize, Deserializer, de};
use std::str::FromStr;

/// Distinct filters to compare with a model, in the given order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Baselines(Vec<Filter>);

impl Baselines {
    fn new(filters: Vec<Filter>) -> Result<Self, String> {
        for (n, filter) in filters.iter().enumerate() {
            if filters[..n].contains(filter) {
                return Err(format!("{filter} is listed twice"));
            }
        }
        Ok(Self(filters))
    }

    pub(crate) fn filters(&self) -> &[Filter] {
        &self.0
    }
}

impl Default for Baselines {
    /// The default of every report.
    fn default() -> Self {
        Self(vec![Filter::ItemKnn])
    }
}

impl FromStr for Baselines {
    type Err = String;

    /// Comma-separated names, or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let filter = |name: &str| match name.trim() {
            "none" => Err("none cannot be combined with filters".to_owned()),
            name => name.parse::<Filter>().map_err(|error| error.to_string()),
        };
        Self::new(text.split(',').map(filter).collect::<Result<_, _>>()?)
    }
}

impl<'de> Deserialize<'de> for Baselines {
    /// A list of names, possibly empty.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_parse_in_the_order_given() {
        let read = |text: &str| text.parse::<Baselines>();
        assert_eq!(read("none").unwrap().filters(), []);
        assert_eq!(read("item-knn"), Ok(Baselines::default()));
        assert_eq!(
            read("svd, ease").unwrap().filters(),
            [Filter::Svd, Filter::Ease]
        );
        for (text, word) in [
            ("svd,svd", "svd is listed twice"),
            ("svd,none", "none cannot be combined"),
            ("", "unknown filter \"\""),
            ("knn", "item-knn, rp3beta"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
