//! `lightgcn explain`

use crate::args::ExplainArgs;
use crate::output::Output;
use lightgcn::recommend::{ExplainOptions, Recommender};

pub(crate) fn run(args: &ExplainArgs, output: &Output) -> anyhow::Result<()> {
    let recommender = Recommender::open(&args.model)?;
    let options = ExplainOptions {
        limit: args.paths,
        ..ExplainOptions::default()
    };
    let explanation = recommender.explain(&args.consumer, &args.product, &options)?;
    output.result(&explanation, &explanation.to_string())
}
