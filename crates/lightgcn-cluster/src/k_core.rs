//! The k-core of the training pairs.

use crate::ClusterError;
use crate::rows::single_row;
use crate::session::Session;
use lightgcn_core::StageReport;
use lightgcn_data::KCoreConfig;

/// A side of the pairs.
struct Side {
    kind: &'static str,
    unit: &'static str,
    column: &'static str,
    minimum: u32,
}

impl Side {
    fn reason(&self) -> String {
        format!(
            "{} with fewer than {} pairs",
            self.kind,
            self.minimum.max(1)
        )
    }
}

/// Reduces the table `pairs` to its k-core, with the rounds of [`lightgcn_data::k_core`]: users that fall short, then
/// items, until none does. Returns the name of the table with the rest.
pub(crate) async fn k_core(
    session: &Session,
    n_pairs: u64,
    config: &KCoreConfig,
    stages: &mut Vec<StageReport>,
) -> Result<String, ClusterError> {
    let mut table = "pairs".to_owned();
    if config.is_trivial() {
        return Ok(table);
    }
    let sides = [
        Side {
            kind: "user",
            unit: "users",
            column: "u",
            minimum: config.min_user_pairs,
        },
        Side {
            kind: "item",
            unit: "items",
            column: "i",
            minimum: config.min_item_pairs,
        },
    ];
    let mut report = StageReport::new("k-core", "pairs");
    report.rows_in = n_pairs;
    report.kept = n_pairs;
    let before = n_ends(session, &table).await?;
    // A side falls short only after the other lost pairs, or at the start.
    let (mut unchanged, mut round) = (0, 0);
    while unchanged < 2 {
        let side = &sides[round % 2];
        round += 1;
        let next = format!("core_{round}");
        let column = side.column;
        let sql = format!(
            "SELECT u, i FROM {table} LEFT SEMI JOIN (SELECT {column} AS enough FROM {table} GROUP BY {column} \
             HAVING count(*) >= {}) AS ends ON {column} = enough",
            side.minimum
        );
        let kept = session.keep(&next, &sql).await?;
        let dropped = report.kept - kept;
        report.drop(&side.reason(), dropped);
        report.kept = kept;
        session.forget(&table)?;
        table = next;
        unchanged = if dropped == 0 { unchanged + 1 } else { 0 };
    }
    let after = n_ends(session, &table).await?;
    stages.push(report);
    for (side, (before, after)) in sides.iter().zip(before.into_iter().zip(after)) {
        let mut report = StageReport::new("k-core", side.unit);
        report.rows_in = before;
        report.kept = after;
        report.drop(&side.reason(), before - after);
        stages.push(report);
    }
    Ok(table)
}

/// The numbers of users and items with pairs.
async fn n_ends(session: &Session, table: &str) -> Result<Vec<u64>, ClusterError> {
    let mut ends = Vec::new();
    for column in ["u", "i"] {
        let sql = format!("SELECT count(*) FROM (SELECT {column} FROM {table} GROUP BY {column})");
        let row = single_row(&session.rows("k-core", &sql).await?);
        ends.push(row.first().copied().flatten().unwrap_or(0) as u64);
    }
    Ok(ends)
}
