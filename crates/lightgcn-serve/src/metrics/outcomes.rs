//! Metrics of the outcomes of shown lists.

use super::text::Text;
use crate::events::{OutcomeCounts, OutcomeKey};
use std::collections::BTreeMap;

/// Outcomes over all days, only for models in memory: others would add series without bound.
pub(crate) struct OutcomeReadings {
    /// By model, arm and source, which is empty for whole lists.
    totals: BTreeMap<[String; 3], OutcomeCounts>,
    /// Records that were not written.
    lost: u64,
}

impl OutcomeReadings {
    pub(crate) fn new(
        all: Vec<(OutcomeKey, OutcomeCounts)>,
        is_loaded: impl Fn(&str) -> bool,
        lost: u64,
    ) -> Self {
        let mut totals: BTreeMap<_, OutcomeCounts> = BTreeMap::new();
        for (key, counts) in all {
            if is_loaded(&key.model) {
                let labels = [key.model, key.arm, key.source];
                totals.entry(labels).or_default().add(counts);
            }
        }
        Self { totals, lost }
    }

    pub(super) fn describe(&self, text: &mut Text) {
        type Count = fn(&OutcomeCounts) -> u64;
        let counts: [(&str, &str, Count); 3] = [
            ("shown", "were shown", |n| n.shown),
            ("clicked", "users did something with", |n| n.clicked),
            ("converted", "users bought something of", |n| n.converted),
        ];
        for (name, what, count) in counts {
            let lists = self
                .totals
                .iter()
                .filter(|([.., source], _)| source.is_empty());
            let lists = lists.map(|([model, arm, _], n)| {
                (
                    vec![("model", model.as_str()), ("arm", arm.as_str())],
                    count(n),
                )
            });
            let help = format!("Lists that {what}.");
            text.counters(&format!("lightgcn_{name}_lists_total"), &help, lists);
            let items = self
                .totals
                .iter()
                .filter(|([.., source], _)| !source.is_empty());
            let items = items.map(|([model, arm, source], n)| {
                let labels = vec![
                    ("model", model.as_str()),
                    ("arm", arm.as_str()),
                    ("source", source.as_str()),
                ];
                (labels, count(n))
            });
            let help = format!("Items of lists that {what}.");
            text.counters(&format!("lightgcn_{name}_items_total"), &help, items);
        }
        let help = "Lists and outcomes that were not written.";
        text.counter("lightgcn_outcomes_lost_total", help, Some(self.lost as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_over_days_and_of_models_in_memory() {
        let key = |day, model: &str, source: &str| OutcomeKey {
            day,
            arm: "x/b".to_owned(),
            model: model.to_owned(),
            source: source.to_owned(),
        };
        let counts = |shown| OutcomeCounts {
            shown,
            clicked: 2,
            converted: 1,
        };
        let all = vec![
            (key(1, "v1", ""), counts(10)),
            (key(2, "v1", ""), counts(20)),
            (key(2, "v1", "model"), counts(60)),
            (key(2, "v0", ""), counts(5)),
        ];
        let mut text = Text::default();
        OutcomeReadings::new(all, |model| model == "v1", 3).describe(&mut text);
        for line in [
            "lightgcn_shown_lists_total{model=\"v1\",arm=\"x/b\"} 30",
            "lightgcn_clicked_lists_total{model=\"v1\",arm=\"x/b\"} 4",
            "lightgcn_converted_items_total{model=\"v1\",arm=\"x/b\",source=\"model\"} 1",
            "# TYPE lightgcn_shown_items_total counter",
            "lightgcn_outcomes_lost_total 3",
        ] {
            assert!(
                text.lines.lines().any(|found| found == line),
                "{line}\n{}",
                text.lines
            );
        }
        assert!(!text.lines.contains("v0"));
    }
}
