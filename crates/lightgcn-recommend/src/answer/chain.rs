//! Makes an answer: asks the sources of the chain in turn, under the request's rules.

mod learned;
mod ranking;
mod sources;

use crate::answer::items::Origin;
use crate::answer::profile::Profile;
use crate::cold_start::cold_items::history;
use crate::cold_start::content::has_attributes;
use crate::cold_start::fold_in::Query;
use crate::rank::merged;
use crate::rank::revenue::usable_prices;
use crate::shop::Shop;
use crate::{
    Answer, ContextEvent, Familiarity, Hide, ListedItem, RecommendError, RecommendOptions,
    RecommendRequest, Rule, Source, UnknownNames,
};
use lightgcn_core::{ItemId, UserId};
use ranking::Few;
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The number of requests answered at a time, which bounds the memory of their vectors and lists.
const BLOCK: usize = 1024;

/// Resolved options, shared by all requests that have the same ones.
struct Plan<'a> {
    options: &'a RecommendOptions,
    /// Whether the rules allow an item, by row.
    eligible: Vec<bool>,
    /// The rule that removed the last item.
    emptied_by: Option<Rule>,
    /// The names in the filter that match no item.
    unknown: Vec<UnknownNames>,
    /// The rows that the model must not rank, ascending.
    blocked: Vec<u32>,
    /// The eligible rows whose scores are not just dot products of embeddings, ascending.
    apart: Vec<u32>,
    /// Whether the model may rank items that were not in training.
    has_cold: bool,
    /// The rows left to rank, if few remain; filled when the model first ranks them.
    few: OnceLock<Option<Few>>,
    prices: Option<Vec<f64>>,
}

/// One request, resolved.
struct Job<'a> {
    request: &'a Asked<'a>,
    plan: &'a Plan<'a>,
    user: Option<UserId>,
    /// `None` for known users without events, whose history is in the artifact.
    profile: Option<Profile>,
    query: Option<Query>,
    /// Rows hidden from this user, ascending.
    hidden: Vec<u32>,
}

/// A user, events and the number of a plan.
struct Asked<'a> {
    user: &'a str,
    events: &'a [ContextEvent],
    plan: usize,
}

impl Job<'_> {
    fn is_eligible(&self, item: ItemId) -> bool {
        self.plan.eligible[item.index()] && self.hidden.binary_search(&item.0).is_err()
    }

    /// The items that the user interacted with, ascending.
    fn met<'a>(&'a self, shop: &'a Shop) -> Cow<'a, [ItemId]> {
        match (&self.profile, self.user) {
            (Some(profile), _) => profile.items.iter().map(|met| met.item).collect(),
            (None, Some(user)) => Cow::Borrowed(shop.model.artifact.train.items_of(user)),
            (None, None) => Cow::default(),
        }
    }

    /// The items of the history that count, and their weights.
    fn history(&self, shop: &Shop) -> Vec<(ItemId, f64)> {
        match (&self.profile, self.user) {
            (Some(profile), _) => profile.weighted().collect(),
            (None, Some(user)) => history(&shop.model.artifact.train, user).collect(),
            (None, None) => Vec::new(),
        }
    }
}

/// Answers requests.
pub(crate) struct Chain<'s> {
    pub(crate) shop: &'s Shop,
}

