//! How an answer is made: the sources of the chain, one after the other, under the rules.

use crate::diversity::{diversify, pool_size};
use crate::exploration::Explorer;
use crate::fold_in::Query;
use crate::products::Origin;
use crate::profile::Profile;
use crate::revenue::{add_revenue, usable_prices};
use crate::scorer::list;
use crate::{
    Answer, Hide, Ranked, RecommendError, RecommendOptions, RecommendRequest, RecommendedItem,
    Recommender, Source,
};
use lightgcn_core::{ItemId, UserId};
use lightgcn_simd::{scores, top_k};
use rayon::prelude::*;

/// Requests answered at a time: it bounds the memory of their vectors and lists.
const BLOCK: usize = 1024;

/// What options come to, shared by all requests that have them.
struct Plan<'a> {
    options: &'a RecommendOptions,
    /// Which products may be shown, by row.
    may: Vec<bool>,
    /// The rows that the model must not rank, ascending.
    blocked: Vec<u32>,
    prices: Option<Vec<f64>>,
}

/// One request, understood.
struct Job<'a> {
    request: &'a Asked<'a>,
    plan: &'a Plan<'a>,
    user: Option<UserId>,
    /// None for known consumers without events, of whom the artifact has it all.
    profile: Option<Profile>,
    query: Option<Query>,
    /// Rows left out for this consumer, ascending.
    hidden: Vec<u32>,
}

/// What was asked: a consumer, events and options.
struct Asked<'a> {
    consumer: &'a str,
    events: &'a [crate::ContextEvent],
    plan: usize,
}

/// An item of a list in the making.
type Found = (ItemId, (Source, f32));

impl Recommender {
    /// The best products for one consumer, as [`Recommender::answer`] gives them without events.
    ///
    /// # Errors
    /// As [`RecommendOptions::check`]; [`RecommendError::UnknownLabel`] for a category or a brand that no
    /// product has.
    pub fn recommend(
        &self,
        raw_user: &str,
        options: &RecommendOptions,
    ) -> Result<Answer, RecommendError> {
        let mut answers = self.recommend_many(&[raw_user], options)?;
        Ok(answers.swap_remove(0))
    }

