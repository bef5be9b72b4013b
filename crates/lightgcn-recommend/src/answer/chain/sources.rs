//! Adds each source of the chain to a list.

use super::{Chain, Job};
use crate::answer::items::Origin;
use crate::rank::diversity::diversify;
use crate::rank::exploration::{Explorer, Slot};
use crate::{
    Answer, BehaviorCount, ListedItem, Ranked, RecommendOptions, RecommendedItem, Rule, Source,
};
use lightgcn_core::ItemId;
use xxhash_rust::xxh3::xxh3_64;

impl Chain<'_> {
    /// Makes the list from the model's ranking and the rest of the chain, and marks familiar items.
    pub(super) fn listed(&self, job: &Job<'_>, ranked: &[Ranked]) -> Vec<ListedItem> {
        let options = job.plan.options;
        let k = options.k.min(self.shop.items.len());
        let mut found: Vec<ListedItem> = Vec::with_capacity(k);
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
                    let train = &self.shop.model.artifact.train;
                    let recent = self.shop.popularity.recent(train).iter().copied();
                    add(&mut found, job, k, source, recent);
                }
                Source::Popularity => {
                    add(&mut found, job, k, source, self.shop.popularity.overall());
                }
                Source::Random => self.add_random(&mut found, job, k),
                Source::Exploration => {}
            }
        }
        let explorer = Explorer::new(options.seed, options.exploration);
        let items: Vec<ItemId> = found.iter().map(|listed| listed.item).collect();
        let is_eligible = |item| job.is_eligible(item);
        let slots = explorer.explore(user_key(job), &items, self.shop.items.len(), is_eligible);
        let listed = |slot| match slot {
            Slot::Kept(n) => found[n],
            Slot::Drawn(item) => ListedItem {
                item,
                score: 0.0,
                source: Source::Exploration,
                familiar: false,
            },
        };
        let met = job.met(self.shop);
        let marked = slots.into_iter().map(listed).map(|listed| ListedItem {
            familiar: met.binary_search(&listed.item).is_ok(),
            ..listed
        });
        marked.collect()
    }

    /// The list with the shop's ids and reasons.
    pub(super) fn answer_of(&self, job: &Job<'_>, list: Vec<ListedItem>) -> Answer {
        let source = list
            .iter()
            .map(|listed| listed.source)
            .find(|source| *source != Source::Exploration)
            .or(list.first().map(|listed| listed.source))
            .or(job.plan.options.chain.last().copied())
            .unwrap_or(Source::Random);
        let items = list.iter().zip(1..).map(|(listed, rank)| RecommendedItem {
            item: self.shop.items.name(listed.item),
            rank,
            score: listed.score,
            source: listed.source,
            familiar: listed.familiar,
            reason: self.reason(job, listed),
            details: self.shop.items.catalogue.get(listed.item),
        });
        let emptied_by = list.is_empty().then(|| self.emptied_by(job));
        Answer {
            emptied_by,
            unknown: job.plan.unknown.clone(),
            user: job.request.user.to_owned(),
            known: job.user.is_some(),
            source,
            ignored_events: job.profile.as_ref().map_or(0, |profile| profile.n_ignored),
            items: items.collect(),
        }
    }

    /// Why a list is empty.
    fn emptied_by(&self, job: &Job<'_>) -> Rule {
        if let Some(rule) = job.plan.emptied_by {
            return rule;
        }
        let mut rows = (0..self.shop.items.len() as u32).map(ItemId);
        match rows.any(|item| job.is_eligible(item)) {
            true => Rule::Chain,
            false => Rule::Hidden,
        }
    }

    fn add_ranked(
        &self,
        found: &mut Vec<ListedItem>,
        ranked: &[Ranked],
        source: Source,
        options: &RecommendOptions,
    ) {
        let row = |item: ItemId| self.shop.items.embedding(item);
        let chosen = diversify(ranked, options.k, options.diversity, row);
        let known = found.len();
        for ranked in chosen {
            if found.len() == options.k || found[..known].iter().any(|f| f.item == ranked.item) {
                continue;
            }
            let source = match self.shop.items.origins[ranked.item.index()] {
                Origin::Content => Source::Content,
                Origin::Events if source == Source::Model => Source::FoldIn,
                _ => source,
            };
            found.push(ListedItem {
                item: ranked.item,
                score: ranked.score,
                source,
                familiar: false,
            });
        }
    }

    /// Adds the most popular items of the categories in the user's history.
    fn add_of_categories(&self, found: &mut Vec<ListedItem>, job: &Job<'_>, k: usize) {
        let mine = self.categories_of(job);
        if mine.is_empty() {
            return;
        }
        let category = |item| self.shop.items.category(item);
        let popular = self.shop.popularity.overall();
        let of_mine =
            popular.filter(|(item, _)| category(*item).is_some_and(|label| mine.contains(&label)));
        add(found, job, k, Source::CategoryPopularity, of_mine);
    }

    fn categories_of(&self, job: &Job<'_>) -> Vec<&str> {
        let met = job.met(self.shop);
        let rejected = self.hidden_pairs(job, false);
        let liked = met
            .iter()
            .filter(|item| rejected.binary_search(&item.0).is_err());
        let category = |item: &ItemId| self.shop.items.category(*item);
        let mut labels: Vec<&str> = liked.filter_map(category).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    fn add_random(&self, found: &mut Vec<ListedItem>, job: &Job<'_>, k: usize) {
        let mut known = vec![false; self.shop.items.len()];
        found.iter().for_each(|f| known[f.item.index()] = true);
        let rows = (0..self.shop.items.len() as u32).map(ItemId);
        let mut left: Vec<ItemId> = rows
            .filter(|&item| job.is_eligible(item) && !known[item.index()])
            .collect();
        let random = lightgcn_core::random::Random::new(
            job.plan.options.seed,
            lightgcn_core::random::Stream::Recommendation,
        );
        let mut draws = random.at(0, user_key(job));
        for place in 0..left.len().min(k.saturating_sub(found.len())) {
            let other = place + draws.below((left.len() - place) as u32) as usize;
            left.swap(place, other);
            found.push(ListedItem {
                item: left[place],
                score: 0.0,
                source: Source::Random,
                familiar: false,
            });
        }
    }

    /// What the user did with an item, such as `viewed 3x`; `None` for a new item.
    fn done_with(&self, job: &Job<'_>, item: ItemId) -> Option<String> {
        let train = &self.shop.model.artifact.train;
        let behaviors = match (&job.profile, job.user) {
            (Some(profile), _) => self.shop.behaviors_of(profile.get(item)?),
            (None, Some(user)) if item.index() < train.n_items() => {
                let counts = train.counts_of(train.find(user, item)?);
                BehaviorCount::of(train.behaviors(), counts)
            }
            _ => return None,
        };
        let done: Vec<String> = behaviors.iter().map(BehaviorCount::to_string).collect();
        Some(done.join(", "))
    }

    fn reason(&self, job: &Job<'_>, listed: &ListedItem) -> String {
        let &ListedItem {
            item,
            score,
            source,
            ..
        } = listed;
        let n_events = job.profile.as_ref().map_or(0, |profile| profile.n_events);
        let events = if n_events == 1 { "event" } else { "events" };
        let ranking = self.shop.ranking_for(source);
        if let Some(done) = ranking.and_then(|_| self.done_with(job, item)) {
            return done;
        }
        match source {
            Source::Model if n_events > 0 => {
                format!("fits the history and {n_events} recent {events}")
            }
            Source::Model => "fits the history".to_owned(),
            Source::FoldIn if self.shop.items.origins[item.index()] == Origin::Events => {
                "new, and chosen by users with similar taste".to_owned()
            }
            Source::FoldIn => format!("fits {n_events} recent {events}"),
            Source::Content => match self.shop.items.origins[item.index()] {
                Origin::Content => "new, with a fitting category, brand or price".to_owned(),
                _ => {
                    "similar to the new items in the history by category, brand or price".to_owned()
                }
            },
            Source::CategoryPopularity => {
                format!("bought by {score:.0} users, in a category from the history")
            }
            Source::RecentPopularity => "bought often lately".to_owned(),
            Source::Popularity => format!("bought by {score:.0} users"),
            Source::Random => "picked at random: nothing better was left".to_owned(),
            Source::Exploration => "picked at random, to explore".to_owned(),
        }
    }
}

/// Fills the list up to `k` with eligible items that are not yet in it.
fn add(
    found: &mut Vec<ListedItem>,
    job: &Job<'_>,
    k: usize,
    source: Source,
    ranked: impl Iterator<Item = (ItemId, f32)>,
) {
    let mut known: Vec<ItemId> = found.iter().map(|f| f.item).collect();
    known.sort_unstable();
    for (item, score) in ranked {
        if found.len() >= k {
            break;
        }
        if job.is_eligible(item) && known.binary_search(&item).is_err() {
            found.push(ListedItem {
                item,
                score,
                source,
                familiar: false,
            });
        }
    }
}

/// The key of a user's random draws: the row, or a hash of an unknown id.
fn user_key(job: &Job<'_>) -> u64 {
    match job.user {
        Some(user) => u64::from(user.0),
        None => xxh3_64(job.request.user.as_bytes()),
    }
}
