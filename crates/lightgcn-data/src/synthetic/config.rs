//! The parameters of the synthetic shop.

use crate::DataError;
use serde::{Deserialize, Serialize};

/// Rows, users and items of the full real log, as published.
const FULL_ROWS: f64 = 20_692_840.0;
const FULL_USERS: f64 = 1_639_358.0;
const FULL_ITEMS: f64 = 54_571.0;
const FULL_CATEGORIES: f64 = 522.0;
const FULL_BRANDS: f64 = 273.0;
/// ln(54,571 / 2,832) / ln(20,692,840 / 4,995): how distinct items grow with rows.
const ITEM_GROWTH: f64 = 0.355;
/// ln(517 / 288) / ln(54,043 / 2,832) and the same for brands (273 and 124).
const CATEGORY_GROWTH: f64 = 0.198;
const BRAND_GROWTH: f64 = 0.267;
/// The maximum number of sessions of one user.
pub(super) const MOST_SESSIONS: u32 = 500;

/// Users' tastes: how events concentrate on communities, categories, styles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TasteConfig {
    /// Probabilities that a user belongs to 1, 2 or 3 communities; they sum to 1.
    pub communities_per_user: [f64; 3],
    /// The probability that a change of category ignores taste and follows overall popularity.
    pub popularity_share: f64,
    /// The probability that a new item is the first of some category (drawn by size): the
    /// front page, which interrupts no one's interest.
    pub bestseller_share: f64,
    /// The probability that a change of category (one that follows taste) goes to one of the
    /// user's own favorites rather than anywhere in the community.
    pub favorite_share: f64,
    /// The number of favorite categories of a user.
    pub favorites: u32,
    /// The probability that the next new item of a session is of the same category.
    pub stay_share: f64,
    /// The number of styles; a brand's items share one, and so do a community's users
    /// mostly.
    pub styles: u32,
    /// How many times more likely an item of the user's style is chosen; at least 1.
    pub style_preference: f64,
    /// The share of a community's users who have the community's own style.
    pub style_agreement: f64,
    /// The Zipf exponent of popularity within a category.
    pub popularity_exponent: f64,
    /// How many places the ranks within a category are shifted by before the exponent is applied
    /// (Mandelbrot's form), as a share of the category's items: flattens the top.
    pub popularity_shift: f64,
}

impl Default for TasteConfig {
    fn default() -> Self {
        Self {
            communities_per_user: [0.6, 0.3, 0.1],
            popularity_share: 0.4,
            bestseller_share: 0.025,
            favorite_share: 0.2,
            favorites: 3,
            stay_share: 0.6,
            styles: 8,
            style_preference: 4.0,
            style_agreement: 0.6,
            popularity_exponent: 1.05,
            popularity_shift: 0.02,
        }
    }
}

/// Sessions: how views lead to carts, carts to removals and purchases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FunnelConfig {
    /// The tail exponent of sessions per user.
    pub session_exponent: f64,
    /// The scale of sessions per user at the real log's 12.6 rows a user.
    pub session_scale: f64,
    /// Beta distribution over users of the probability that a session carts.
    pub cart_propensity: [f64; 2],
    /// Beta distribution over users of the probability that a session that carts ends in a
    /// purchase.
    pub purchase_propensity: [f64; 2],
    /// The probability that a session without carts has a single view.
    pub single_view_share: f64,
    /// Views of a longer session without carts, beyond the first: log-normal (mean and deviation
    /// of the logarithm), rounded up.
    pub browse_views: [f64; 2],
    /// The probability that a session with carts has views.
    pub views_with_carts: f64,
    /// Views of a session with carts: log-normal, rounded up.
    pub cart_views: [f64; 2],
    /// Carts of a session that has some: log-normal, rounded up.
    pub carts: [f64; 2],
    /// The probability that a session with carts has removals.
    pub removal_share: f64,
    /// The probability that a session without carts only clears the user's open cart.
    pub tidy_share: f64,
    /// Items of a purchase: log-normal, rounded up.
    pub basket: [f64; 2],
    /// The share of bought items that were never carted in the log.
    pub untracked_share: f64,
    /// The probability that a view repeats an item of the session.
    pub repeat_view_share: f64,
    /// The probability that a view is of an item in the user's open cart, if there is one.
    pub cart_review_share: f64,
    /// The probability that a cart right after a view takes the viewed item.
    pub cart_viewed_share: f64,
    /// The probability that another cart takes an item viewed earlier in the session.
    pub cart_seen_share: f64,
    /// The probability that a cart right after a cart takes the same item again.
    pub cart_again_share: f64,
    /// The share of items that can be viewed but never carted.
    pub never_carted_share: f64,
    /// The probability that a user's next session comes within the hour.
    pub return_within_hour: f64,
    /// Days to the next session otherwise: log-normal.
    pub return_days: [f64; 2],
}

