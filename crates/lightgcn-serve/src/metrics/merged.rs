//! Merges the metrics of many shops into one text: each metric once, with the lines of all shops.

use std::collections::BTreeMap;

/// Metrics of the process, which a shop's text also has, but which are meaningless there.
const OF_PROCESS: [&str; 6] = [
    "lightgcn_http_requests_in_flight",
    "lightgcn_connections",
    "lightgcn_queue_length",
    "lightgcn_queue_cost_seconds",
    "lightgcn_unread_bytes",
    "lightgcn_jobs_cancelled_total",
];

/// The merged text, ordered by metric name. The first text is that of the process, the others are
/// those of shops.
pub(crate) fn merged(texts: &[String]) -> String {
    let mut metrics: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for (n, text) in texts.iter().enumerate() {
        let mut name = "";
        for line in text.lines().filter(|line| !line.is_empty()) {
            let head = line.strip_prefix("# HELP ");
            let head = head.or_else(|| line.strip_prefix("# TYPE "));
            name = head.map_or(name, |head| head.split(' ').next().unwrap_or_default());
            if n > 0 && OF_PROCESS.contains(&name) {
                continue;
            }
            let (heads, samples) = metrics.entry(name).or_default();
            match head {
                Some(_) if heads.contains(&line) => {}
                Some(_) => heads.push(line),
                None => samples.push(line),
            }
        }
    }
    let mut text = String::new();
    let lines = metrics
        .into_values()
        .filter(|(_, samples)| !samples.is_empty());
    for line in lines.flat_map(|(heads, samples)| heads.into_iter().chain(samples)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_has_one_head() {
        let of = |label: &str| {
            format!(
                "# HELP b_total B.\n# TYPE b_total counter\nb_total{label} 1\n\n# HELP lightgcn_connections C.\n\
                 # TYPE lightgcn_connections gauge\nlightgcn_connections{label} 2\n"
            )
        };
        let texts = [of(""), of("{shop=\"x\"}"), of("{shop=\"y\"}")];
        let expected = "# HELP b_total B.\n# TYPE b_total counter\nb_total 1\nb_total{shop=\"x\"} 1\n\
            b_total{shop=\"y\"} 1\n# HELP lightgcn_connections C.\n# TYPE lightgcn_connections gauge\n\
            lightgcn_connections 2\n";
        assert_eq!(merged(&texts), expected);
    }
}
