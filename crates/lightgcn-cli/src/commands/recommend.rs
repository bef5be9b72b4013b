//! `lightgcn recommend`

use super::ensemble;
use crate::args::{HideChoice, OnlyChoice, RecommendArgs};
use crate::config::Config;
use crate::lists::Format;
use crate::output::Output;
use anyhow::Context;
use lightgcn::core::{aligned, shorten};
use lightgcn::recommend::{
    Answer, ContextEvent, Familiarity, Hide, IdList, ItemFilter, NewItem, RecommendOptions,
    RecommendRequest, Recommender, Source,
};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

pub(crate) fn run(args: &RecommendArgs, config: &Config, output: &Output) -> anyhow::Result<()> {
    let options = options(args, config.seed());
    // Report invalid options before reading the model, which may take long.
    options.check()?;
    let out = args.out.as_deref();
    let out = out.map(|path| Format::of(path).map(|format| (path, format)));
    let out = out.transpose()?;
    let unsuitable = args.filter.unsuitable.as_ref();
    let unsuitable = unsuitable.map(IdList::read).transpose()?;
    let new = new_items(args.new_items.as_deref())?;
    let mut recommender = Recommender::open(&args.model)?.with_items(&new)?;
    if let Some(list) = &unsuitable {
        recommender = without(recommender, list)?;
    }
    for unknown in recommender.unknown_names(&options.filter) {
        eprintln!("warning: {unknown}");
    }
    let recommender = ensemble::join(recommender, &args.ensemble, config)?;
    if let Some(out) = out {
        return super::recommend_all::run(&recommender, &options, args.shard, out, output);
    }
    let events = events(&args.event)?;
    let requests: Vec<RecommendRequest> = args
        .users
        .iter()
        .map(|user| {
            RecommendRequest::new(user)
                .with_events(events.clone())
                .with_options(options.clone())
        })
        .collect();
    let answers = recommender.answer_many(&requests)?;
    let text: Vec<String> = answers.iter().map(readable).collect();
    output.result(&Answers { answers }, &text.join("\n"))
}

fn options(args: &RecommendArgs, seed: u64) -> RecommendOptions {
    let hide = match args.hide {
        _ if args.include_bought => Hide::Nothing,
        HideChoice::Bought => Hide::Bought,
        HideChoice::Seen => Hide::Seen,
        HideChoice::Nothing => Hide::Nothing,
    };
    let chain = match args.chain.as_slice() {
        [] => Source::CHAIN.to_vec(),
        chain => chain.to_vec(),
    };
    RecommendOptions {
        k: args.k,
        hide,
        familiarity: match args.only {
            None => Familiarity::Any,
            Some(OnlyChoice::New) => Familiarity::New,
            Some(OnlyChoice::Familiar) => Familiarity::Familiar,
        },
        filter: ItemFilter {
            allow: args.filter.allow.clone(),
            deny: args.filter.deny.clone(),
            categories: args.filter.category.clone(),
            deny_categories: args.filter.deny_category.clone(),
            brands: args.filter.brand.clone(),
            deny_brands: args.filter.deny_brand.clone(),
            price_min: args.filter.price_min,
            price_max: args.filter.price_max,
        },
        diversity: args.diversity,
        exploration: args.exploration,
        revenue: args.revenue,
        seed,
        chain,
    }
}

/// Hides the items of a list, and prints how many of its ids are known.
fn without(recommender: Recommender, list: &IdList) -> anyhow::Result<Recommender> {
    let (recommender, listed) = recommender.with_unsuitable_list(list)?;
    let (path, n_ids) = (list.path().display(), listed.ids.len());
    eprintln!("{path}: {} of {n_ids} ids are known", listed.n_known);
    if !listed.unknown.is_empty() {
        let examples: Vec<String> = listed.unknown.iter().map(|id| format!("{id:?}")).collect();
        eprintln!(
            "warning: {path}: {} of {n_ids} ids are unknown to the model and hide nothing, such as {}",
            n_ids - listed.n_known,
            examples.join(", ")
        );
    }
    Ok(recommender)
}

/// The items in a file, one JSON object per line; empty without a file.
fn new_items(path: Option<&Path>) -> anyhow::Result<Vec<NewItem>> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading the new items {}", path.display()))?;
    // Some editors write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    let item = |(line, number): (&str, usize)| {
        serde_json::from_str(line)
            .with_context(|| format!("{}, line {number}: not a new item as JSON", path.display()))
    };
    lines.map(item).collect()
}

/// Events written as BEHAVIOR:ITEM.
pub(crate) fn events(given: &[String]) -> anyhow::Result<Vec<ContextEvent>> {
    let event = |text: &String| {
        let (behavior, item) = text
            .split_once(':')
            .with_context(|| format!("{text:?} is not an event; write BEHAVIOR:ITEM"))?;
        Ok(ContextEvent::new(item, behavior))
    };
    given.iter().map(event).collect()
}

fn readable(answer: &Answer) -> String {
    let user = shorten(&answer.user);
    let head = match answer.source {
        Source::Popularity if !answer.known => {
            format!("User {user} is unknown: most popular items")
        }
        Source::Popularity => {
            format!("User {user} has no history: most popular items")
        }
        Source::FoldIn if !answer.known => {
            format!("User {user} is unknown: recommendations from the events given")
        }
        _ => format!("For user {user}"),
    };
    if let Some(rule) = answer.emptied_by {
        return format!("{head}: the rule \"{rule}\" leaves no items\n");
    }
    let names = [
        "rank", "item", "score", "category", "brand", "price", "source",
    ];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    for item in &answer.items {
        let details = &item.details;
        let category = details
            .category_code
            .as_ref()
            .or(details.category_id.as_ref());
        rows.push(vec![
            item.rank.to_string(),
            item.item.clone(),
            format!("{:.4}", item.score),
            category.cloned().unwrap_or_default(),
            details.brand.clone().unwrap_or_default(),
            details
                .price
                .map(|price| format!("{price:.2}"))
                .unwrap_or_default(),
            item.source.to_string(),
        ]);
    }
    format!("{head}\n{}", aligned(&rows))
}
