//! Metrics of the outcomes of shown lists.

use super::text::Text;
use crate::events::OutcomeCounts;
use crate::recorder::Totals;

/// Outcomes over all days, only for models in memory: others would add series without bound.
pub(crate) struct OutcomeReadings {
    pub(crate) totals: Totals,
    /// Records that were not written.
    pub(crate) lost: u64,
}

impl OutcomeReadings {
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
    fn lists_and_items_are_counted_by_their_labels() {
        let key = |source: &str| ["v1", "x/b", source].map(str::to_owned);
        let counts = |shown| OutcomeCounts {
            shown,
            clicked: 2,
            converted: 1,
        };
        let totals = Totals::from([(key(""), counts(30)), (key("model"), counts(60))]);
        let mut text = Text::default();
        OutcomeReadings { totals, lost: 3 }.describe(&mut text);
        for line in [
            "lightgcn_shown_lists_total{model=\"v1\",arm=\"x/b\"} 30",
            "lightgcn_clicked_lists_total{model=\"v1\",arm=\"x/b\"} 2",
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
    }
}
