//! The models by name, with their settings.

use crate::{
    ChebyshevFilterConfig, EaseConfig, ItemKnnConfig, LinearError, LinearModel, Rp3BetaConfig,
    SpectralFilterConfig, TruncatedSvdConfig,
};
use lightgcn_core::Train;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A model of this crate by name, as on the command line and in configuration files.
///
/// ```
/// use lightgcn_linear::{Filter, LinearError};
///
/// assert_eq!("gf-cf".parse::<Filter>(), Ok(Filter::GfCf));
/// let error = "gfcf".parse::<Filter>().unwrap_err();
/// assert!(matches!(error, LinearError::UnknownFilter { given, .. } if given == "gfcf"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// `item-knn`: [`ItemKnn`](crate::ItemKnn).
    ItemKnn,
    /// `rp3beta`: [`Rp3Beta`](crate::Rp3Beta).
    Rp3Beta,
    /// `ease`: [`Ease`](crate::Ease).
    Ease,
    /// `gf-cf`: [`SpectralFilter`](crate::SpectralFilter).
    GfCf,
    /// `chebyshev`: [`ChebyshevFilter`](crate::ChebyshevFilter).
    Chebyshev,
    /// `svd`: [`TruncatedSvd`](crate::TruncatedSvd).
    Svd,
}

impl Filter {
    /// All of them, in the order of the crate's front page.
    pub const ALL: [Self; 6] = [
        Self::ItemKnn,
        Self::Rp3Beta,
        Self::Ease,
        Self::GfCf,
        Self::Chebyshev,
        Self::Svd,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ItemKnn => "item-knn",
            Self::Rp3Beta => "rp3beta",
            Self::Ease => "ease",
            Self::GfCf => "gf-cf",
            Self::Chebyshev => "chebyshev",
            Self::Svd => "svd",
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Filter {
    type Err = LinearError;

    fn from_str(name: &str) -> Result<Self, LinearError> {
        let found = Self::ALL.into_iter().find(|filter| filter.name() == name);
        found.ok_or_else(|| LinearError::UnknownFilter {
            given: name.to_owned(),
            known: Self::ALL.map(Self::name).to_vec(),
        })
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// The settings of every model, as the tables `[filters.NAME]` of a configuration file.
///
/// ```
/// use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
/// use lightgcn_linear::{Filter, FilterConfigs};
///
/// let mut log = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
/// for (user, item) in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)] {
///     log.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
/// }
/// let split = Split::new(log.build(2, 3)?, Truth::empty(2, 3), Truth::empty(2, 3))?;
/// let model = FilterConfigs::default().fit(Filter::ItemKnn, &split.train)?;
/// assert_eq!((model.name(), model.n_items()), ("item-kNN", 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilterConfigs {
    /// Of `item-knn`.
    pub item_knn: ItemKnnConfig,
    /// Of `rp3beta`.
    pub rp3beta: Rp3BetaConfig,
    /// Of `ease`.
    pub ease: EaseConfig,
    /// Of `gf-cf`.
    pub gf_cf: SpectralFilterConfig,
    /// Of `chebyshev`.
    pub chebyshev: ChebyshevFilterConfig,
    /// Of `svd`.
    pub svd: TruncatedSvdConfig,
}

impl FilterConfigs {
    /// Checks the settings of one model, without fitting it.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self, filter: Filter) -> Result<(), LinearError> {
        match filter {
            Filter::ItemKnn => self.item_knn.check(),
            Filter::Rp3Beta => self.rp3beta.check(),
            Filter::Ease => self.ease.check(),
            Filter::GfCf => self.gf_cf.check(),
            Filter::Chebyshev => self.chebyshev.check(),
            Filter::Svd => self.svd.check(),
        }
    }

    /// Fits one model to the training part.
    ///
    /// # Errors
    /// Those of the `fit` of that model's configuration, such as [`LinearError::Memory`] from EASE
    /// over a large catalogue.
    pub fn fit(&self, filter: Filter, train: &Train) -> Result<Box<dyn LinearModel>, LinearError> {
        Ok(match filter {
            Filter::ItemKnn => Box::new(self.item_knn.fit(train)?),
            Filter::Rp3Beta => Box::new(self.rp3beta.fit(train)?),
            Filter::Ease => Box::new(self.ease.fit(train)?),
            Filter::GfCf => Box::new(self.gf_cf.fit(train)?),
            Filter::Chebyshev => Box::new(self.chebyshev.fit(train)?),
            Filter::Svd => Box::new(self.svd.fit(train)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::History;
    use crate::matrix::tests::train;
    use lightgcn_core::ItemId;

    #[test]
    fn every_filter_has_a_name_and_is_fitted_by_it() {
        let table = [
            vec![1., 1., 0., 0.],
            vec![1., 1., 1., 0.],
            vec![0., 0., 1., 1.],
        ];
        let train = train(&table);
        let names = ["item-kNN", "RP3β", "EASE", "GF-CF", "ChebyCF", "PureSVD"];
        for (filter, name) in Filter::ALL.into_iter().zip(names) {
            assert_eq!(filter.to_string().parse(), Ok(filter));
            let model = FilterConfigs::default().fit(filter, &train).unwrap();
            assert_eq!(model.name(), name);
            let scores = model.scores(History::new(&[ItemId(0)], &[1.0]).unwrap());
            assert!(scores[1] > scores[3], "{name}: {scores:?}");
        }
        assert_eq!(format!("{:>6}", Filter::Svd), "   svd");
    }

    #[test]
    fn only_the_filter_that_is_asked_for_is_checked() {
        let configs = FilterConfigs {
            ease: EaseConfig {
                regularization: -1.0,
                ..EaseConfig::default()
            },
            ..FilterConfigs::default()
        };
        for filter in Filter::ALL {
            assert_eq!(configs.check(filter).is_err(), filter == Filter::Ease);
        }
        let error = configs
            .fit(Filter::Ease, &train(&[vec![1., 1.]]))
            .unwrap_err();
        assert!(
            matches!(error, LinearError::Config { model: "EASE", .. }),
            "{error}"
        );
    }
}