    /// The answers for many consumers, in their order, each as [`Recommender::recommend`] gives it.
    /// One batch is faster than single questions: products are read once for many consumers.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub fn recommend_many(
        &self,
        raw_users: &[&str],
        options: &RecommendOptions,
    ) -> Result<Vec<Answer>, RecommendError> {
        let plans = [self.plan(options)?];
        let asked: Vec<Asked<'_>> = raw_users
            .iter()
            .map(|consumer| Asked {
                consumer,
                events: &[],
                plan: 0,
            })
            .collect();
        self.answer_asked(&asked, &plans)
    }

    /// The answer to a request.
    ///
    /// - A consumer with training pairs gets the model's ranking; events of the request shift it at
    ///   once: the history is weighed anew, as training would weigh it, and propagated again.
    /// - One without gets a vector from the events ([`FoldIn`](crate::FoldIn)).
    /// - Where neither fills the list, the rest of the chain does.
    ///
    /// Filters, what is hidden and what is unsuitable are left out during the search, by every source: a
    /// list is shorter than `k` only where no more products may come. O(products · dimension).
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
                consumer: &request.consumer,
                events: &request.events,
                plan,
            });
        }
        self.answer_asked(&asked, &plans)
    }

    fn plan<'a>(&self, options: &'a RecommendOptions) -> Result<Plan<'a>, RecommendError> {
        options.check()?;
        let products = &self.products;
        let mut may = options.filter.mask(&products.names, &products.catalogue)?;
        for (may, &unsuitable) in may.iter_mut().zip(&self.unsuitable) {
            *may &= !unsuitable;
        }
        let with_content = options.chain.contains(&Source::Content);
        let blocked = (0..may.len()).filter(|&row| {
            !may[row]
                || products.origins[row] == Origin::Nothing
                || (products.origins[row] == Origin::Content && !with_content)
        });
        let blocked = blocked.map(|row| row as u32).collect();
        let prices = (options.revenue > 0.0).then(|| usable_prices(products.catalogue.prices()));
        Ok(Plan {
            options,
            may,
            blocked,
            prices: prices.transpose()?,
        })
    }

    fn answer_asked(
        &self,
        asked: &[Asked<'_>],
        plans: &[Plan<'_>],
    ) -> Result<Vec<Answer>, RecommendError> {
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
                    .map(|(job, ranked)| self.finish(job, &ranked)),
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
        let user = self.user(request.consumer);
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

    /// What the model ranks for each job; nothing where it knows nothing.
    fn ranked(&self, jobs: &[Job<'_>]) -> Vec<Vec<Ranked>> {
        let mut lists = vec![Vec::new(); jobs.len()];
        let (table, dimension) = (&self.products.table, self.products.dimension);
        let mut done = vec![false; jobs.len()];
        for first in 0..jobs.len() {
            // All jobs of one plan in one go.
            let plan = jobs[first].plan;
            let mine: Vec<usize> = (first..jobs.len())
                .filter(|&n| !done[n] && std::ptr::eq(jobs[n].plan, plan))
                .collect();
            mine.iter().for_each(|&n| done[n] = true);
            let asking: Vec<usize> = mine
                .into_iter()
                .filter(|&n| jobs[n].query.is_some())
                .collect();
            if asking.is_empty() {
                continue;
            }
            let size = pool_size(plan.options.k, plan.options.diversity);
            let excluded: Vec<Vec<u32>> = asking
                .par_iter()
                .map(|&n| merged(&plan.blocked, &jobs[n].hidden))
                .collect();
            let vector = |n: usize| jobs[n].query.iter().flat_map(|query| &query.vector);
            if let Some(prices) = &plan.prices {
                for (&n, excluded) in asking.iter().zip(&excluded) {
                    let query: Vec<f32> = vector(n).copied().collect();
                    let mut row = vec![0.0; self.products.len()];
                    scores(&query, table, dimension, &mut row);
                    add_revenue(&mut row, prices, plan.options.revenue);
                    lists[n] = list(&row, size, excluded);
                }
                continue;
            }
            let queries: Vec<f32> = asking.iter().flat_map(|&n| vector(n).copied()).collect();
            let best = top_k(&queries, table, dimension, size, |q| &excluded[q]);
            for (n, best) in asking.into_iter().zip(best) {
                let ranked = best.into_iter().map(|scored| Ranked {
                    item: ItemId(scored.item),
                    score: scored.score,
                });
                lists[n] = ranked.collect();
            }
        }
        lists
    }

    /// The answer from what the model ranked and the rest of the chain.
    fn finish(&self, job: &Job<'_>, ranked: &[Ranked]) -> Answer {
        let options = job.plan.options;
        let k = options.k.min(self.products.len());
        let mut found: Vec<Found> = Vec::with_capacity(k);
        for &source in &options.chain {
            if found.len() >= k {
                break;
            }
            match source {
                Source::Model | Source::FoldIn | Source::Content => {
                    if job
                        .query
                        .as_ref()
                        .is_some_and(|query| query.source == source)
                    {
                        self.add_ranked(&mut found, ranked, source, options);
                    }
                }
                Source::CategoryPopularity => self.add_of_categories(&mut found, job, k),
                Source::RecentPopularity => {
                    let recent = self.recently_bought().iter().copied();
                    add(&mut found, job, k, source, recent);
                }
                Source::Popularity => {
                    let counts = self.popularity().counts();
                    let bought = self.popularity().ranking();
                    let bought = bought.map(|item| (item, counts[item.index()] as f32));
                    let bought = bought.take_while(|(_, count)| *count > 0.0);
                    add(&mut found, job, k, source, bought);
                }
                Source::Random => self.add_random(&mut found, job, k),
                Source::Exploration => {}
            }
        }
        let source = found
            .first()
            .map(|(_, (source, _))| *source)
            .or(options.chain.last().copied())
            .unwrap_or(Source::Random);
        let explorer = Explorer::new(options.seed, options.exploration);
        let may = |item| may_come(job, item);
        let mark = (Source::Exploration, 0.0);
        let found = explorer.explore(consumer_key(job), &found, k, self.products.len(), may, mark);
        let items = found
            .into_iter()
            .zip(1..)
            .map(|((item, (source, score)), rank)| RecommendedItem {
                product: self.product_name(item),
                rank,
                score,
                source,
                reason: self.reason(job, item, source, score),
                details: self.products.catalogue.get(item),
            });
        Answer {
            consumer: job.request.consumer.to_owned(),
            known: job.user.is_some(),
            source,
            ignored_events: job.profile.as_ref().map_or(0, |profile| profile.n_ignored),
            items: items.collect(),
        }
    }

    fn add_ranked(
        &self,
        found: &mut Vec<Found>,
        ranked: &[Ranked],
        source: Source,
        options: &RecommendOptions,
    ) {
        let dimension = self.products.dimension;
        let row = |item: ItemId| &self.products.table[item.index() * dimension..][..dimension];
        let chosen = diversify(ranked, options.k, options.diversity, row);
        let known = found.len();
        for ranked in chosen {
            if found.len() == options.k || found[..known].iter().any(|(i, _)| *i == ranked.item) {
                continue;
            }
            let source = match self.products.origins[ranked.item.index()] {
                Origin::Content => Source::Content,
                Origin::Events if source == Source::Model => Source::FoldIn,
                _ => source,
            };
            found.push((ranked.item, (source, ranked.score)));
        }
    }

    /// The most popular products of the categories that the consumer dealt with.
    fn add_of_categories(&self, found: &mut Vec<Found>, job: &Job<'_>, k: usize) {
        let catalogue = &self.products.catalogue;
        let mine = self.categories_of(job);
        if mine.is_empty() {
            return;
        }
        let counts = self.popularity().counts();
        let of_mine = self.popularity().ranking().filter(|&item| {
            let label = catalogue.category_code().get(item);
            let label = label.or_else(|| catalogue.category_id().get(item));
            label.is_some_and(|label| mine.contains(&label))
        });
        let bought = of_mine
            .map(|item| (item, counts[item.index()] as f32))
            .take_while(|(_, count)| *count > 0.0);
        add(found, job, k, Source::CategoryPopularity, bought);
    }

    fn categories_of(&self, job: &Job<'_>) -> Vec<&str> {
        let catalogue = &self.products.catalogue;
        let items: Vec<ItemId> = match (&job.profile, job.user) {
            (Some(profile), _) => profile.dealings.iter().map(|d| d.item).collect(),
            (None, Some(user)) => self.artifact().train.items_of(user).to_vec(),
            (None, None) => Vec::new(),
        };
        let label = |item: ItemId| {
            let code = catalogue.category_code().get(item);
            code.or_else(|| catalogue.category_id().get(item))
        };
        let mut labels: Vec<&str> = items.into_iter().filter_map(label).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    fn add_random(&self, found: &mut Vec<Found>, job: &Job<'_>, k: usize) {
        let left: Vec<ItemId> = (0..self.products.len() as u32)
            .map(ItemId)
            .filter(|&item| may_come(job, item) && found.iter().all(|(known, _)| *known != item))
            .collect();
        let mut left = left;
        let random = lightgcn_core::random::Random::new(
            job.plan.options.seed,
            lightgcn_core::random::Stream::Recommendation,
        );
        let mut draws = random.at(0, consumer_key(job));
        for place in 0..left.len().min(k.saturating_sub(found.len())) {
            let other = place + draws.below((left.len() - place) as u32) as usize;
            left.swap(place, other);
            found.push((left[place], (Source::Random, 0.0)));
        }
    }

    /// Products by their purchases, each counted by its age against the latest pair; the most popular
    /// first. Empty where the log has no times.
    pub(crate) fn recently_bought(&self) -> &[(ItemId, f32)] {
        self.recent.get_or_init(|| {
            let train = &self.artifact().train;
            let Some(&latest) = train.last_times().iter().max() else {
                return Vec::new();
            };
            let mut counts = vec![0.0f64; train.n_items()];
            for (pair, &time) in train.last_times().iter().enumerate() {
                if train.is_target(pair) {
                    let days = (latest - time) as f64 / 86_400.0;
                    let item = train.items()[pair].index();
                    counts[item] += (-days / self.recent_half_life_days).exp2();
                }
            }
            let mut order: Vec<usize> = (0..counts.len()).filter(|&n| counts[n] > 0.0).collect();
            order.sort_by(|&a, &b| counts[b].total_cmp(&counts[a]).then(a.cmp(&b)));
            order
                .into_iter()
                .map(|n| (ItemId(n as u32), counts[n] as f32))
                .collect()
        })
    }

    fn reason(&self, job: &Job<'_>, item: ItemId, source: Source, score: f32) -> String {
        let n_events = job.profile.as_ref().map_or(0, |profile| profile.n_events);
        let events = if n_events == 1 { "event" } else { "events" };
        match source {
            Source::Model if n_events > 0 => {
                format!("suits the history and {n_events} recent {events}")
            }
            Source::Model => "suits the history".to_owned(),
            Source::FoldIn if self.products.origins[item.index()] == Origin::Events => {
                "new, and consumers of its first events are alike".to_owned()
            }
            Source::FoldIn => format!("suits {n_events} recent {events}"),
            Source::Content => match self.products.origins[item.index()] {
                Origin::Content => {
                    "new, and like what suits in category, brand or price".to_owned()
                }
                _ => "like the new products looked at in category, brand or price".to_owned(),
            },
            Source::CategoryPopularity => {
                format!("bought by {score:.0} consumers, in a category looked at")
            }
            Source::RecentPopularity => "bought most of late".to_owned(),
            Source::Popularity => format!("bought by {score:.0} consumers"),
            Source::Random => "drawn at random, since nothing better was left".to_owned(),
            Source::Exploration => "drawn at random, to try something else".to_owned(),
        }
    }
}

/// Fills the list up to `k` with products that may come and are not in it yet.
fn add(
    found: &mut Vec<Found>,
    job: &Job<'_>,
    k: usize,
    source: Source,
    ranked: impl Iterator<Item = (ItemId, f32)>,
) {
    let mut known: Vec<ItemId> = found.iter().map(|(item, _)| *item).collect();
    known.sort_unstable();
    for (item, score) in ranked {
        if found.len() >= k {
            break;
        }
        if may_come(job, item) && known.binary_search(&item).is_err() {
            found.push((item, (source, score)));
        }
    }
}

fn may_come(job: &Job<'_>, item: ItemId) -> bool {
    job.plan.may[item.index()] && job.hidden.binary_search(&item.0).is_err()
}

/// What the draws for a consumer depend on: the row, or the letters of an unknown id.
fn consumer_key(job: &Job<'_>) -> u64 {
    match job.user {
        Some(user) => u64::from(user.0),
        None => job
            .request
            .consumer
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            }),
    }
}

/// The union of two ascending lists.
fn merged(a: &[u32], b: &[u32]) -> Vec<u32> {
    if b.is_empty() {
        return a.to_vec();
    }
    let mut out = Vec::with_capacity(a.len() + b.len());
    let mut rest = b;
    for &x in a {
        let before = rest.partition_point(|&y| y < x);
        out.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        out.push(x);
    }
    out.extend_from_slice(rest);
    out.dedup();
    out
}

#[cfg(test)]
pub(crate) mod tests;
