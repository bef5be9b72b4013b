//! Metrics that are read when somebody asks, in Prometheus' text format.

use std::fmt::Write;

/// Lines of metrics.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) lines: String,
    /// The shop that they are about, if there are several.
    pub(super) shop: Option<String>,
}

impl Text {
    /// Adds a metric that rises and falls; none is left out.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.one("gauge", name, help, value);
    }

    /// Adds a metric that only rises; none is left out.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.one("counter", name, help, value);
    }

    /// Adds a metric whose labels tell something, and whose value is 1.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.head("gauge", name, help);
        let shop = self.shop.as_ref().map(|shop| ("shop", shop.as_str()));
        let labels: Vec<String> = shop
            .iter()
            .chain(labels)
            .map(|(label, value)| format!("{label}=\"{}\"", plain(value)))
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{name}{{{}}} 1", labels.join(","));
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.head(kind, name, help);
            let shop = self.shop.as_deref().map(plain);
            let label = shop.map_or(String::new(), |shop| format!("{{shop=\"{shop}\"}}"));
            let _ = writeln!(self.lines, "{name}{label} {value}");
        }
    }

    fn head(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.lines, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

/// A label's value without what would have to be escaped.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
        .collect()
}
