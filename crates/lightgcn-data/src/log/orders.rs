//! Instacart's orders, which product rows refer to.

use crate::RowIssue;
use crate::error::shorten;
use crate::log::fields::Fields;
use hashbrown::HashMap;

/// Where every user's clock ends: the day of their last order, 2017-01-01.
const LAST_DAY: i64 = 17_167;

/// The user and the time of each order.
///
/// The log has no times, only the days from each of a user's orders to the next (30 means 30 or
/// more) and the hour of the day. All users' clocks end on the same day, since what is close to the
/// last order is close to what comes next.
#[derive(Default)]
pub(super) struct Orders {
    orders: HashMap<u32, Order>,
}

pub(super) struct Order {
    pub(super) user: u32,
    /// The order's place among those of its user, from 1.
    pub(super) number: u32,
    /// Days since the order before.
    pub(super) days: u32,
    /// In seconds since 1970; since midnight until all orders are read.
    pub(super) time: i64,
}

impl Orders {
    /// The columns added to the product files.
    pub(super) const COLUMNS: [&str; 3] = ["user_id", "event_time", "behavior"];

    /// The behavior of every row.
    const BEHAVIOR: &str = "purchase";

    pub(super) fn insert(&mut self, id: u32, order: Order) {
        self.orders.insert(id, order);
    }

    /// Adds the row's order to its fields.
    pub(super) fn complete(&self, fields: &mut Fields, column: usize) -> Result<(), RowIssue> {
        let id = std::str::from_utf8(fields.get(column)).ok();
        let order = id.and_then(|id| self.orders.get(&id.parse::<u32>().ok()?));
        let order = order.ok_or_else(|| RowIssue::UnknownOrder {
            order: shorten(&String::from_utf8_lossy(fields.get(column))).into(),
        })?;
        let (user, time) = (order.user.to_string(), order.time.to_string());
        for field in [&user, &time, Self::BEHAVIOR] {
            fields.push(field.as_bytes(), b',');
        }
        Ok(())
    }

    /// Turns the days since the order before into times.
    pub(super) fn set_clocks(&mut self) {
        let mut orders: Vec<(&u32, &mut Order)> = self.orders.iter_mut().collect();
        orders.sort_unstable_by_key(|(id, order)| (order.user, order.number, **id));
        for of_user in orders.chunk_by_mut(|(_, a), (_, b)| a.user == b.user) {
            let mut day = LAST_DAY;
            for (_, order) in of_user.iter_mut().rev() {
                order.time += day * 86_400;
                day -= i64::from(order.days);
            }
        }
    }
}
