//! A comparison as text, Markdown and CSV.

use super::{ComparedModel, ModelComparison};
use lightgcn_core::aligned;
use lightgcn_metrics::{PairedTest, mean};
use lightgcn_recommend::ComparisonRow;
use std::fmt::{self, Write};

/// A column: its name, and a row's cell.
type Column = (&'static str, fn(&Row<'_>) -> String);

/// One row, and the leading cutoff.
struct Row<'a> {
    figures: &'a ComparisonRow,
    model: &'a ComparedModel,
    k: usize,
}

impl Row<'_> {
    fn figure(&self, metric: &str) -> String {
        let name = format!("{metric}@{}", self.k);
        number(self.figures.figures.get(&name).copied())
    }
}

/// The columns of every form. Metrics are at the leading cutoff.
const COLUMNS: [Column; 22] = [
    ("ranker", |row| row.figures.ranker.clone()),
    ("recall", |row| row.figure("recall")),
    ("low", |row| number(Some(row.figures.interval.low))),
    ("high", |row| number(Some(row.figures.interval.high))),
    ("seeds_mean", |row| number(Some(mean(&row.model.by_seed)))),
    ("seeds_sd", |row| number(row.model.deviation())),
    ("ndcg", |row| row.figure("ndcg")),
    ("hit_rate", |row| row.figure("hit_rate")),
    ("familiar", |row| number(row.figures.familiar)),
    ("new", |row| number(row.figures.new_targets)),
    ("coverage", |row| {
        number(row.figures.coverage.get(&row.k).copied())
    }),
    ("novelty", |row| number(row.model.novelty)),
    ("gini", |row| number(row.model.gini)),
    ("validation", |row| number(Some(row.model.validation))),
    ("first_minus_this", |row| {
        difference(row, |test| test.mean_difference)
    }),
    ("difference_low", |row| {
        difference(row, |test| test.interval.low)
    }),
    ("difference_high", |row| {
        difference(row, |test| test.interval.high)
    }),
    ("p_holm", |row| number(row.figures.adjusted_p_value)),
    ("trials", |row| match row.model.trials {
        0 => dash(),
        n => n.to_string(),
    }),
    ("seconds", |row| match row.model.seconds {
        0.0 => dash(),
        seconds => format!("{seconds:.1}"),
    }),
    ("peak_mb", |row| {
        let bytes = row.model.peak_bytes;
        bytes.map_or_else(dash, |bytes| (bytes / 1_000_000).to_string())
    }),
    ("settings", |row| {
        let settings = row.model.settings.iter();
        let words: Vec<String> = settings
            .map(|(path, value)| {
                let name = path.split('.').next_back().unwrap_or(path);
                match value.as_f64().filter(|_| value.is_f64()) {
                    Some(x) => format!("{name} {x:.2e}"),
                    None => format!("{name} {}", value.to_string().trim_matches('"')),
                }
            })
            .collect();
        match words.is_empty() {
            true => dash(),
            false => words.join("; "),
        }
    }),
];

/// A figure of the test of the first row against this one.
fn difference(row: &Row<'_>, figure: impl Fn(&PairedTest) -> f64) -> String {
    let test = row.figures.first_against_this.as_ref();
    test.map_or_else(dash, |test| format!("{:+.4}", figure(test)))
}

fn dash() -> String {
    "-".to_owned()
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(dash, |x| format!("{x:.4}"))
}

impl ModelComparison {
    fn cells(&self) -> Vec<Vec<String>> {
        let k = self.comparison.k;
        let head = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
        let rows = self.comparison.rows.iter().zip(&self.models);
        let rows = rows.map(|(figures, model)| {
            let row = Row { figures, model, k };
            COLUMNS.iter().map(|(_, cell)| cell(&row)).collect()
        });
        std::iter::once(head.collect()).chain(rows).collect()
    }

    /// As a table of GitHub's Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        for (n, row) in self.cells().into_iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {} |", cells.join(" | "));
            if n == 0 {
                let _ = writeln!(text, "|---|{}", "---:|".repeat(row.len() - 1));
            }
        }
        text
    }

    /// As CSV, with a header; a cell without a value is `-`.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let rows = self.cells().into_iter();
        let lines = rows.map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n");
        lines.collect()
    }
}

impl fmt::Display for ModelComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.comparison;
        write!(
            f,
            "{}at {}, of {} users with {} test targets, {} of them viewed or carted before; settings chosen and rows \
             ordered on validation; intervals over users, means and deviations over seeds, p by Holm's method",
            aligned(&self.cells()),
            table.k,
            table.n_users,
            table.n_targets,
            table.n_familiar_targets
        )
    }
}
