//! Formats metrics that are read on request, in Prometheus' text format.

use std::fmt::Write;

/// Lines of metrics.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) lines: String,
    /// The shop that they are about, if there are several.
    pub(super) shop: Option<String>,
}

impl Text {
    /// Adds a gauge; skips it if the value is `None`.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.one("gauge", name, help, value);
    }

    /// Adds a counter; skips it if the value is `None`.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.one("counter", name, help, value);
    }

    /// Adds a counter for each set of labels; skips it if there are none.
    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Vec<(&'a str, &'a str)>, u64)>,
    ) {
        let mut values = values.peekable();
        if values.peek().is_some() {
            self.head("counter", name, help);
        }
        for (labels, value) in values {
            let labels = self.joined(&labels);
            // Writing to a string does not fail.
            let _ = writeln!(self.lines, "{name}{{{labels}}} {value}");
        }
    }

    /// Adds an info metric, which has its information in labels and the value 1.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.head("gauge", name, help);
        let labels = self.joined(labels);
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{name}{{{labels}}} 1");
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.head(kind, name, help);
            let labels = match self.joined(&[]) {
                none if none.is_empty() => none,
                labels => format!("{{{labels}}}"),
            };
            let _ = writeln!(self.lines, "{name}{labels} {value}");
        }
    }

    /// The shop, if there are several, and these labels with their values, as written in braces.
    fn joined(&self, labels: &[(&str, &str)]) -> String {
        let shop = self.shop.as_ref().map(|shop| ("shop", shop.as_str()));
        let labels = shop.iter().chain(labels);
        let labels = labels.map(|(label, value)| format!("{label}=\"{}\"", plain(value)));
        labels.collect::<Vec<_>>().join(",")
    }

    fn head(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.lines, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

/// A label's value without characters that would need escaping.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/'))
        .collect()
}
