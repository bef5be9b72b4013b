//! `lightgcn recommend`

use crate::args::RecommendArgs;
use crate::output::{Output, table};
use lightgcn::recommend::{Answer, RecommendOptions, Recommender, Source};
use serde::Serialize;

#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

pub(crate) fn run(args: &RecommendArgs, output: &Output) -> anyhow::Result<()> {
    let recommender = Recommender::open(&args.model)?;
    let options = RecommendOptions {
        k: args.k,
        include_bought: args.include_bought,
    };
    let consumers: Vec<&str> = args.consumers.iter().map(String::as_str).collect();
    let answers = recommender.recommend_many(&consumers, &options)?;
    let text: Vec<String> = answers.iter().map(readable).collect();
    output.result(&Answers { answers }, &text.join("\n"))
}

fn readable(answer: &Answer) -> String {
    let head = match answer.source {
        Source::Popularity if !answer.known => {
            format!(
                "Consumer {} is unknown: what most consumers bought",
                answer.consumer
            )
        }
        Source::Popularity => {
            format!(
                "Nothing is known of consumer {}: what most consumers bought",
                answer.consumer
            )
        }
        _ => format!("For consumer {}", answer.consumer),
    };
    let names = ["rank", "product", "score", "category", "brand", "price"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    for item in &answer.items {
        let details = &item.details;
        let category = details
            .category_code
            .as_ref()
            .or(details.category_id.as_ref());
        rows.push(vec![
            item.rank.to_string(),
            item.product.clone(),
            format!("{:.4}", item.score),
            category.cloned().unwrap_or_default(),
            details.brand.clone().unwrap_or_default(),
            details
                .price
                .map(|price| format!("{price:.2}"))
                .unwrap_or_default(),
        ]);
    }
    format!("{head}\n{}", table(&rows))
}
