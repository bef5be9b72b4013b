//! Compares several rankers on the same targets.

use crate::{Evaluation, RecommendError, compare};
use lightgcn_core::aligned;
use lightgcn_metrics::{Interval, Metric, PairedTest, holm};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The means of every metric at every cutoff, by name such as `recall@20`.
///
/// # Errors
/// [`RecommendError::Metrics`] if the evaluation lacks one of its own cutoffs.
pub fn figures(evaluation: &Evaluation) -> Result<BTreeMap<String, f64>, RecommendError> {
    let mut figures = BTreeMap::new();
    for &k in &evaluation.options().ks {
        for metric in Metric::ALL {
            figures.insert(format!("{metric}@{k}"), evaluation.mean(metric, k)?);
        }
    }
    Ok(figures)
}

/// One ranker of a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// The ranker's name.
    pub ranker: String,
    /// The mean of every metric at every cutoff, by name such as `recall@20`.
    pub figures: BTreeMap<String, f64>,
    /// The share of the catalogue recommended to any user, by cutoff.
    pub coverage: BTreeMap<usize, f64>,
    /// The bootstrap interval of the leading metric.
    pub interval: Interval,
    /// The leading metric over targets that their user had viewed or carted; `None` without such
    /// targets.
    pub familiar: Option<f64>,
    /// The leading metric over targets new to their user; `None` without such targets.
    pub new_targets: Option<f64>,
    /// The paired test of the first ranker's leading metric against this one's, with the bootstrap interval of the
    /// mean difference over users; `None` for the first.
    pub first_against_this: Option<PairedTest>,
    /// That test's p-value, adjusted by Holm's method for the number of rankers; `None` for the
    /// first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted_p_value: Option<f64>,
}

/// Several rankers on the same targets. The first is compared with each of the others.
///
/// Its [`Display`](fmt::Display) is a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The part evaluated on: `validation` or `test`.
    pub part: String,
    /// The number of users with at least one target.
    pub n_users: usize,
    /// The number of targets.
    pub n_targets: usize,
    /// The number of targets that their user had viewed or carted in training.
    pub n_familiar_targets: usize,
    /// The leading metric, of intervals and tests.
    pub metric: Metric,
    /// Its cutoff.
    pub k: usize,
    /// The rankers, in the order given.
    pub rows: Vec<ComparisonRow>,
}