impl Default for FunnelConfig {
    fn default() -> Self {
        Self {
            session_exponent: 2.0,
            session_scale: 2.2,
            cart_propensity: [0.13, 0.47],
            purchase_propensity: [0.8, 4.2],
            single_view_share: 0.86,
            browse_views: [1.05, 1.1],
            views_with_carts: 0.80,
            cart_views: [0.75, 1.25],
            carts: [0.75, 1.3],
            removal_share: 0.48,
            tidy_share: 0.12,
            basket: [1.75, 0.85],
            untracked_share: 0.25,
            repeat_view_share: 0.12,
            cart_review_share: 0.25,
            cart_viewed_share: 0.52,
            cart_seen_share: 0.1,
            cart_again_share: 0.13,
            never_carted_share: 0.154,
            return_within_hour: 0.4,
            return_days: [1.8, 1.5],
        }
    }
}

/// Parameters of a synthetic shop. Call [`ShopConfig::check`] to validate them.
///
/// The defaults are calibrated on real logs: see `docs/synthetic-shop.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShopConfig {
    /// Rows of the log, duplicates included.
    pub n_events: u64,
    /// Users. Default: one per 12.6 rows, as in the real log.
    pub n_users: Option<u64>,
    /// Items. Default: 54,571 · (rows / 20,692,840)^0.355, which is how distinct items grow with rows
    /// in the real log, but at most one per ten rows.
    pub n_items: Option<u64>,
    /// Taste communities. Default: 24, or a quarter of the categories if that is fewer.
    pub n_communities: Option<u32>,
    /// The seed: the same seed and parameters give the same bytes.
    pub seed: u64,
    /// Shares of view, cart, remove_from_cart and purchase rows; they sum to 1.
    /// The log approaches them: within 2 points from some ten thousand rows on, unless they are far
    /// from the default ones (a session without carts has at least one view, for instance).
    pub behavior_shares: [f64; 4],
    /// The share of exact duplicates among the rows of each behavior.
    pub duplicate_shares: [f64; 4],
    /// The share of rows without a brand.
    pub brand_missing: f64,
    /// The share of rows without a category code.
    pub category_code_missing: f64,
    /// The share of items with a price of 0.
    pub zero_price: f64,
    /// The median price.
    pub median_price: f64,
    /// The standard deviation of log prices between categories and within one.
    pub price_deviation: [f64; 2],
    /// Users' tastes.
    pub taste: TasteConfig,
    /// Sessions.
    pub funnel: FunnelConfig,
}

impl Default for ShopConfig {
    fn default() -> Self {
        Self {
            n_events: 200_000,
            n_users: None,
            n_items: None,
            n_communities: None,
            seed: 42,
            behavior_shares: [0.45, 0.28, 0.20, 0.07],
            duplicate_shares: [0.0005, 0.015, 0.225, 0.0007],
            brand_missing: 0.423,
            category_code_missing: 0.983,
            zero_price: 0.005,
            median_price: 3.97,
            price_deviation: [0.8, 0.85],
            taste: TasteConfig::default(),
            funnel: FunnelConfig::default(),
        }
    }
}

struct Issues(Vec<String>);

impl Issues {
    fn unless(&mut self, fine: bool, issue: impl FnOnce() -> String) {
        if !fine {
            self.0.push(issue());
        }
    }

    fn shares(&mut self, named: &[(&str, f64)]) {
        for &(name, x) in named {
            self.unless((0.0..=1.0).contains(&x), || {
                format!("{name} is {x}; give a share between 0 and 1")
            });
        }
    }

    /// A share that must stay below 1 so that something else can happen too.
    fn below_one(&mut self, named: &[(&str, f64)]) {
        for &(name, x) in named {
            self.unless((0.0..=0.95).contains(&x), || {
                format!("{name} is {x}; give a share between 0 and 0.95")
            });
        }
    }

