//! Users: their tastes, how often they come, how readily they cart and buy.
//!
//! Nothing is stored per user: each trait is a function of the seed and the user's number.

use super::calendar::{Calendar, LAST_SECOND, N_DAYS};
use super::catalogue::Catalogue;
use super::config::{MOST_SESSIONS, ValidShopConfig};
use super::distributions::{beta, cumulate, pareto_count, pick};
use super::epoch;
use lightgcn_core::random::{Draws, Random};

const FIRST_USER_ID: u64 = 151_065_371;
const USER_ID_SPAN: u64 = 457_765_000;
/// Shares of a user's communities, by the number of communities.
const MIXTURES: [&[f64]; 3] = [&[1.0], &[0.7, 0.3], &[0.6, 0.25, 0.15]];

/// The traits that shape a user's sessions.
pub(super) struct User {
    pub(super) cart_propensity: f64,
    pub(super) purchase_propensity: f64,
    pub(super) style: u8,
    communities: Vec<u32>,
    mixture: Vec<f64>,
    favorites: Vec<u32>,
}

impl User {
    pub(super) fn new(
        config: &ValidShopConfig,
        catalogue: &Catalogue,
        random: &Random,
        user: u32,
    ) -> Self {
        let mut draws = random.at(epoch::USER, u64::from(user));
        let (taste, funnel) = (&config.config.taste, &config.config.funnel);
        let sizes = cumulate(taste.communities_per_user);
        let n = (pick(&mut draws, &sizes) + 1).min(catalogue.n_communities() as usize);
        let mut communities: Vec<u32> = Vec::with_capacity(n);
        while communities.len() < n {
            let community = draws.below(catalogue.n_communities());
            if !communities.contains(&community) {
                communities.push(community);
            }
        }
        let mixture = cumulate(MIXTURES[n - 1].iter().copied());
        let style = if draws.unit() < taste.style_agreement {
            (communities[0] % taste.styles) as u8
        } else {
            draws.below(taste.styles) as u8
        };
        let favorites = (0..taste.favorites)
            .map(|_| {
                let community = communities[pick(&mut draws, &mixture)];
                catalogue.category_of(community, &mut draws)
            })
            .collect();
        Self {
            cart_propensity: beta(&mut draws, funnel.cart_propensity),
            purchase_propensity: beta(&mut draws, funnel.purchase_propensity),
            style,
            communities,
            mixture,
            favorites,
        }
    }

    /// A category for the user to browse.
    pub(super) fn category(
        &self,
        config: &ValidShopConfig,
        catalogue: &Catalogue,
        draws: &mut Draws,
    ) -> u32 {
        let taste = &config.config.taste;
        if draws.unit() < taste.popularity_share {
            return catalogue.any_category(draws);
        }
        if draws.unit() < taste.favorite_share {
            return self.favorites[draws.below(self.favorites.len() as u32) as usize];
        }
        let community = self.communities[pick(draws, &self.mixture)];
        catalogue.category_of(community, draws)
    }
}

/// How many sessions a user has.
pub(super) fn n_sessions(config: &ValidShopConfig, scale: f64, random: &Random, user: u32) -> u32 {
    let mut draws = random.at(epoch::SESSION_COUNT, u64::from(user));
    let exponent = config.config.funnel.session_exponent;
    pareto_count(&mut draws, exponent, scale, f64::from(MOST_SESSIONS))
}

/// When users come.
pub(super) struct Visits<'a> {
    pub(super) config: &'a ValidShopConfig,
    pub(super) calendar: &'a Calendar,
    pub(super) random: Random,
}

impl Visits<'_> {
    /// Fills `times` with the starts of a user's `n` sessions, in seconds from the start of the period,
    /// unsorted.
    ///
    /// Visits are a chain of gaps from a uniform start, in shares of the period's traffic and wrapped
    /// around it, so that traffic follows the calendar whatever the gaps are. Sessions that follow
    /// within the hour follow in seconds.
    pub(super) fn session_times(&self, user: u32, n: u32, times: &mut Vec<u32>) {
        let (funnel, calendar) = (&self.config.config.funnel, self.calendar);
        let mut draws = self.random.at(epoch::TIMES, u64::from(user));
        let mut visit = draws.unit();
        let mut second = calendar.second(visit);
        times.clear();
        times.push(second);
        for _ in 1..n {
            if draws.unit() < funnel.return_within_hour {
                // Log-uniform between a minute and an hour.
                second += (60.0 * 60f64.powf(draws.unit())) as u32;
            } else {
                let [mean, deviation] = funnel.return_days;
                let days = (mean + deviation * draws.normal()).exp();
                visit = (visit + days / f64::from(N_DAYS)).fract();
                second = calendar.second(visit);
            }
            times.push(second.min(LAST_SECOND));
        }
    }
}

/// The user's id in the log: distinct, over the real log's range.
pub(super) fn user_id(config: &ValidShopConfig, random: &Random, user: u32) -> u64 {
    let gap = (USER_ID_SPAN / u64::from(config.n_users)).max(1);
    let within = random.at(epoch::USER_IDS, u64::from(user)).below_u64(gap);
    FIRST_USER_ID + u64::from(user) * gap + within
}
