//! What the ranking knows about a user and an item, one number per feature.

use serde::{Deserialize, Serialize};

/// One feature of a user and an item.
///
/// Behaviors are numbered as in the table of behaviors, members as in the ranking. Pair features
/// are 0 for items that the user has not met.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Feature {
    /// 1 if the user did this with the item.
    Has {
        /// The behavior.
        behavior: usize,
    },
    /// ln(1 + n) of the user's n events of this behavior with the item.
    Count {
        /// The behavior.
        behavior: usize,
    },
    /// √(Σ 2^(−age / half-life)) over those events.
    Recent {
        /// The behavior.
        behavior: usize,
        /// In days.
        half_life: f64,
    },
    /// ln of the item's rank among those that the user met, latest first; equal times share their
    /// mean rank.
    RecencyRank,
    /// 1 if the user met the item in their latest session; gaps of 30 minutes end a session that the log does not name.
    InSession,
    /// ln(1 + n) if the user's latest n events were all with the item, else 0.
    InARow,
    /// 1 if this was the last thing that the user did with the item.
    Last {
        /// The behavior.
        behavior: usize,
    },
    /// ln(buyers + ½).
    Buyers,
    /// ln(users who met the item + ½).
    Met,
    /// ln(purchases + 0.1), each discounted by its age.
    RecentBuyers,
    /// ln(events + 0.1), each discounted by its age.
    RecentMet,
    /// ln(1 + days since the first event of the item).
    Age,
    /// ln of buyers per user who did this with the item, relative to the mean of all items and shrunk to
    /// it (empirical Bayes).
    Conversion {
        /// The behavior.
        behavior: usize,
    },
    /// The same with the buyers among those who did this.
    PairConversion {
        /// The behavior.
        behavior: usize,
    },
    /// √ of the share of the user's history in the item's category.
    Category,
    /// √ of the share of the user's history with the item's brand.
    Brand,
    /// Minus the distance of the item's price from the user's usual one, in powers of e; 0 if
    /// either is unknown.
    Price,
    /// √(score / its mean) of a member, from the items whose strongest behavior is this one.
    Graph {
        /// The member.
        member: usize,
        /// The behavior.
        behavior: usize,
    },
    /// √(score / its mean) of a trained model.
    Model,
}

/// Features that are kept or dropped together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeatureGroup {
    /// Which behaviors the user did with the item.
    Behaviors,
    /// How often.
    Counts,
    /// How long ago.
    Recency,
    /// The place in the history.
    RecencyRank,
    /// What the user did last.
    Last,
    /// The latest session.
    Session,
    /// How many bought or met the item.
    Popularity,
    /// How many did recently.
    Trend,
    /// How many of those who met it bought it.
    Conversion,
    /// The user's categories, brands and prices.
    Taste,
    /// A member's scores.
    Graph(usize),
    /// A trained model's scores.
    Model,
}

impl FeatureGroup {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Behaviors => "behaviors",
            Self::Counts => "counts",
            Self::Recency => "recency",
            Self::RecencyRank => "recency rank",
            Self::Last => "last behavior",
            Self::Session => "latest session",
            Self::Popularity => "popularity",
            Self::Trend => "trend",
            Self::Conversion => "conversion",
            Self::Taste => "category, brand and price",
            Self::Graph(_) => "graph",
            Self::Model => "trained model",
        }
    }

    /// The members among groups, in their order.
    pub(super) fn members(groups: &[Self]) -> Vec<usize> {
        let members = groups.iter().filter_map(|group| match group {
            Self::Graph(member) => Some(*member),
            _ => None,
        });
        members.collect()
    }
}

impl Feature {
    /// The group that it is kept or dropped with.
    #[must_use]
    pub fn group(self) -> FeatureGroup {
        match self {
            Self::Has { .. } => FeatureGroup::Behaviors,
            Self::Count { .. } => FeatureGroup::Counts,
            Self::Recent { .. } => FeatureGroup::Recency,
            Self::RecencyRank => FeatureGroup::RecencyRank,
            Self::Last { .. } => FeatureGroup::Last,
            Self::InSession | Self::InARow => FeatureGroup::Session,
            Self::Buyers | Self::Met => FeatureGroup::Popularity,
            Self::RecentBuyers | Self::RecentMet | Self::Age => FeatureGroup::Trend,
            Self::Conversion { .. } | Self::PairConversion { .. } => FeatureGroup::Conversion,
            Self::Category | Self::Brand | Self::Price => FeatureGroup::Taste,
            Self::Graph { member, .. } => FeatureGroup::Graph(member),
            Self::Model => FeatureGroup::Model,
        }
    }

    /// Whether it is known only for items that the user met.
    #[must_use]
    pub fn is_of_pair(self) -> bool {
        matches!(
            self,
            Self::Has { .. }
                | Self::Count { .. }
                | Self::Recent { .. }
                | Self::RecencyRank
                | Self::InSession
                | Self::InARow
                | Self::Last { .. }
        )
    }

    /// Whether it counts only for items that the user has not met: what the user did with an item
    /// says more than its labels.
    #[must_use]
    pub fn is_of_new_items(self) -> bool {
        self.group() == FeatureGroup::Taste
    }

    /// Whether it is a score that is divided by its mean.
    #[must_use]
    pub fn is_score(self) -> bool {
        matches!(self, Self::Graph { .. } | Self::Model)
    }
}

/// What a log supports.
pub(crate) struct Known<'a> {
    /// For each behavior, whether it is a target.
    pub(crate) is_target: &'a [bool],
    pub(crate) n_members: usize,
    /// The half-lives of recency in days; empty if times are unknown.
    pub(crate) half_lives: &'a [f64],
    /// Whether times are finer than days.
    pub(crate) has_sessions: bool,
    pub(crate) has_categories: bool,
    pub(crate) has_brands: bool,
    pub(crate) has_prices: bool,
    pub(crate) has_model: bool,
}

/// Every feature that a log supports, in a fixed order.
pub(crate) fn all_features(known: &Known<'_>) -> Vec<Feature> {
    let mut features = Vec::new();
    let behaviors = 0..known.is_target.len();
    let others = behaviors.clone().filter(|&b| !known.is_target[b]);
    let is_timed = !known.half_lives.is_empty();
    for behavior in others.clone() {
        features.push(Feature::Has { behavior });
        features.push(Feature::Count { behavior });
        let half_lives = known.half_lives.iter();
        features.extend(half_lives.map(|&half_life| Feature::Recent {
            behavior,
            half_life,
        }));
        if is_timed {
            features.push(Feature::Last { behavior });
        }
    }
    if is_timed {
        features.push(Feature::RecencyRank);
    }
    if known.has_sessions {
        features.extend([Feature::InSession, Feature::InARow]);
    }
    features.extend([Feature::Buyers, Feature::Met]);
    if is_timed {
        features.extend([Feature::RecentBuyers, Feature::RecentMet, Feature::Age]);
    }
    for behavior in others {
        features.push(Feature::Conversion { behavior });
        features.push(Feature::PairConversion { behavior });
    }
    for (is_known, feature) in [
        (known.has_categories, Feature::Category),
        (known.has_brands, Feature::Brand),
        (known.has_prices, Feature::Price),
        (known.has_model, Feature::Model),
    ] {
        features.extend(is_known.then_some(feature));
    }
    for member in 0..known.n_members {
        features.extend(
            behaviors
                .clone()
                .map(|behavior| Feature::Graph { member, behavior }),
        );
    }
    features
}
