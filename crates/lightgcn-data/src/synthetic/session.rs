//! One session: a burst of views, carts, removals, and perhaps the purchase of what was carted.

use super::calendar::LAST_SECOND;
use super::catalogue::Catalogue;
use super::config::{FunnelConfig, ValidShopConfig};
use super::control::Control;
use super::distributions::{log_normal_count, round_randomly};
use super::output::Row;
use super::user::User;
use super::{CART, PURCHASE, REMOVE, VIEW};
use lightgcn_core::random::Draws;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The maximum number of carted units remembered per user.
const FULL_CART: usize = 128;
/// The probability that another view follows a view, a cart a cart, a removal a removal, while some
/// are left; otherwise the next kind is drawn from all that are left.
const SAME_KIND: [f64; 3] = [0.4, 0.55, 0.7];
/// The median seconds between two events, by the second's kind, and the deviation of the logarithm;
/// a kind that changes takes `CHANGE_GAP` at least. From the real sample's sessions.
const GAPS: [f64; 4] = [40.0, 17.0, 1.5, 210.0];
const CHANGE_GAP: f64 = 35.0;
const GAP_DEVIATION: f64 = 1.2;

/// A session's plan.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Plan {
    /// Views, carts and removals still to come.
    left: [u64; 3],
    /// Items to buy at the end.
    basket: u64,
}

/// The numbers of events of a session, before control.
#[derive(Debug, Default, Clone, Copy)]
struct Nature {
    views: f64,
    carts: f64,
    removals: bool,
    tidy: bool,
    basket: f64,
}

impl Nature {
    fn draw(funnel: &FunnelConfig, user: &User, open: usize, draws: &mut Draws) -> Self {
        let mut nature = Self::default();
        if draws.unit() >= user.cart_propensity {
            if open > 0 && draws.unit() < funnel.tidy_share {
                nature.tidy = true;
            } else {
                nature.views = 1.0;
                if draws.unit() >= funnel.single_view_share {
                    nature.views += log_normal_count(draws, funnel.browse_views);
                }
            }
            return nature;
        }
        if draws.unit() < funnel.views_with_carts {
            nature.views = log_normal_count(draws, funnel.cart_views);
        }
        nature.carts = log_normal_count(draws, funnel.carts);
        nature.removals = draws.unit() < funnel.removal_share;
        if draws.unit() < user.purchase_propensity {
            nature.basket = log_normal_count(draws, funnel.basket);
            // Items missing from the cart are carted now; a full cart leaves time for little else.
            let missing = nature.basket * (1.0 - funnel.untracked_share) - open as f64;
            nature.carts = missing.ceil().max(0.0);
        }
        nature
    }

    /// Rows before control; removals are estimated at half of the open cart.
    fn rows(&self, open: usize) -> f64 {
        let removals = if self.removals || self.tidy { 0.5 } else { 0.0 };
        (self.views + self.carts + self.basket + removals * (open as f64 + self.carts)).max(1.0)
    }

    fn plan(&self, control: &Control, volume: f64, open: usize, draws: &mut Draws) -> Plan {
        let mut scaled = |natural: f64, behavior: usize| {
            if natural <= 0.0 || control.nudge(behavior) <= 0.2 {
                return 0;
            }
            round_randomly(draws, natural * volume * control.nudge(behavior)).max(1)
        };
        let views = scaled(self.views, VIEW);
        let carts = scaled(self.carts, CART);
        let basket = scaled(self.basket, PURCHASE);
        let mut removals = 0;
        if self.removals || self.tidy {
            let mut share = 0.5 + 0.5 * draws.unit();
            if basket > 0 {
                // Buyers prune their carts, others clear them.
                share *= 0.3;
            }
            let all = open as f64 + carts as f64;
            let wanted = share * all * control.nudge(REMOVE);
            removals = round_randomly(draws, wanted.min(all));
        }
        let mut left = [views, carts, removals];
        if left.iter().all(|&n| n == 0) && basket == 0 {
            left[VIEW] = 1;
        }
        Plan { left, basket }
    }
}

/// Runs one session and pushes its rows.
pub(super) struct Session<'a> {
    pub(super) config: &'a ValidShopConfig,
    pub(super) catalogue: &'a Catalogue,
    pub(super) user: &'a User,
    pub(super) control: &'a mut Control,
    pub(super) rows: &'a mut BinaryHeap<Reverse<Row>>,
    pub(super) cart: &'a mut Vec<u32>,
    pub(super) draws: Draws,
    /// The next row; its time moves on with the session.
    pub(super) next: Row,
    pub(super) duplicates: &'a mut u64,
}