    fn positive(&mut self, named: &[(&str, f64)]) {
        for &(name, x) in named {
            self.unless(x.is_finite() && x > 0.0, || {
                format!("{name} is {x}; give a positive number")
            });
        }
    }

    fn log_normals(&mut self, named: &[(&str, [f64; 2])]) {
        for &(name, [mean, deviation]) in named {
            let fine = mean.abs() <= 10.0 && (0.0..=5.0).contains(&deviation);
            self.unless(fine, || {
                format!(
                    "{name} is [{mean}, {deviation}]; give a mean between -10 and 10 and a \
                     deviation between 0 and 5 of the logarithm"
                )
            });
        }
    }

    fn distribution(&mut self, name: &str, shares: &[f64]) {
        let sum: f64 = shares.iter().sum();
        let fine = shares.iter().all(|s| (0.0..=1.0).contains(s)) && (sum - 1.0).abs() < 1e-6;
        self.unless(fine, || {
            format!("{name} are {shares:?}; give shares between 0 and 1 that sum to 1")
        });
    }
}

impl ShopConfig {
    /// Checks every parameter and fills in the unset ones.
    ///
    /// # Errors
    /// [`DataError::Config`] with every issue found.
    pub fn check(&self) -> Result<ValidShopConfig, DataError> {
        let mut issues = Issues(Vec::new());
        let n_events = self.n_events;
        issues.unless((1..=1 << 40).contains(&n_events), || {
            format!("n_events is {n_events}; give a number between 1 and 2^40")
        });
        let rows = n_events.max(1) as f64;
        let derived_users = (rows * FULL_USERS / FULL_ROWS).round().max(1.0) as u64;
        let n_users = self.n_users.unwrap_or(derived_users);
        issues.unless((1..=n_events.min(1 << 31)).contains(&n_users), || {
            format!("n_users is {n_users}; give a number between 1 and n_events ({n_events}), at most 2^31")
        });
        let grown = FULL_ITEMS * (rows / FULL_ROWS).powf(ITEM_GROWTH);
        let derived_items = grown.min(rows / 10.0).round().max(10.0) as u64;
        let n_items = self.n_items.unwrap_or(derived_items);
        issues.unless((2..=1 << 26).contains(&n_items), || {
            format!("n_items is {n_items}; give a number between 2 and 2^26")
        });
        let scaled = |full: f64, growth: f64| {
            let share = n_items.max(1) as f64 / FULL_ITEMS;
            (full * share.powf(growth))
                .min(n_items as f64 / 4.0)
                .round()
                .max(2.0) as u32
        };
        let n_categories = scaled(FULL_CATEGORIES, CATEGORY_GROWTH);
        let n_communities = self
            .n_communities
            .unwrap_or_else(|| (n_categories / 4).clamp(1, 24));
        issues.unless((1..=n_categories).contains(&n_communities), || {
            format!(
                "n_communities is {n_communities}; give a number between 1 and the {n_categories} \
                 categories that {n_items} items have"
            )
        });
        self.check_shares(&mut issues);
        self.taste.check(&mut issues);
        self.funnel.check(&mut issues);
        if issues.0.is_empty() {
            Ok(ValidShopConfig {
                config: self.clone(),
                n_users: n_users as u32,
                n_items: n_items as u32,
                n_communities,
                n_categories,
                n_brands: scaled(FULL_BRANDS, BRAND_GROWTH),
            })
        } else {
            Err(DataError::Config { issues: issues.0 })
        }
    }

    fn check_shares(&self, issues: &mut Issues) {
        issues.distribution("behavior_shares", &self.behavior_shares);
        issues.unless(self.behavior_shares[0] > 0.0, || {
            "behavior_shares begins with 0; views need a positive share".to_owned()
        });
        for (name, share) in super::BEHAVIORS.iter().zip(self.duplicate_shares) {
            issues.unless((0.0..=0.5).contains(&share), || {
                format!("duplicate_shares of {name} is {share}; give a share between 0 and 0.5")
            });
        }
        issues.shares(&[
            ("brand_missing", self.brand_missing),
            ("category_code_missing", self.category_code_missing),
            ("zero_price", self.zero_price),
        ]);
        issues.positive(&[("median_price", self.median_price)]);
        for deviation in self.price_deviation {
            issues.unless((0.0..=5.0).contains(&deviation), || {
                format!("price_deviation holds {deviation}; give numbers between 0 and 5")
            });
        }
    }
}