impl Chain<'_> {
    pub(crate) fn answer_many(
        &self,
        requests: &[RecommendRequest],
    ) -> Result<Vec<Answer>, RecommendError> {
        let mut plans: Vec<Plan<'_>> = Vec::new();
        let mut asked = Vec::with_capacity(requests.len());
        for request in requests {
            let known = plans.iter().position(|p| *p.options == request.options);
            let plan = match known {
                Some(plan) => plan,
                None => {
                    plans.push(self.plan(&request.options)?);
                    plans.len() - 1
                }
            };
            asked.push(Asked {
                user: &request.user,
                events: &request.events,
                plan,
            });
        }
        self.answer_asked(&asked, &plans, |job, list| self.answer_of(job, list))
    }

    pub(crate) fn recommend_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Answer>, RecommendError> {
        let plans = [self.plan(options)?];
        self.answer_asked(&without_events(raw_users), &plans, |job, list| {
            self.answer_of(job, list)
        })
    }

    pub(crate) fn list_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Vec<ListedItem>>, RecommendError> {
        let plans = [self.plan(options)?];
        self.answer_asked(&without_events(raw_users), &plans, |_, list| list)
    }

    fn plan<'a>(&self, options: &'a RecommendOptions) -> Result<Plan<'a>, RecommendError> {
        options.check()?;
        let items = &self.shop.items;
        let filtered = self.shop.eligible(&options.filter);
        let eligible = filtered.mask;
        if options.chain == [Source::Content] && !has_attributes(&items.catalogue) {
            return Err(RecommendError::NoContent);
        }
        let has = |source| options.chain.contains(&source);
        let (with_content, with_events) = (has(Source::Content), has(Source::FoldIn));
        // Branch-free: with half of the items blocked in random order, a branch would be
        // mispredicted.
        let mut blocked = vec![0u32; eligible.len()];
        let mut n_blocked = 0;
        let mut has_cold = false;
        for (row, (&eligible, &origin)) in eligible.iter().zip(&items.origins).enumerate() {
            let ranked = match origin {
                Origin::Trained => true,
                Origin::Events => with_events,
                Origin::Content => with_content,
                Origin::Nothing => false,
            };
            blocked[n_blocked] = row as u32;
            n_blocked += usize::from(!(eligible & ranked));
            has_cold |= eligible & ranked & (origin != Origin::Trained);
        }
        blocked.truncate(n_blocked);
        let by_content = items.by_content.iter().copied();
        let apart = by_content.filter(|&row| with_content && eligible[row as usize]);
        let apart = apart.collect();
        let prices = (options.revenue > 0.0).then(|| usable_prices(items.catalogue.prices()));
        Ok(Plan {
            options,
            emptied_by: filtered.emptied_by,
            unknown: options.filter.unknown(&items.names, &items.catalogue),
            eligible,
            has_cold,
            few: OnceLock::new(),
            apart,
            blocked,
            prices: prices.transpose()?,
        })
    }

    fn answer_asked<T: Send>(
        &self,
        asked: &[Asked<'_>],
        plans: &[Plan<'_>],
        give: impl Fn(&Job<'_>, Vec<ListedItem>) -> T + Sync,
    ) -> Result<Vec<T>, RecommendError> {
        let mut answers = Vec::with_capacity(asked.len());
        for block in asked.chunks(BLOCK) {
            let jobs: Result<Vec<Job<'_>>, RecommendError> = block
                .par_iter()
                .map(|request| self.job(request, &plans[request.plan]))
                .collect();
            let jobs = jobs?;
            let lists = self.ranked(&jobs);
            answers.par_extend(
                jobs.par_iter()
                    .zip(lists)
                    .map(|(job, ranked)| give(job, self.listed(job, &ranked))),
            );
        }
        Ok(answers)
    }

    fn job<'a>(
        &self,
        request: &'a Asked<'a>,
        plan: &'a Plan<'a>,
    ) -> Result<Job<'a>, RecommendError> {
        let shop = self.shop;
        let user = shop.user(request.user);
        let trained = user.filter(|&user| shop.model.has_history(user));
        let (profile, query) = match (trained, request.events) {
            (Some(user), []) => {
                let vector = shop.model.artifact.embeddings.row(user.index()).to_vec();
                let source = Source::Model;
                (None, Some(Query { vector, source }))
            }
            _ => {
                let profile = shop.profile(user, request.events)?;
                let query = shop.query(&profile);
                (Some(profile), query)
            }
        };
        let query = query.filter(|query| plan.options.chain.contains(&query.source));
        let mut job = Job {
            request,
            plan,
            user,
            profile,
            query,
            hidden: Vec::new(),
        };
        job.hidden = self.hidden(&job);
        Ok(job)
    }

    /// The rows to hide from the user, ascending: those that the options hide, and those that the
    /// user only rejected.
    fn hidden(&self, job: &Job<'_>) -> Vec<u32> {
        let options = job.plan.options;
        let met = || job.met(self.shop);
        let rows = |items: &[ItemId]| items.iter().map(|item| item.0).collect();
        let hidden: Vec<u32> = match (options.hide, options.familiarity) {
            (Hide::Seen, _) | (_, Familiarity::New) => rows(&met()),
            (Hide::Bought, _) => self.hidden_pairs(job, true),
            (Hide::Nothing, _) => self.hidden_pairs(job, false),
        };
        if options.familiarity != Familiarity::Familiar {
            return hidden;
        }
        let met = met();
        let rows = 0..self.shop.items.len() as u32;
        let shown = |row: &u32| {
            met.binary_search(&ItemId(*row)).is_ok() && hidden.binary_search(row).is_err()
        };
        rows.filter(|row| !shown(row)).collect()
    }

    /// The rows that the user only rejected and, if `bought`, those that they bought, ascending.
    fn hidden_pairs(&self, job: &Job<'_>, bought: bool) -> Vec<u32> {
        match (&job.profile, job.user) {
            (Some(profile), _) => {
                let hidden = profile.items.iter();
                let hidden = hidden.filter(|met| met.is_rejected || (bought && met.bought));
                hidden.map(|met| met.item.0).collect()
            }
            (None, Some(user)) => {
                let mut hidden = self.shop.rejected.of(user).to_vec();
                if bought {
                    hidden = merged(&hidden, self.shop.bought.of(user));
                }
                hidden
            }
            (None, None) => Vec::new(),
        }
    }
}

fn without_events<'a>(raw_users: &'a [&'a str]) -> Vec<Asked<'a>> {
    let asked = raw_users.iter().map(|user| Asked {
        user,
        events: &[],
        plan: 0,
    });
    asked.collect()
}

#[cfg(test)]
mod rule_tests;
#[cfg(test)]
pub(crate) mod tests;
