//! The table of a rolling evaluation: the figures of all windows, and how sure they are.

use super::{K, Rolling, RollingRow};
use crate::Error;
use lightgcn_core::aligned;
use lightgcn_metrics::{
    Metric, PairedTestOptions, bootstrap_interval, holm, mean, paired_test, standard_deviation,
};
use lightgcn_recommend::Evaluation;
use std::fmt;

/// The rows so far.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Sums>,
}

/// A row, and what each user adds to its mean.
struct Sums {
    row: RollingRow,
    /// By the log's user: the sum over the windows of their recall, each divided by the window's number of users;
    /// `None` for users without a target.
    by_user: Vec<Option<f64>>,
}

impl Table {
    /// Adds one window's evaluations of each seed to the rows of this history.
    pub(super) fn add(
        &mut self,
        history: Option<f64>,
        runs: &[Vec<Evaluation>],
    ) -> Result<(), Error> {
        for evaluation in &runs[0] {
            let seeds = runs.iter().flatten();
            let seeds = seeds.filter(|e| e.ranker() == evaluation.ranker());
            self.row_of(evaluation.ranker(), history)
                .add(&seeds.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn row_of(&mut self, ranker: &str, history: Option<f64>) -> &mut Sums {
        let mut rows = self.rows.iter();
        let position =
            rows.position(|sums| sums.row.ranker == ranker && sums.row.history_days == history);
        let at = position.unwrap_or_else(|| {
            self.rows.push(Sums {
                row: RollingRow {
                    ranker: ranker.to_owned(),
                    history_days: history,
                    recall: Vec::new(),
                    ndcg: Vec::new(),
                    recall_seed_deviation: None,
                    interval: None,
                    first_against_this: None,
                    adjusted_p_value: None,
                },
                by_user: Vec::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// The rows of `n_windows` windows, with intervals and tests.
    pub(super) fn rows(self, n_windows: usize, seed: u64) -> Result<Vec<RollingRow>, Error> {
        let mut rows = Vec::with_capacity(self.rows.len());
        let mut first: Option<Vec<f64>> = None;
        for (n, sums) in self.rows.into_iter().enumerate() {
            let is_complete = sums.row.recall.len() == n_windows;
            let values = is_complete.then(|| sums.values(n_windows));
            let mut row = sums.row;
            if let Some(values) = &values {
                let options = PairedTestOptions {
                    seed,
                    ..PairedTestOptions::default()
                };
                let (confidence, resamples) = (options.confidence, options.resamples);
                row.interval = Some(bootstrap_interval(values, confidence, resamples, seed)?);
                if let Some(first) = &first {
                    row.first_against_this = Some(paired_test(first, values, &options)?);
                }
            }
            if n == 0 {
                first = values;
            }
            rows.push(row);
        }
        let tests = rows.iter().filter_map(|row| row.first_against_this);
        let adjusted = holm(&tests.map(|test| test.p_value).collect::<Vec<_>>());
        let tested = rows
            .iter_mut()
            .filter(|row| row.first_against_this.is_some());
        for (row, p_value) in tested.zip(adjusted) {
            row.adjusted_p_value = Some(p_value);
        }
        Ok(rows)
    }
}

impl Sums {
    /// Adds a window, with an evaluation for each seed.
    fn add(&mut self, seeds: &[&Evaluation]) -> Result<(), Error> {
        let (mut recalls, mut ndcgs) = (Vec::new(), Vec::new());
        for evaluation in seeds {
            recalls.push(evaluation.mean(Metric::Recall, K)?);
            ndcgs.push(evaluation.mean(Metric::Ndcg, K)?);
            let report = evaluation.overall();
            let share = 1.0 / (report.n_users() * seeds.len()) as f64;
            let values = report.values(Metric::Recall, K)?;
            for (user, value) in report.users().iter().zip(values) {
                let at = user.index();
                if self.by_user.len() <= at {
                    self.by_user.resize(at + 1, None);
                }
                *self.by_user[at].get_or_insert(0.0) += value * share;
            }
        }
        let row = &mut self.row;
        row.recall.push(mean(&recalls));
        row.ndcg.push(mean(&ndcgs));
        if recalls.len() > 1 {
            let before = row.recall_seed_deviation.unwrap_or(0.0);
            let n = row.recall.len() as f64;
            row.recall_seed_deviation = Some(before + (standard_deviation(&recalls) - before) / n);
        }
        Ok(())
    }

    /// A value for each user with a target in any window, whose mean is the mean over the windows.
    fn values(&self, n_windows: usize) -> Vec<f64> {
        let values: Vec<f64> = self.by_user.iter().flatten().copied().collect();
        let scale = values.len() as f64 / n_windows as f64;
        values.into_iter().map(|value| value * scale).collect()
    }
}

impl Rolling {
    fn cells(&self) -> Vec<Vec<String>> {
        let recall = format!("recall@{K}");
        let head = [
            "ranker".to_owned(),
            "history".to_owned(),
            recall.clone(),
            "95 % interval".to_owned(),
            "windows' deviation".to_owned(),
            "seeds' deviation".to_owned(),
            format!("ndcg@{K}"),
            "first against this".to_owned(),
            format!("{recall} by window"),
        ];
        let rows = self.rows.iter().map(|row| {
            let all = || "all".to_owned();
            let none = || "-".to_owned();
            let windows: Vec<String> = row.recall.iter().map(|r| format!("{r:.4}")).collect();
            vec![
                row.ranker.clone(),
                row.history_days.map_or_else(all, |d| format!("{d} d")),
                format!("{:.4}", row.mean_recall()),
                row.interval
                    .map_or_else(none, |i| format!("{:.4} to {:.4}", i.low, i.high)),
                format!("{:.4}", standard_deviation(&row.recall)),
                row.recall_seed_deviation
                    .map_or_else(none, |d| format!("{d:.4}")),
                format!("{:.4}", mean(&row.ndcg)),
                match (&row.first_against_this, row.adjusted_p_value) {
                    (Some(test), Some(p)) => test.text(p),
                    _ => String::new(),
                },
                windows.join(" "),
            ]
        });
        std::iter::once(head.to_vec()).chain(rows).collect()
    }
}

impl fmt::Display for Rolling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets = self.windows.iter().map(|w| w.n_targets.to_string());
        write!(
            f,
            "{}{} windows in time, with {} targets: means over the windows; intervals over users, each with all their \
             windows; differences paired by user, p by Holm's method",
            aligned(&self.cells()),
            self.windows.len(),
            targets.collect::<Vec<_>>().join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
    use lightgcn_recommend::{EmbeddingRanker, EvaluationOptions, evaluate_test};

    /// Users whose target, their own number, comes first for the ranker if `hit` holds.
    fn evaluation(name: &str, users: &[u32], hit: impl Fn(u32) -> bool) -> Evaluation {
        const N: usize = 64;
        let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
        // An item that is nobody's target.
        pairs.push(UserId(0), ItemId(63), 1.0, &[1], None).unwrap();
        let test = users.iter().map(|&user| (UserId(user), ItemId(user)));
        let split = Split::new(
            pairs.build(N, N).unwrap(),
            Truth::empty(N, N),
            Truth::from_pairs(N, N, test.collect()).unwrap(),
        )
        .unwrap();
        let vector =
            |sign: f32, at: usize| (0..N).map(move |n| sign * f32::from(u8::from(n == at)));
        let signs = |user: usize| if hit(user as u32) { 1.0 } else { -1.0 };
        let of_users: Vec<f32> = (0..N).flat_map(|user| vector(signs(user), user)).collect();
        let of_items: Vec<f32> = (0..N).flat_map(|item| vector(1.0, item)).collect();
        let ranker = EmbeddingRanker::new(name, of_users, of_items, N).unwrap();
        let options = EvaluationOptions {
            ks: vec![K],
            ..EvaluationOptions::default()
        };
        evaluate_test(&ranker, &split.train, &split.test, &options).unwrap()
    }

    #[test]
    fn rows_have_intervals_and_tests_over_users_of_all_windows() {
        let (early, late): (Vec<u32>, Vec<u32>) = ((10..30).collect(), (20..60).collect());
        let mut table = Table::default();
        // `good` finds everyone in the first window and every second user in the other, `bad` nobody; `rare` is in
        // one window only.
        for (users, good) in [(&early, 1), (&late, 2)] {
            let mut runs = vec![
                evaluation("good", users, |user| user % good == 0),
                evaluation("bad", users, |_| false),
            ];
            if good == 1 {
                runs.push(evaluation("rare", users, |_| true));
            }
            table.add(None, &[runs]).unwrap();
        }
        let rows = table.rows(2, 7).unwrap();
        let [good, bad, rare] = &rows[..] else {
            panic!("{rows:?}")
        };
        assert_eq!(
            (good.recall.as_slice(), good.mean_recall()),
            (&[1.0, 0.5][..], 0.75)
        );
        let interval = good.interval.unwrap();
        assert!((interval.mean - 0.75).abs() < 1e-12, "{interval:?}");
        assert!(0.5 < interval.low && interval.low < 0.75, "{interval:?}");
        assert!(good.first_against_this.is_none() && good.adjusted_p_value.is_none());
        let test = bad.first_against_this.unwrap();
        // Fifty users, of whom ten are in both windows.
        assert_eq!(test.n_users, 50);
        assert!((test.mean_difference - 0.75).abs() < 1e-12 && test.p_value < 0.001);
        assert_eq!(bad.adjusted_p_value, Some(test.p_value));
        assert_eq!((rare.interval, rare.first_against_this), (None, None));
    }

    #[test]
    fn the_p_values_of_all_rows_are_adjusted() {
        let users: Vec<u32> = (0..40).collect();
        let mut table = Table::default();
        for (history, every) in [(Some(30.0), 1), (None, 1)] {
            let runs = vec![
                evaluation("a", &users, |user| user % every == 0),
                evaluation("b", &users, |user| user % 8 != 0),
            ];
            table.add(history, &[runs]).unwrap();
        }
        let rows = table.rows(1, 3).unwrap();
        let tests: Vec<f64> = rows[1..]
            .iter()
            .map(|row| row.first_against_this.unwrap().p_value)
            .collect();
        // `a` with the whole history is as good as with 30 days, `b` worse: five users of 40 differ, with one sign.
        assert_eq!((tests[1], tests[0]), (1.0, tests[2]));
        assert!((0.04..0.09).contains(&tests[0]), "{tests:?}");
        let adjusted: Vec<f64> = rows[1..]
            .iter()
            .map(|row| row.adjusted_p_value.unwrap())
            .collect();
        assert_eq!(adjusted, holm(&tests));
        assert!(adjusted[0] > tests[0]);
    }

    #[test]
    fn seeds_are_averaged_by_user() {
        let users: Vec<u32> = (0..20).collect();
        let mut table = Table::default();
        let seeds = [0, 1].map(|seed| vec![evaluation("a", &users, |user| user % 2 == seed)]);
        table.add(None, &seeds).unwrap();
        let row = table.rows(1, 0).unwrap().remove(0);
        // Every user is found by one of two seeds.
        let interval = row.interval.unwrap();
        assert!((interval.low - 0.5).abs() < 1e-12 && (interval.high - 0.5).abs() < 1e-12);
        assert_eq!(row.recall_seed_deviation, Some(0.0));
    }
}