impl TasteConfig {
    fn check(&self, issues: &mut Issues) {
        issues.distribution("taste.communities_per_user", &self.communities_per_user);
        issues.shares(&[
            ("taste.popularity_share", self.popularity_share),
            ("taste.bestseller_share", self.bestseller_share),
            ("taste.favorite_share", self.favorite_share),
            ("taste.stay_share", self.stay_share),
            ("taste.style_agreement", self.style_agreement),
        ]);
        issues.unless((1..=64).contains(&self.favorites), || {
            format!(
                "taste.favorites is {}; give a number between 1 and 64",
                self.favorites
            )
        });
        issues.unless((1..=255).contains(&self.styles), || {
            format!(
                "taste.styles is {}; give a number between 1 and 255",
                self.styles
            )
        });
        issues.unless((1.0..=1e3).contains(&self.style_preference), || {
            format!(
                "taste.style_preference is {}; give a number between 1 and 1000",
                self.style_preference
            )
        });
        issues.unless((0.0..=5.0).contains(&self.popularity_exponent), || {
            format!(
                "taste.popularity_exponent is {}; give a number between 0 and 5",
                self.popularity_exponent
            )
        });
        issues.unless((0.0..=100.0).contains(&self.popularity_shift), || {
            format!(
                "taste.popularity_shift is {}; give a number between 0 and 100",
                self.popularity_shift
            )
        });
    }
}

impl FunnelConfig {
    fn check(&self, issues: &mut Issues) {
        issues.unless(self.session_exponent > 1.0 && self.session_exponent <= 20.0, || {
            format!(
                "funnel.session_exponent is {}; give a number above 1 (below it there is no mean) \
                 and at most 20",
                self.session_exponent
            )
        });
        let [[a, b], [c, d]] = [self.cart_propensity, self.purchase_propensity];
        issues.positive(&[
            ("funnel.session_scale", self.session_scale),
            ("funnel.cart_propensity (first)", a),
            ("funnel.cart_propensity (second)", b),
            ("funnel.purchase_propensity (first)", c),
            ("funnel.purchase_propensity (second)", d),
        ]);
        issues.shares(&[
            ("funnel.single_view_share", self.single_view_share),
            ("funnel.views_with_carts", self.views_with_carts),
            ("funnel.removal_share", self.removal_share),
            ("funnel.tidy_share", self.tidy_share),
            ("funnel.cart_seen_share", self.cart_seen_share),
            ("funnel.untracked_share", self.untracked_share),
            ("funnel.cart_review_share", self.cart_review_share),
            ("funnel.cart_viewed_share", self.cart_viewed_share),
            ("funnel.return_within_hour", self.return_within_hour),
        ]);
        issues.below_one(&[
            ("funnel.repeat_view_share", self.repeat_view_share),
            ("funnel.cart_again_share", self.cart_again_share),
            ("funnel.never_carted_share", self.never_carted_share),
        ]);
        issues.log_normals(&[
            ("funnel.browse_views", self.browse_views),
            ("funnel.cart_views", self.cart_views),
            ("funnel.carts", self.carts),
            ("funnel.basket", self.basket),
            ("funnel.return_days", self.return_days),
        ]);
    }
}

/// A checked shop, with every number filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidShopConfig {
    pub(super) config: ShopConfig,
    pub(super) n_users: u32,
    pub(super) n_items: u32,
    pub(super) n_communities: u32,
    pub(super) n_categories: u32,
    pub(super) n_brands: u32,
}

impl ValidShopConfig {
    /// The parameters as they were written.
    #[must_use]
    pub fn config(&self) -> &ShopConfig {
        &self.config
    }

    /// Rows of the log.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        self.config.n_events
    }

    /// Users.
    #[must_use]
    pub fn n_users(&self) -> u64 {
        u64::from(self.n_users)
    }

    /// Items in the catalogue; a short log may not use all of them.
    #[must_use]
    pub fn n_items(&self) -> u64 {
        u64::from(self.n_items)
    }

    /// Taste communities.
    #[must_use]
    pub fn n_communities(&self) -> u32 {
        self.n_communities
    }

    /// The scale of sessions per user: sessions grow with the square root of rows per
    /// user, and so does the length of a session.
    pub(super) fn session_scale(&self) -> f64 {
        let relative = self.n_events() as f64 / f64::from(self.n_users) * FULL_USERS / FULL_ROWS;
        self.config.funnel.session_scale * relative.sqrt()
    }
}
