//! How an answer is made: the sources of the chain, one after the other, under the rules.

mod ranking;
mod sources;

use crate::answer::items::Origin;
use crate::answer::profile::Profile;
use crate::cold_start::content::has_attributes;
use crate::cold_start::fold_in::Query;
use crate::rank::revenue::usable_prices;
use crate::{
    Answer, Hide, ListedItem, RecommendError, RecommendOptions, RecommendRequest, Recommender,
    Source,
};
use lightgcn_core::UserId;
use ranking::Few;
use rayon::prelude::*;
use std::sync::OnceLock;

/// Requests answered at a time: it bounds the memory of their vectors and lists.
const BLOCK: usize = 1024;

/// What options come to, shared by all requests that have them.
struct Plan<'a> {
    options: &'a RecommendOptions,
    /// Which items may be shown, by row.
    may: Vec<bool>,
    /// The rows that the model must not rank, ascending.
    blocked: Vec<u32>,
    /// The rows whose scores are more than items of embeddings and that may be ranked, ascending.
    apart: Vec<u32>,
    /// The others, where they are few; made when the model first ranks them.
    few: OnceLock<Option<Few>>,
    prices: Option<Vec<f64>>,
}

/// One request, understood.
struct Job<'a> {
    request: &'a Asked<'a>,
    plan: &'a Plan<'a>,
    user: Option<UserId>,
    /// None for known users without events, of whom the artifact has it all.
    profile: Option<Profile>,
    query: Option<Query>,
    /// Rows left out for this user, ascending.
    hidden: Vec<u32>,
}

/// What was asked: a user, events and options.
struct Asked<'a> {
    user: &'a str,
    events: &'a [crate::ContextEvent],
    plan: usize,
}

impl Recommender {
    /// The best items for one user, as [`Recommender::answer`] gives them without events.
    ///
    /// # Errors
    /// As [`RecommendOptions::check`]; [`RecommendError::UnknownLabel`] for a category or a brand that no
    /// item has; [`RecommendError::NoContent`] for a chain of content alone where no item has an
    /// attribute.
    pub fn recommend(
        &self,
        raw_user: &str,
        options: &RecommendOptions,
    ) -> Result<Answer, RecommendError> {
        let mut answers = self.recommend_many(&[raw_user], options)?;
        Ok(answers.swap_remove(0))
    }

    /// The answers for many users, in their order, each as [`Recommender::recommend`] gives it.
    /// One batch is faster than single questions: items are read once for many users.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub fn recommend_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Answer>, RecommendError> {
        let plans = [self.plan(options)?];
        self.answer_asked(&of_one_plan(raw_users), &plans, |job, list| {
            self.answer_of(job, list)
        })
    }

    /// The lists of [`Recommender::recommend_many`] by rows and without words: for many users in
    /// little time and memory.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub fn list_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Vec<ListedItem>>, RecommendError> {
        let plans = [self.plan(options)?];
        self.answer_asked(&of_one_plan(raw_users), &plans, |_, list| list)
    }

    /// The answer to a request.
    ///
    /// - A user with training pairs gets the model's ranking; events of the request shift it at
    ///   once: the history is weighed anew, as training would weigh it, and propagated again.
    /// - One without gets a vector from the events ([`FoldIn`](crate::FoldIn)).
    /// - Where neither fills the list, the rest of the chain does.
    ///
    /// Filters, what is hidden and what is unsuitable are left out during the search, by every source: a
    /// list is shorter than `k` only where no more items may come. O(items · dimension).
    ///
    /// # Errors
    /// As [`Recommender::recommend`], and [`RecommendError::ContextEvent`] for an event that cannot be
    /// used.
    pub fn answer(&self, request: &RecommendRequest) -> Result<Answer, RecommendError> {
        let mut answers = self.answer_many(std::slice::from_ref(request))?;
        Ok(answers.swap_remove(0))
    }

    /// The answers to many requests, in their order, each as [`Recommender::answer`] gives it.
    ///
    /// # Errors
    /// As [`Recommender::answer`]: the first fault of any request.
    pub fn answer_many(
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

    fn plan<'a>(&self, options: &'a RecommendOptions) -> Result<Plan<'a>, RecommendError> {
        options.check()?;
        let items = &self.items;
        let mut may = options.filter.mask(&items.names, &items.catalogue)?;
        for (may, &unsuitable) in may.iter_mut().zip(&self.unsuitable) {
            *may &= !unsuitable;
        }
        if options.chain == [Source::Content] && !has_attributes(&items.catalogue) {
            return Err(RecommendError::NoContent);
        }
        let has = |source| options.chain.contains(&source);
        let (with_content, with_events) = (has(Source::Content), has(Source::FoldIn));
        // Written without a branch: half of the items may be out, in no order.
        let mut blocked = vec![0u32; may.len()];
        let mut n_blocked = 0;
        for (row, (&may, &origin)) in may.iter().zip(&items.origins).enumerate() {
            let ranked = match origin {
                Origin::Trained => true,
                Origin::Events => with_events,
                Origin::Content => with_content,
                Origin::Nothing => false,
            };
            blocked[n_blocked] = row as u32;
            n_blocked += usize::from(!(may & ranked));
        }
        blocked.truncate(n_blocked);
        let by_content = items.by_content.iter().copied();
        let apart = by_content.filter(|&row| with_content && may[row as usize]);
        let apart = apart.collect();
        let prices = (options.revenue > 0.0).then(|| usable_prices(items.catalogue.prices()));
        Ok(Plan {
            options,
            may,
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
        let train = &self.artifact().train;
        let user = self.user(request.user);
        let trained = user.filter(|&user| !train.pairs_of(user).is_empty());
        let mut hidden: Vec<u32> = match (plan.options.hide, trained) {
            (Hide::Bought, Some(user)) => self.bought().of(user).to_vec(),
            (Hide::Seen, Some(user)) => train.items_of(user).iter().map(|item| item.0).collect(),
            _ => Vec::new(),
        };
        let (profile, query) = match (trained, request.events) {
            (Some(user), []) => {
                let vector = self.artifact().embeddings.row(user.index()).to_vec();
                let source = Source::Model;
                (None, Some(Query { vector, source }))
            }
            _ => {
                let profile = self.profile(user, request.events)?;
                let query = self.query(&profile);
                let met = profile
                    .dealings
                    .iter()
                    .filter(|dealing| match plan.options.hide {
                        Hide::Bought => dealing.bought,
                        Hide::Seen => true,
                        Hide::Nothing => false,
                    });
                hidden.extend(met.map(|dealing| dealing.item.0));
                hidden.sort_unstable();
                hidden.dedup();
                (Some(profile), query)
            }
        };
        let query = query.filter(|query| plan.options.chain.contains(&query.source));
        Ok(Job {
            request,
            plan,
            user,
            profile,
            query,
            hidden,
        })
    }
}

fn of_one_plan<'a>(raw_users: &'a [&'a str]) -> Vec<Asked<'a>> {
    let asked = raw_users.iter().map(|user| Asked {
        user,
        events: &[],
        plan: 0,
    });
    asked.collect()
}

#[cfg(test)]
pub(crate) mod tests;
