//! `lightgcn forget`

use crate::args::ForgetArgs;
use crate::output::Output;
use lightgcn::serve::{ForgetOptions, ForgetReport, forget};
use std::fmt::Write;

pub(crate) fn run(args: &ForgetArgs, output: &Output) -> anyhow::Result<()> {
    let options = ForgetOptions {
        events: args.events.clone(),
        datasets: args.datasets.clone(),
        models: args.models.clone(),
    };
    let report = forget(&args.user, &options)?;
    output.result(&report, &text(&report, args.events.is_some()))
}

fn text(report: &ForgetReport, has_store: bool) -> String {
    let mut text = String::new();
    if has_store {
        // Writing to a string does not fail.
        let _ = writeln!(text, "removed {} events", report.events);
    }
    for (what, paths) in [
        ("rewrote without the user: dataset", &report.datasets),
        ("rewrote without the user: model", &report.models),
        ("deleted checkpoint", &report.checkpoints),
        (
            "retrain from scratch, since embeddings may still include the user's: model",
            &report.not_propagated,
        ),
    ] {
        for path in paths {
            let _ = writeln!(text, "{what} {}", path.display());
        }
    }
    if text.is_empty() {
        text.push_str("the user is not in any of these\n");
    }
    text
}
