//! Instacart's files: the product files refer to the orders files.

use crate::log::catalogue::skip_row;
use crate::log::orders::{Order, Orders};
use crate::log::table::Table;
use crate::log::wanted::Wanted;
use crate::{DataError, ReadConfig, RowIssue};
use lightgcn_core::{InputFile, StageReport, is_no_value};
use std::path::PathBuf;
use std::rc::Rc;

/// The column that both kinds of files have.
const ORDER_ID: &str = "order_id";

/// The column that only the orders file has.
const ORDER_NUMBER: &str = "order_number";

/// The product files, and the orders they refer to.
pub(super) struct Joined {
    pub(super) tables: Vec<Table>,
    pub(super) inputs: Vec<InputFile>,
    pub(super) report: StageReport,
}

/// Opens all files, reads the orders files, and lets the others look up their rows' orders.
pub(super) fn join(files: &[PathBuf], config: &ReadConfig) -> Result<Joined, DataError> {
    let mut orders = Orders::default();
    let mut joined = Joined {
        tables: Vec::new(),
        inputs: Vec::new(),
        report: StageReport::new("orders", "rows"),
    };
    for file in files {
        let mut table = Table::open(file, &config.format, &Wanted::All)?;
        if table.optional(ORDER_NUMBER)?.is_some() {
            read(&mut orders, &mut table, config, &mut joined.report)?;
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
                let id = column(table, ORDER_ID)?;
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
    orders: &mut Orders,
    table: &mut Table,
    config: &ReadConfig,
    report: &mut StageReport,
) -> Result<(), DataError> {
    let column = |name| column(table, name);
    let columns = [
        column(ORDER_ID)?,
        column("user_id")?,
        column(ORDER_NUMBER)?,
        column("order_hour_of_day")?,
        column("days_since_prior_order")?,
    ];
    while table.next_row()? {
        report.rows_in += 1;
        match parse(table, columns) {
            Ok((id, order)) => {
                report.kept += 1;
                orders.insert(id, order);
            }
            Err(issue) => skip_row(table, issue, config, report)?,
        }
    }
    Ok(())
}

/// The position of a column that every Instacart file must have.
fn column(table: &Table, name: &str) -> Result<usize, DataError> {
    let expected = "Instacart's files have the columns order_id, user_id, order_number, \
                    order_hour_of_day and days_since_prior_order, or order_id and product_id";
    let found = table.optional(name)?;
    found.ok_or_else(|| DataError::UnknownLayout {
        path: table.path().to_owned(),
        expected,
    })
}

/// The order's id and details.
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
