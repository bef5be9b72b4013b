//! An inspection for the terminal.

use super::{BehaviorFigures, Degrees, HeldOutPart, Inspection, TimeSplit, Times, TrainingMemory};
use std::fmt;

/// The maximum width of a sparkline, in columns.
const COLUMNS: i64 = 60;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} events of {} users with {} items, in {} pairs ({} with a target)",
            self.events, self.users.count, self.items.count, self.pairs, self.target_pairs
        )?;
        if let Some(times) = &self.times {
            write!(f, "{times}")?;
        }
        self.write_behaviors(f)?;
        self.write_degrees(f)?;
        if let Some(split) = &self.split {
            write!(f, "\n{split}")?;
        }
        if let Some(training) = &self.training {
            write!(f, "\n{training}")?;
        }
        if !self.warnings.is_empty() {
            f.write_str("\nWarnings\n")?;
        }
        for warning in &self.warnings {
            writeln!(f, "- {warning}")?;
        }
        Ok(())
    }
}

impl Inspection {
    fn write_behaviors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = |b: &BehaviorFigures| match b.target {
            true => format!("{} (target)", b.name),
            false => b.name.clone(),
        };
        let labels: Vec<String> = self.behaviors.iter().map(label).collect();
        let widths = labels.iter().map(|label| label.chars().count());
        let width = widths.max().unwrap_or(0).max("behavior".len());
        writeln!(
            f,
            "\n{:width$}  {:>10}  {:>6}  {:>9}  {:>9}  {:>10}  {:>8}  {:>11}",
            "behavior", "events", "share", "users", "items", "pairs", "repeated", "then target"
        )?;
        for (label, b) in labels.iter().zip(&self.behaviors) {
            let conversion = b.conversion.map_or("–".to_owned(), percent);
            let (share, repeated) = (percent(b.share), percent(b.repeated));
            writeln!(
                f,
                "{label:width$}  {:>10}  {share:>6}  {:>9}  {:>9}  {:>10}  {repeated:>8}  \
                 {conversion:>11}",
                b.events, b.users, b.items, b.pairs
            )?;
        }
        match self.sudden_targets {
            Some(share) => writeln!(
                f,
                "{} of the pairs with a target start with it",
                percent(share)
            ),
            None => Ok(()),
        }
    }

    fn write_degrees(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:12}  {:>9}  {:>8}  {:>6}  {:>6}  {:>7}  {:>9}  {:>7}  {:>9}",
            "events of", "count", "mean", "median", "90%", "99%", "most", "below 5", "no target"
        )?;
        let mut row = |name: &str, degrees: &Degrees| {
            let (events, cold) = (&degrees.events, percent(degrees.cold));
            let without = percent(degrees.without_target);
            writeln!(
                f,
                "{name:12}  {:>9}  {:>8.2}  {:>6}  {:>6}  {:>7}  {:>9}  {cold:>7}  {without:>9}",
                degrees.count, events.mean, events.p50, events.p90, events.p99, events.max
            )
        };
        row("a user", &self.users)?;
        row("an item", &self.items)
    }
}

impl fmt::Display for TrainingMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.table, self.optimizer, self.graph, self.peak];
        let [table, optimizer, graph, peak] = parts.map(|bytes| bytes as f64 / 1e6);
        writeln!(
            f,
            "training on all of it takes about {peak:.1} MB at its peak: {table:.1} MB for the embeddings, \
             {optimizer:.1} MB for the optimizer, {graph:.1} MB for the graph, and the rest for gradients, a batch \
             and the best model so far"
        )
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else {
            return Ok(());
        };
        writeln!(
            f,
            "from {} to {}, events on {} of {} days",
            self.span.first,
            self.span.last,
            self.days.len(),
            last.number - first.number + 1
        )?;
        let (days, line) = self.sparkline();
        let most = self.days.iter().map(|day| day.events).max();
        let most = most.unwrap_or(0);
        writeln!(
            f,
            "{line}  ({days} per column, at most {most} events per day)"
        )
    }
}

impl Times {
    /// The events over time, and how long a column is.
    fn sparkline(&self) -> (String, String) {
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else {
            return (String::new(), String::new());
        };
        let n_days = last.number - first.number + 1;
        let per_column = (n_days + COLUMNS - 1) / COLUMNS;
        let n_columns = (n_days + per_column - 1) / per_column;
        let mut columns = vec![0.0; n_columns as usize];
        for day in &self.days {
            columns[((day.number - first.number) / per_column) as usize] += day.events as f64;
        }
        // The last column may have fewer days.
        if let Some(column) = columns.last_mut() {
            let days = n_days - (n_columns - 1) * per_column;
            *column *= per_column as f64 / days as f64;
        }
        let days = match per_column {
            1 => "a day".to_owned(),
            n => format!("{n} days"),
        };
        (days, bars(&columns))
    }
}

/// A bar for each number, by its share of the largest; a blank for 0.
fn bars(numbers: &[f64]) -> String {
    let most = numbers.iter().copied().fold(0.0, f64::max);
    let bar = |&n: &f64| match n > 0.0 {
        false => ' ',
        true => BARS[((n / most * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    numbers.iter().map(bar).collect()
}

impl fmt::Display for TimeSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "A split by time (a tenth of the targets each) would train on {} events of {} users with {} \
             items,",
            self.training_events, self.training_users, self.training_items
        )?;
        writeln!(f, "validate on {},", self.validation)?;
        writeln!(f, "and test on {}.", self.test)
    }
}

impl fmt::Display for HeldOutPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} targets of {} users from {} on ({} bought before, {} with a user or an item unseen)",
            self.targets, self.users, self.from, self.bought_before, self.unseen
        )
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Day;
    use lightgcn_core::TimeSpan;

    #[test]
    fn bars_are_shares_of_the_largest() {
        assert_eq!(bars(&[0.0, 1.0, 4.0, 8.0, 16.0]), " ▁▂▄█");
        assert_eq!(bars(&[]), "");
        assert_eq!(bars(&[0.0, 0.0]), "  ");
        assert_eq!(bars(&[1.0, 1000.0]), "▁█");
    }

    #[test]
    fn long_logs_have_several_days_a_column() {
        let day = |number| Day {
            date: String::new(),
            number,
            events: 10,
            targets: 0,
        };
        let days = |n: i64| Times {
            span: TimeSpan {
                first: String::new(),
                last: String::new(),
            },
            days: (5..5 + n).map(day).collect(),
        };
        assert_eq!(days(60).sparkline(), ("a day".to_owned(), "█".repeat(60)));
        // 31 columns, of which the last has one day.
        assert_eq!(days(61).sparkline(), ("2 days".to_owned(), "█".repeat(31)));
        let mut gap = days(121);
        gap.days.drain(3..6);
        let line = format!("█ {}", "█".repeat(39));
        assert_eq!(gap.sparkline(), ("3 days".to_owned(), line));
    }
}
