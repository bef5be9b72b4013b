//! `lightgcn explain`

use super::ensemble;
use super::recommend::events;
use crate::args::ExplainArgs;
use crate::config::Config;
use crate::output::Output;
use lightgcn::recommend::{ExplainOptions, ExplainRequest, Recommender};

pub(crate) fn run(args: &ExplainArgs, config: &Config, output: &Output) -> anyhow::Result<()> {
    let recommender = Recommender::open(&args.model)?;
    let recommender = ensemble::join(recommender, &args.ensemble, config)?;
    let explanation = recommender.explain_request(&ExplainRequest {
        user: args.user.clone(),
        item: args.item.clone(),
        events: events(&args.event)?,
        options: ExplainOptions {
            limit: args.paths,
            min_users: args.min_users,
            max_hops: args.max_hops,
        },
    })?;
    output.result(&explanation, &explanation.to_string())
}
