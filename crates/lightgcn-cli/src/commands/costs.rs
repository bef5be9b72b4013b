//! What exploration, diversity and revenue cost and what they gain.

use lightgcn::core::{Truth, aligned};
use lightgcn::metrics::Metric;
use lightgcn::recommend::{Evaluation, Ranked};
use serde::Serialize;

/// One ranker's metrics at the largest K, compared with the model's.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    ranker: String,
    recall: f64,
    ndcg: f64,
    /// The change in recall relative to the model; `None` if the model's is 0.
    recall_change: Option<f64>,
    ndcg_change: Option<f64>,
    coverage: f64,
    gini: Option<f64>,
    novelty: Option<f64>,
    /// The sum of the prices of the hits in a list, averaged over users.
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<f64>,
}

impl Cost {
    /// The metrics of an evaluation, with changes relative to `model` (`None` for the model
    /// itself).
    pub(crate) fn new(
        evaluation: &Evaluation,
        model: Option<&Self>,
        k: usize,
        revenue: Option<f64>,
    ) -> anyhow::Result<Self> {
        let recall = evaluation.mean(Metric::Recall, k)?;
        let ndcg = evaluation.mean(Metric::Ndcg, k)?;
        let change = |now: f64, of: fn(&Self) -> f64| {
            let before = of(model?);
            (before > 0.0).then(|| now / before - 1.0)
        };
        let overall = evaluation.overall();
        Ok(Self {
            ranker: evaluation.ranker().to_owned(),
            recall,
            ndcg,
            recall_change: change(recall, |cost| cost.recall),
            ndcg_change: change(ndcg, |cost| cost.ndcg),
            coverage: overall.coverage(k)?,
            gini: overall.gini(k)?,
            novelty: overall.novelty(k)?,
            revenue,
        })
    }
}

/// The prices of the hits in each list, averaged over the users of the truth. `lists` must be in
/// the truth's order.
pub(crate) fn revenue(lists: &[Vec<Ranked>], truth: &Truth, prices: &[Option<f64>]) -> f64 {
    let mut sum = 0.0;
    for (user, list) in truth.users().zip(lists) {
        let hits = list
            .iter()
            .filter(|ranked| truth.items_of(user).contains(&ranked.item));
        let prices = hits.filter_map(|ranked| prices[ranked.item.index()]);
        sum += prices.sum::<f64>();
    }
    sum / lists.len().max(1) as f64
}

/// A human-readable table of costs and gains.
pub(crate) fn text(costs: &[Cost], k: usize) -> String {
    let with_revenue = costs.iter().any(|cost| cost.revenue.is_some());
    let mut head: Vec<String> = ["ranker", "recall", "change", "ndcg", "change", "coverage"]
        .map(str::to_owned)
        .to_vec();
    head.extend(["gini", "novelty"].map(str::to_owned));
    if with_revenue {
        head.push("revenue".to_owned());
    }
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.4}"));
    let percent = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{:+.1} %", 100.0 * x));
    let mut rows = vec![head];
    for cost in costs {
        let mut row = vec![
            cost.ranker.clone(),
            format!("{:.4}", cost.recall),
            percent(cost.recall_change),
            format!("{:.4}", cost.ndcg),
            percent(cost.ndcg_change),
            format!("{:.4}", cost.coverage),
            number(cost.gini),
            number(cost.novelty),
        ];
        if with_revenue {
            row.push(number(cost.revenue));
        }
        rows.push(row);
    }
    format!(
        "\n\nwhat exploration, diversity and revenue cost and gain at {k} (Gini 0: all items equally often; \
         revenue: prices of the hits per list):\n{}",
        aligned(&rows)
    )
}
