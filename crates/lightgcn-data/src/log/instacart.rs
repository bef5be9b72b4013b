//! Instacart's orders, which the files of products refer to.

use crate::error::shorten;
use crate::log::catalogue::skip_row;
use crate::log::table::{Fields, Table, Wanted};
use crate::{DataError, ReadConfig, RowIssue};
use hashbrown::HashMap;
use lightgcn_core::{InputFile, StageReport, is_no_value};
use std::path::PathBuf;
use std::rc::Rc;

/// Where every user's clock ends: the day of their last order, 2017-01-01.
const LAST_DAY: i64 = 17_167;

/// The user and the time of each order.
///
/// The log has no times, only the days from each order of a user to the next (30 stands for more) and the
/// hour of the day. All clocks are set so that they end on the same day, since what is close to the last order is
/// close to what comes next.
#[derive(Default)]
pub(super) struct Orders {
    orders: HashMap<u32, Order>,
}

struct Order {
    user: u32,
    /// The order's place among those of its user, from 1.
    number: u32,
    /// Days since the order before.
    days: u32,
    /// In seconds since 1970; since midnight until all orders are read.
    time: i64,
}

/// The files of products, and what is known of their orders.
pub(super) struct Joined {
    pub(super) tables: Vec<Table>,
    pub(super) inputs: Vec<InputFile>,
    pub(super) report: StageReport,
}

impl Orders {
    /// The columns that are added to the files of products.
    pub(super) const COLUMNS: [&str; 3] = ["user_id", "event_time", "behavior"];

    /// The behavior of every row.
    const BEHAVIOR: &str = "purchase";

    /// The column that both kinds of files have.
    const ORDER_ID: &str = "order_id";

    /// The column that only the file of orders has.
    const ORDER_NUMBER: &str = "order_number";

    /// Opens all files, reads those of orders, and lets the others look up their rows' orders.
    pub(super) fn join(files: &[PathBuf], config: &ReadConfig) -> Result<Joined, DataError> {
        let mut orders = Self::default();
        let mut joined = Joined {
            tables: Vec::new(),
            inputs: Vec::new(),
            report: StageReport::new("orders", "rows"),
        };
        for file in files {
            let mut table = Table::open(file, &config.format, &Wanted::All)?;
            if table.optional(Self::ORDER_NUMBER)?.is_some() {
                orders.read(&mut table, config, &mut joined.report)?;
                joined.inputs.push(table.finish()?);
            } else {
                joined.tables.push(table);
            }
        }
        let missing = match (&joined.inputs[..], &joined.tables[..]) {
            ([], _) => "no file has the orders; give orders.csv too",
            (_, []) => "no file has the products of the orders; give order_products__prior.csv too",
            _ => {
                orders.set_clocks();
                let orders = Rc::new(orders);
                for table in &mut joined.tables {
                    let id = column(table, Self::ORDER_ID)?;
                    table.join(&orders, id);
                }
                return Ok(joined);
            }
        };
        Err(DataError::Config {
            issues: vec![missing.to_owned()],
        })
    }

    fn read(
        &mut self,
        table: &mut Table,
        config: &ReadConfig,
        report: &mut StageReport,
    ) -> Result<(), DataError> {
        let column = |name| column(table, name);
        let columns = [
            column(Self::ORDER_ID)?,
            column("user_id")?,
            column(Self::ORDER_NUMBER)?,
            column("order_hour_of_day")?,
            column("days_since_prior_order")?,
        ];
        while table.next_row()? {
            report.rows_in += 1;
            match parse(table, columns) {
                Ok((id, order)) => {
                    report.kept += 1;
                    self.orders.insert(id, order);
                }
                Err(issue) => skip_row(table, issue, config, report)?,
            }
        }
        Ok(())
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
    fn set_clocks(&mut self) {
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

/// The position of a column without which the file is not Instacart's.
fn column(table: &Table, name: &str) -> Result<usize, DataError> {
    let expected = "Instacart's files have the columns order_id, user_id, order_number, \
                    order_hour_of_day and days_since_prior_order, or order_id and product_id";
    let found = table.optional(name)?;
    found.ok_or_else(|| DataError::UnknownLayout {
        path: table.path().to_owned(),
        expected,
    })
}

/// The order's id and what is known of it.
fn parse(table: &Table, columns: [usize; 5]) -> Result<(u32, Order), RowIssue> {
    table.check_shape()?;
    let number = |column: usize| {
        let text = table.text(column)?;
        // The days are written as decimals.
        let whole = text.strip_suffix(".0").unwrap_or(text);
        whole.parse::<u32>().map_err(|_| RowIssue::Number {
            column: table.column_name(column),
            value: table.shown(column),
        })
    };
    let [id, user, order_number, hour, days] = columns;
    let days = match table.text(days)? {
        // A user's first order.
        text if text.is_empty() || is_no_value(text) => 0,
        _ => number(days)?,
    };
    let order = Order {
        user: number(user)?,
        number: number(order_number)?,
        days,
        time: i64::from(number(hour)?) * 3_600,
    };
    Ok((number(id)?, order))
}
