//! `lightgcn explain`

use super::recommend::events;
use crate::args::ExplainArgs;
use crate::output::Output;
use lightgcn::recommend::{ExplainOptions, ExplainRequest, Recommender};

pub(crate) fn run(args: &ExplainArgs, output: &Output) -> anyhow::Result<()> {
    let recommender = Recommender::open(&args.model)?;
    let explanation = recommender.explain_request(&ExplainRequest {
        consumer: args.consumer.clone(),
        product: args.product.clone(),
        events: events(&args.event)?,
        options: ExplainOptions {
            limit: args.paths,
            min_consumers: args.min_consumers,
            ..ExplainOptions::default()
        },
    })?;
    output.result(&explanation, &explanation.to_string())
}
