//! What each source of the chain adds to a list.

use super::Job;
use crate::answer::items::Origin;
use crate::rank::diversity::diversify;
use crate::rank::exploration::Explorer;
use crate::{Answer, ListedItem, Ranked, RecommendOptions, RecommendedItem, Recommender, Source};
use lightgcn_core::ItemId;

impl Recommender {
    /// The list from what the model ranked and the rest of the chain.
    pub(super) fn listed(&self, job: &Job<'_>, ranked: &[Ranked]) -> Vec<ListedItem> {
        let options = job.plan.options;
        let k = options.k.min(self.items.len());
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
        let explorer = Explorer::new(options.seed, options.exploration);
        let may = |item| may_come(job, item);
        let explored = |item| ListedItem {
            item,
            score: 0.0,
            source: Source::Exploration,
        };
        explorer.explore(
            user_key(job),
            found,
            k,
            self.items.len(),
            |listed| listed.item,
            may,
            explored,
        )
    }

    /// The list in the shop's own words.
    pub(super) fn answer_of(&self, job: &Job<'_>, list: Vec<ListedItem>) -> Answer {
        let source = list
            .iter()
            .map(|listed| listed.source)
            .find(|source| *source != Source::Exploration)
            .or(list.first().map(|listed| listed.source))
            .or(job.plan.options.chain.last().copied())
            .unwrap_or(Source::Random);
        let items = list.into_iter().zip(1..).map(|(listed, rank)| {
            let ListedItem {
                item,
                score,
                source,
            } = listed;
            RecommendedItem {
                item: self.item_name(item),
                rank,
                score,
                source,
                reason: self.reason(job, item, source, score),
                details: self.items.catalogue.get(item),
            }
        });
        Answer {
            user: job.request.user.to_owned(),
            known: job.user.is_some(),
            source,
            ignored_events: job.profile.as_ref().map_or(0, |profile| profile.n_ignored),
            items: items.collect(),
        }
    }

    fn add_ranked(
        &self,
        found: &mut Vec<ListedItem>,
        ranked: &[Ranked],
        source: Source,
        options: &RecommendOptions,
    ) {
        let dimension = self.items.dimension;
        let row = |item: ItemId| &self.items.table[item.index() * dimension..][..dimension];
        let chosen = diversify(ranked, options.k, options.diversity, row);
        let known = found.len();
        for ranked in chosen {
            if found.len() == options.k || found[..known].iter().any(|f| f.item == ranked.item) {
                continue;
            }
            let source = match self.items.origins[ranked.item.index()] {
                Origin::Content => Source::Content,
                Origin::Events if source == Source::Model => Source::FoldIn,
                _ => source,
            };
            found.push(ListedItem {
                item: ranked.item,
                score: ranked.score,
                source,
            });
        }
    }

    /// The most popular items of the categories that the user dealt with.
    fn add_of_categories(&self, found: &mut Vec<ListedItem>, job: &Job<'_>, k: usize) {
        let catalogue = &self.items.catalogue;
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
        let catalogue = &self.items.catalogue;
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

    fn add_random(&self, found: &mut Vec<ListedItem>, job: &Job<'_>, k: usize) {
        let mut known = vec![false; self.items.len()];
        found.iter().for_each(|f| known[f.item.index()] = true);
        let rows = (0..self.items.len() as u32).map(ItemId);
        let mut left: Vec<ItemId> = rows
            .filter(|&item| may_come(job, item) && !known[item.index()])
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
            });
        }
    }

    /// Items by their purchases, each counted by its age against the latest pair; the most popular
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
            Source::FoldIn if self.items.origins[item.index()] == Origin::Events => {
                "new, and users of its first events are alike".to_owned()
            }
            Source::FoldIn => format!("suits {n_events} recent {events}"),
            Source::Content => match self.items.origins[item.index()] {
                Origin::Content => {
                    "new, and like what suits in category, brand or price".to_owned()
                }
                _ => "like the new items looked at in category, brand or price".to_owned(),
            },
            Source::CategoryPopularity => {
                format!("bought by {score:.0} users, in a category looked at")
            }
            Source::RecentPopularity => "bought most of late".to_owned(),
            Source::Popularity => format!("bought by {score:.0} users"),
            Source::Random => "drawn at random, since nothing better was left".to_owned(),
            Source::Exploration => "drawn at random, to try something else".to_owned(),
        }
    }
}

/// Fills the list up to `k` with items that may come and are not in it yet.
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
        if may_come(job, item) && known.binary_search(&item).is_err() {
            found.push(ListedItem {
                item,
                score,
                source,
            });
        }
    }
}

fn may_come(job: &Job<'_>, item: ItemId) -> bool {
    job.plan.may[item.index()] && job.hidden.binary_search(&item.0).is_err()
}

/// What the draws for a user depend on: the row, or the letters of an unknown id.
fn user_key(job: &Job<'_>) -> u64 {
    match job.user {
        Some(user) => u64::from(user.0),
        None => job
            .request
            .user
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            }),
    }
}
