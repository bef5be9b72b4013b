//! The model together with a linear filter, for `lightgcn evaluate --blend`.

use crate::output::table;
use anyhow::ensure;
use lightgcn::core::Dataset;
use lightgcn::linear::Filter;
use lightgcn::metrics::Metric;
use lightgcn::recommend::{Scorer, choose_weight};
use serde::Serialize;

/// Weights that are tried: 0 to 1 in so many steps.
const STEPS: u32 = 20;

/// How a blend was weighed.
#[derive(Debug, Serialize)]
pub(crate) struct BlendReport {
    filter: Filter,
    /// The weight of the filter, 0 to 1.
    pub(crate) weight: f64,
    /// The part that it was chosen on; none where it was given.
    chosen_on: Option<&'static str>,
    metric: Metric,
    k: usize,
    /// Every candidate with its figure on that part.
    figures: Vec<Candidate>,
}

#[derive(Debug, Serialize)]
struct Candidate {
    weight: f64,
    figure: f64,
}

/// Refuses what cannot be blended, before anything is fitted.
pub(crate) fn check(
    filter: Option<Filter>,
    weight: Option<f64>,
    dataset: &Dataset,
) -> anyhow::Result<()> {
    if let Some(weight) = weight {
        ensure!(
            (0.0..=1.0).contains(&weight),
            "--blend-weight is {weight}; it must lie between 0 (the model alone) and 1 (the filter \
             alone)"
        );
    }
    ensure!(
        filter.is_none() || weight.is_some() || !dataset.split.validation.truth().is_empty(),
        "the validation part holds no target, so the weight of --blend cannot be chosen on it; give \
         it by --blend-weight, or make a split with validation targets"
    );
    Ok(())
}

/// Takes the weight that was given, or chooses it by recall at `k` on the validation part.
pub(crate) fn weigh(
    (filter, weight): (Filter, Option<f64>),
    model: &dyn Scorer,
    partner: &dyn Scorer,
    dataset: &Dataset,
    k: usize,
) -> anyhow::Result<BlendReport> {
    let metric = Metric::Recall;
    let mut report = BlendReport {
        filter,
        weight: weight.unwrap_or_default(),
        chosen_on: None,
        metric,
        k,
        figures: Vec::new(),
    };
    if weight.is_none() {
        eprintln!("weighing {} and {}", model.name(), partner.name());
        let candidates: Vec<f64> = (0..=STEPS)
            .map(|n| f64::from(n) / f64::from(STEPS))
            .collect();
        let split = &dataset.split;
        let (train, validation) = (&split.train, &split.validation);
        let choice = choose_weight(model, partner, train, validation, &candidates, metric, k)?;
        report.weight = choice.weight;
        report.chosen_on = Some("validation");
        let figures = choice.figures.into_iter();
        let candidate = |(weight, figure)| Candidate { weight, figure };
        report.figures = figures.map(candidate).collect();
    }
    Ok(report)
}

impl BlendReport {
    /// For people: the weight, and the figures that chose it.
    pub(crate) fn text(&self) -> String {
        let Self { filter, weight, .. } = self;
        if self.chosen_on.is_none() {
            return format!("\n\nthe blend's weight on {filter} is {weight}, as given\n");
        }
        let mut rows = vec![vec![
            "weight".to_owned(),
            format!("{}@{}", self.metric, self.k),
        ]];
        for candidate in &self.figures {
            rows.push(vec![
                format!("{:.2}", candidate.weight),
                format!("{:.4}", candidate.figure),
            ]);
        }
        format!(
            "\n\nthe blend's weight on {filter} is {weight}, chosen on validation data:\n{}",
            table(&rows)
        )
    }
}