impl Session<'_> {
    /// Generates the session. Returns the sequence number of the row after its last.
    pub(super) fn run(mut self) -> u64 {
        let funnel = &self.config.config.funnel;
        let open = self.cart.len();
        let nature = Nature::draw(funnel, self.user, open, &mut self.draws);
        let volume = self.control.begin(nature.rows(open));
        let mut plan = nature.plan(self.control, volume, open, &mut self.draws);
        if self.control.is_last() {
            // The log has exactly its number of rows: the last session takes what is left.
            let planned = plan.left.iter().sum::<u64>() + plan.basket;
            plan.left[VIEW] += self.control.rows_left().saturating_sub(planned);
        }
        self.browse(&mut plan);
        if plan.basket > 0 {
            self.buy(plan.basket);
        }
        if self.control.is_last() {
            // Removals that found an empty cart leave rows over.
            let left = self.control.rows_left();
            self.browse(&mut Plan {
                left: [left, 0, 0],
                basket: 0,
            });
        }
        self.next.sequence
    }

    fn browse(&mut self, plan: &mut Plan) {
        let mut category = self.new_category();
        let mut kind = VIEW;
        let mut seen: Vec<u32> = Vec::new();
        let mut last = None;
        while self.control.rows_left() > 0 {
            let Some(next) = self.next_kind(plan, kind) else {
                return;
            };
            plan.left[next] -= 1;
            let changed = last.is_none() || next != kind;
            let item = match next {
                VIEW => self.viewed(&seen, &mut category),
                CART => self.carted(last, kind, &seen, &mut category),
                _ => self.removed(),
            };
            self.wait(next, changed && last.is_some());
            self.push(next, item);
            if next == VIEW && !seen.contains(&item) {
                seen.push(item);
            }
            if next == CART && self.cart.len() < FULL_CART {
                self.cart.push(item);
            }
            kind = next;
            last = Some(item);
        }
    }

    /// The next event's kind: mostly the same while some are left, otherwise drawn from what is left.
    fn next_kind(&mut self, plan: &mut Plan, kind: usize) -> Option<usize> {
        if self.cart.is_empty() && plan.left[CART] == 0 {
            plan.left[REMOVE] = 0;
        }
        let mut left = plan.left;
        if self.cart.is_empty() {
            left[REMOVE] = 0;
        }
        let all: u64 = left.iter().sum();
        if all == 0 {
            return None;
        }
        if left[kind] > 0 && self.draws.unit() < SAME_KIND[kind] {
            return Some(kind);
        }
        let mut ticket = self.draws.below_u64(all);
        for (kind, &n) in left.iter().enumerate() {
            if ticket < n {
                return Some(kind);
            }
            ticket -= n;
        }
        None
    }

    fn new_category(&mut self) -> u32 {
        self.user
            .category(self.config, self.catalogue, &mut self.draws)
    }

    fn new_item(&mut self, category: &mut u32) -> u32 {
        let taste = &self.config.config.taste;
        if self.draws.unit() < taste.bestseller_share {
            let category = self.catalogue.any_category(&mut self.draws);
            return self.catalogue.bestseller(category);
        }
        if self.draws.unit() >= taste.stay_share {
            *category = self.new_category();
        }
        let style = self.user.style;
        self.catalogue
            .item(*category, style, taste.style_preference, &mut self.draws)
    }

    fn viewed(&mut self, seen: &[u32], category: &mut u32) -> u32 {
        let repeat = self.config.config.funnel.repeat_view_share;
        if !seen.is_empty() && self.draws.unit() < repeat {
            return seen[self.draws.below(seen.len() as u32) as usize];
        }
        let review = self.config.config.funnel.cart_review_share;
        if !self.cart.is_empty() && self.draws.unit() < review {
            return self.cart[self.draws.below(self.cart.len() as u32) as usize];
        }
        self.new_item(category)
    }

    fn carted(&mut self, last: Option<u32>, kind: usize, seen: &[u32], category: &mut u32) -> u32 {
        let funnel = &self.config.config.funnel;
        let again = match kind {
            VIEW => funnel.cart_viewed_share,
            CART => funnel.cart_again_share,
            _ => 0.0,
        };
        if let Some(item) = last
            && self.draws.unit() < again
            && !self.catalogue.is_never_carted(item)
        {
            return item;
        }
        if !seen.is_empty() && self.draws.unit() < funnel.cart_seen_share {
            let item = seen[self.draws.below(seen.len() as u32) as usize];
            if !self.catalogue.is_never_carted(item) {
                return item;
            }
        }
        // A category in which nothing can be carted gives up after some tries.
        let mut item = self.new_item(category);
        for _ in 0..8 {
            if !self.catalogue.is_never_carted(item) {
                break;
            }
            item = self.new_item(category);
        }
        item
    }

    fn removed(&mut self) -> u32 {
        let place = self.draws.below(self.cart.len() as u32) as usize;
        self.cart.swap_remove(place)
    }

    /// Buys `basket` items at once, from the open cart or never carted.
    fn buy(&mut self, basket: u64) {
        self.wait(PURCHASE, false);
        let untracked = self.config.config.funnel.untracked_share;
        let mut category = self.new_category();
        for _ in 0..basket {
            let item = if self.cart.is_empty() || self.draws.unit() < untracked {
                self.carted(None, PURCHASE, &[], &mut category)
            } else {
                self.removed()
            };
            self.push(PURCHASE, item);
        }
    }

    fn wait(&mut self, kind: usize, changed: bool) {
        let median = if changed {
            GAPS[kind].max(CHANGE_GAP)
        } else {
            GAPS[kind]
        };
        let gap = median * (GAP_DEVIATION * self.draws.normal()).exp();
        let second = f64::from(self.next.second) + gap.min(1_800.0);
        self.next.second = (second as u32).min(LAST_SECOND);
    }

    /// Pushes the row, and again with the probability of a duplicate.
    fn push(&mut self, behavior: usize, item: u32) {
        let share = self.config.config.duplicate_shares[behavior];
        let times = 1 + u64::from(self.draws.unit() < share / (1.0 - share));
        for time in 0..times {
            if self.control.take(behavior) {
                self.next.item = item;
                self.next.behavior = behavior as u8;
                self.rows.push(Reverse(self.next));
                self.next.sequence += 1;
                *self.duplicates += time;
            }
        }
    }
}
