//! Well-known public logs.

use crate::log::form::FileForm;
use crate::time::TimeUnit;
use crate::{DataError, LogFormat, PrepareConfig};
use lightgcn_core::{Behavior, BehaviorWeightsConfig};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A public log as it is published: its file layout and its behaviors.
///
/// ```no_run
/// use lightgcn_data::{PrepareConfig, LogPreset, prepare};
///
/// let mut config = PrepareConfig::default();
/// LogPreset::RetailRocket.apply(&mut config);
/// let dataset = prepare(&["events.csv"], &config)?;
/// # Ok::<(), lightgcn_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogPreset {
    /// The logs of REES46's shops (cosmetics, electronics, multi-category): the default format.
    Rees46,
    /// RetailRocket's `events.csv`.
    #[serde(rename = "retailrocket")]
    RetailRocket,
    /// The sessions of OTTO's multi-objective data set, as JSON lines. A session is a user.
    Otto,
    /// Taobao's `UserBehavior.csv`.
    #[serde(rename = "taobao-userbehavior")]
    TaobaoUserBehavior,
    /// The ratings of MovieLens in any size: `u.data`, `ratings.dat` or `ratings.csv`. Ratings of 4
    /// stars or more are the target, `like`; the others are `rating`.
    #[serde(rename = "movielens")]
    MovieLens,
    /// Instacart's `orders.csv` with `order_products__prior.csv`, `order_products__train.csv` or
    /// both. It has no times, so each user's last order is placed on 2017-01-01.
    Instacart,
    /// H&M's `transactions_train.csv`: purchases with dates.
    Hm,
    /// `yoochoose-clicks.dat` and `yoochoose-buys.dat` of the RecSys Challenge 2015. A session is a user.
    #[serde(rename = "yoochoose")]
    YooChoose,
}

impl LogPreset {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rees46,
        Self::RetailRocket,
        Self::Otto,
        Self::TaobaoUserBehavior,
        Self::MovieLens,
        Self::Instacart,
        Self::Hm,
        Self::YooChoose,
    ];

    /// The name, as in `--preset`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rees46 => "rees46",
            Self::RetailRocket => "retailrocket",
            Self::Otto => "otto",
            Self::TaobaoUserBehavior => "taobao-userbehavior",
            Self::MovieLens => "movielens",
            Self::Instacart => "instacart",
            Self::Hm => "hm",
            Self::YooChoose => "yoochoose",
        }
    }

    /// Sets the format and the weights of a config; everything else stays.
    pub fn apply(self, config: &mut PrepareConfig) {
        config.format = self.format();
        config.weights = self.weights();
    }

    /// The names of columns and behaviors.
    #[must_use]
    pub fn format(self) -> LogFormat {
        use TimeUnit::{Milliseconds, Seconds};
        match self {
            Self::Rees46 => LogFormat::default(),
            Self::RetailRocket => LogFormat {
                time_unit: Milliseconds,
                rename_behaviors: labels(&[("addtocart", "cart"), ("transaction", "purchase")]),
                ..columns("timestamp", "event", "itemid", "visitorid")
            },
            Self::Otto => LogFormat {
                form: FileForm::Otto,
                time_unit: Milliseconds,
                rename_behaviors: labels(&[
                    ("clicks", "view"),
                    ("carts", "cart"),
                    ("orders", "purchase"),
                ]),
                ..columns("ts", "type", "aid", "session")
            },
            Self::TaobaoUserBehavior => LogFormat {
                columns: names(&["user", "item", "category", "behavior", "time"]),
                category_id: Some("category".to_owned()),
                time_unit: Seconds,
                rename_behaviors: labels(&[
                    ("pv", "view"),
                    ("fav", "favorite"),
                    ("buy", "purchase"),
                ]),
                ..columns("time", "behavior", "item", "user")
            },
            Self::MovieLens => LogFormat {
                form: FileForm::MovieLens,
                time_unit: Seconds,
                category_code: Some("genres".to_owned()),
                rename_behaviors: labels(&stars()),
                ..columns("timestamp", "rating", "movieId", "userId")
            },
            Self::Instacart => LogFormat {
                form: FileForm::Instacart,
                time_unit: Seconds,
                category_id: Some("aisle_id".to_owned()),
                title: Some("product_name".to_owned()),
                ..columns("event_time", "behavior", "product_id", "user_id")
            },
            Self::Hm => LogFormat {
                behavior: Some("purchase".to_owned()),
                category_id: Some("product_type_no".to_owned()),
                category_code: Some("product_type_name".to_owned()),
                price: Some("price".to_owned()),
                title: Some("prod_name".to_owned()),
                ..columns("t_dat", "behavior", "article_id", "customer_id")
            },
            Self::YooChoose => LogFormat {
                form: FileForm::YooChoose,
                rename_behaviors: labels(&[("click", "view"), ("buy", "purchase")]),
                ..columns("timestamp", "behavior", "item", "session")
            },
        }
    }

    /// The behaviors of the log, by the names that [`LogPreset::format`] gives them, and their weights.
    #[must_use]
    pub fn weights(self) -> BehaviorWeightsConfig {
        let mut table = BehaviorWeightsConfig::shop_log();
        let behaviors: &[(&str, f64)] = match self {
            Self::Rees46 => return table,
            Self::RetailRocket | Self::Otto => &[("view", 0.01), ("cart", 0.1), ("purchase", 1.0)],
            Self::TaobaoUserBehavior => &[
                ("view", 0.01),
                ("favorite", 0.1),
                ("cart", 0.1),
                ("purchase", 1.0),
            ],
            Self::MovieLens => &[("rating", 0.1), ("like", 1.0)],
            Self::Instacart | Self::Hm => &[("purchase", 1.0)],
            Self::YooChoose => &[("view", 0.01), ("purchase", 1.0)],
        };
        let last = behaviors.len() - 1;
        let behaviors = behaviors.iter().enumerate();
        table.behaviors = behaviors
            .map(|(n, &(name, weight))| Behavior {
                name: name.to_owned(),
                weight,
                cap: None,
                target: n == last,
            })
            .collect();
        table
    }
}

/// A format with only these columns for the time, the behavior, the item and the user.
fn columns(time: &str, behavior: &str, item: &str, user: &str) -> LogFormat {
    LogFormat {
        event_time: time.to_owned(),
        event_type: behavior.to_owned(),
        product_id: item.to_owned(),
        user_id: user.to_owned(),
        category_id: None,
        category_code: None,
        brand: None,
        price: None,
        user_session: None,
        ..LogFormat::default()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn labels(names: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let names = names.iter();
    names
        .map(|&(label, name)| (label.to_owned(), name.to_owned()))
        .collect()
}

/// The behavior for each number of stars.
fn stars() -> [(&'static str, &'static str); 15] {
    let [low, high] = ["rating", "like"];
    [
        ("0.5", low),
        ("1", low),
        ("1.0", low),
        ("1.5", low),
        ("2", low),
        ("2.0", low),
        ("2.5", low),
        ("3", low),
        ("3.0", low),
        ("3.5", low),
        ("4", high),
        ("4.0", high),
        ("4.5", high),
        ("5", high),
        ("5.0", high),
    ]
}

impl fmt::Display for LogPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LogPreset {
    type Err = DataError;

    /// The preset of that name.
    fn from_str(name: &str) -> Result<Self, DataError> {
        let found = Self::ALL.into_iter().find(|preset| preset.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            DataError::Config {
                issues: vec![format!("unknown preset {name:?}; use one of {names}")],
            }
        })
    }
}

#[cfg(test)]
mod tests;