impl Comparison {
    /// Compares evaluations that were made on the same split and part with the same options;
    /// `metric` at `k` is the leading metric. An empty list gives an empty comparison.
    ///
    /// # Errors
    /// [`RecommendError::NotComparable`] if they were made on different targets,
    /// [`RecommendError::Metrics`] if `k` is not one of their cutoffs.
    pub fn new(
        evaluations: &[Evaluation],
        metric: Metric,
        k: usize,
        seed: u64,
    ) -> Result<Self, RecommendError> {
        let first = evaluations.first();
        let mut rows = Vec::with_capacity(evaluations.len());
        for (n, evaluation) in evaluations.iter().enumerate() {
            let first_against_this = match first {
                Some(first) if n > 0 => Some(compare(first, evaluation, metric, k, seed)?),
                _ => None,
            };
            let mut coverage = BTreeMap::new();
            for &k in &evaluation.options().ks {
                coverage.insert(k, evaluation.overall().coverage(k)?);
            }
            let part = |report: Option<&lightgcn_metrics::RankingReport>| {
                report.map(|report| report.mean(metric, k)).transpose()
            };
            rows.push(ComparisonRow {
                ranker: evaluation.ranker().to_owned(),
                figures: figures(evaluation)?,
                coverage,
                interval: evaluation.interval(metric, k)?,
                familiar: part(evaluation.familiar())?,
                new_targets: part(evaluation.new_targets())?,
                first_against_this,
                adjusted_p_value: None,
            });
        }
        let tests = rows
            .iter()
            .filter_map(|row| row.first_against_this.as_ref());
        let adjusted = holm(&tests.map(|test| test.p_value).collect::<Vec<_>>());
        for (row, p_value) in rows.iter_mut().skip(1).zip(adjusted) {
            row.adjusted_p_value = Some(p_value);
        }
        Ok(Self {
            part: first.map_or_else(String::new, |e| e.part().to_owned()),
            n_users: first.map_or(0, Evaluation::n_users),
            n_targets: first.map_or(0, Evaluation::n_targets),
            n_familiar_targets: first.map_or(0, Evaluation::n_familiar_targets),
            metric,
            k,
            rows,
        })
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let mut names: Vec<String> = [
            Metric::Recall,
            Metric::Ndcg,
            Metric::Precision,
            Metric::HitRate,
        ]
        .map(|metric| format!("{metric}@{}", self.k))
        .to_vec();
        let leading = format!("{}@{}", self.metric, self.k);
        if !names.contains(&leading) {
            names.insert(0, leading.clone());
        }
        let mut head = vec!["ranker".to_owned()];
        head.extend(names.iter().cloned());
        head.push(format!("{leading}: 95 % interval"));
        head.extend(["familiar", "new", "coverage", "first against this"].map(str::to_owned));
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.4}"));
        let mut rows = vec![head];
        for row in &self.rows {
            let mut cells = vec![row.ranker.clone()];
            cells.extend(
                names
                    .iter()
                    .map(|name| number(row.figures.get(name).copied())),
            );
            cells.push(format!(
                "{:.4} to {:.4}",
                row.interval.low, row.interval.high
            ));
            cells.push(number(row.familiar));
            cells.push(number(row.new_targets));
            cells.push(number(row.coverage.get(&self.k).copied()));
            cells.push(match (&row.first_against_this, row.adjusted_p_value) {
                (Some(test), Some(p)) => test.text(p),
                _ => String::new(),
            });
            rows.push(cells);
        }
        rows
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} users with {} {} targets, {} of them viewed or carted before; all items ranked, \
             training purchases excluded; differences with 95 % intervals, paired by user, p by Holm's method",
            aligned(&self.cells()),
            self.n_users,
            self.n_targets,
            self.part,
            self.n_familiar_targets
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EmbeddingRanker, EvaluationOptions, PopularityRanker, RandomRanker, evaluate_test,
    };
    use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};

    #[test]
    fn the_first_ranker_is_compared_with_the_others() {
        // Everybody's target is the item that most bought.
        let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
        for user in 0..20u32 {
            let item = if user < 10 { 0 } else { user };
            pairs
                .push(UserId(user), ItemId(item), 1.0, &[1], None)
                .unwrap();
        }
        let test = (10..20).map(|user| (UserId(user), ItemId(0))).collect();
        let split = Split::new(
            pairs.build(20, 30).unwrap(),
            Truth::empty(20, 30),
            Truth::from_pairs(20, 30, test).unwrap(),
        )
        .unwrap();
        let options = EvaluationOptions {
            ks: vec![1, 5],
            ..EvaluationOptions::default()
        };
        let popularity = PopularityRanker::from_interactions(split.train.interactions());
        let random = RandomRanker::new(20, 30, 1);
        let evaluations = [
            evaluate_test(&popularity, &split.train, &split.test, &options).unwrap(),
            evaluate_test(&random, &split.train, &split.test, &options).unwrap(),
        ];
        let table = Comparison::new(&evaluations, Metric::Recall, 1, 7).unwrap();
        assert_eq!(table.rows[0].figures["recall@1"], 1.0);
        assert_eq!(table.rows[0].coverage[&1], 1.0 / 30.0);
        assert_eq!(
            (table.n_users, table.n_targets, table.n_familiar_targets),
            (10, 10, 0)
        );
        let test = table.rows[1].first_against_this.as_ref().unwrap();
        assert!(
            test.mean_difference > 0.5 && test.p_value < 0.05,
            "{test:?}"
        );
        assert_eq!(table.rows[0].adjusted_p_value, None);
        assert_eq!(table.rows[1].adjusted_p_value, Some(test.p_value));
        let text = table.to_string();
        assert!(
            text.contains("popularity") && text.contains("recall@1"),
            "{text}"
        );
        assert!(Comparison::new(&evaluations, Metric::Recall, 2, 7).is_err());
    }

    #[test]
    fn differences_have_intervals_over_users() {
        // Four users, each with one target: `one` finds it for three of them at the first place, `other` for none.
        let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
        pairs.push(UserId(0), ItemId(5), 1.0, &[1], None).unwrap();
        let test = (0..4).map(|user| (UserId(user), ItemId(user))).collect();
        let split = Split::new(
            pairs.build(4, 6).unwrap(),
            Truth::empty(4, 6),
            Truth::from_pairs(4, 6, test).unwrap(),
        )
        .unwrap();
        let options = EvaluationOptions {
            ks: vec![1],
            ..EvaluationOptions::default()
        };
        // A user's own vector times the items' unit vectors.
        let ranked_first = |items: [usize; 4]| {
            let unit = |item: usize| (0..6).map(move |n| f32::from(u8::from(n == item)));
            let users: Vec<f32> = items.into_iter().flat_map(unit).collect();
            EmbeddingRanker::new("e", users, (0..6).flat_map(unit).collect::<Vec<f32>>(), 6)
        };
        let evaluation = |items| {
            let ranker = ranked_first(items).unwrap();
            evaluate_test(&ranker, &split.train, &split.test, &options).unwrap()
        };
        let evaluations = [evaluation([0, 1, 2, 4]), evaluation([4; 4])];
        let table = Comparison::new(&evaluations, Metric::Recall, 1, 7).unwrap();
        let test = table.rows[1].first_against_this.as_ref().unwrap();
        // Differences 1, 1, 1 and 0: the mean of four draws is below 1/4 once in 256 times, below 1/2 in 13.
        assert_eq!(test.mean_difference, 0.75);
        assert_eq!((test.interval.low, test.interval.high), (0.25, 1.0));
        // Half of the sign flips of three differences are as far from 0 on either side: 2 of 8.
        assert!((test.p_value - 0.25).abs() < 0.02, "{test:?}");
        let text = table.to_string();
        assert!(
            text.contains("+0.7500 (+0.2500 to +1.0000), p = 0.2"),
            "{text}"
        );
        let json = serde_json::to_value(&table).unwrap();
        let interval = &json["rows"][1]["first_against_this"]["interval"];
        assert_eq!(
            (&interval["low"], &interval["high"]),
            (&0.25.into(), &1.0.into())
        );
    }
}
