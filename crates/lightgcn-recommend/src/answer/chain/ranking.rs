//! The model's rankings, from which the chain makes lists.

use super::{Chain, Job, Plan};
use crate::cold_start::fold_in::Query;
use crate::rank::diversity::pool_size;
use crate::rank::learned::RankingView;
use crate::rank::merged;
use crate::rank::revenue::add_revenue;
use crate::rank::scorer::list;
use crate::{Ranked, Source};
use lightgcn_core::ItemId;
use lightgcn_simd::{scores, top_k};
use rayon::prelude::*;
use std::borrow::Cow;

/// If a filter leaves fewer than one item in this many, their embeddings are copied into one block.
const ONE_IN: usize = 2;
/// With this many users at once, they are copied as soon as one item in [`OUT_OF`] is excluded: the
/// copy is made once, but every user pays for skipping items.
const MANY: usize = 8;
const OUT_OF: usize = 16;

/// A copy of the items that a narrow filter leaves: reading these is faster than skipping the
/// others.
pub(super) struct Few {
    /// Ascending.
    rows: Vec<u32>,
    /// `[rows, dimension]`
    table: Vec<f32>,
}

impl Few {
    /// The positions of these rows (ascending) in the copy, omitting absent ones.
    fn positions(&self, rows: &[u32]) -> Vec<u32> {
        let position = |row| self.rows.binary_search(row).ok();
        let positions = rows.iter().filter_map(position);
        positions.map(|position| position as u32).collect()
    }
}

impl Chain<'_> {
    /// The items left by a filter, if they are few or there are many users.
    fn few(&self, blocked: &[u32], n_users: usize) -> Option<Few> {
        let (n, dimension) = (self.shop.items.len(), self.shop.items.dimension);
        let narrow = (n - blocked.len()) * ONE_IN < n;
        let shared = n_users >= MANY && blocked.len() * OUT_OF >= n;
        if !narrow && !shared {
            return None;
        }
        let mut rest = blocked;
        let free = |row: &u32| match rest {
            [first, others @ ..] if first == row => {
                rest = others;
                false
            }
            _ => true,
        };
        let rows: Vec<u32> = (0..n as u32).filter(free).collect();
        let mut table = Vec::with_capacity(rows.len() * dimension);
        for &row in &rows {
            let start = row as usize * dimension;
            table.extend_from_slice(&self.shop.items.table[start..start + dimension]);
        }
        Some(Few { rows, table })
    }

    /// The model's ranking for each job; empty where it knows nothing.
    pub(super) fn ranked(&self, jobs: &[Job<'_>]) -> Vec<Vec<Ranked>> {
        let mut lists = vec![Vec::new(); jobs.len()];
        let mut done = vec![false; jobs.len()];
        for first in 0..jobs.len() {
            let Some(query) = jobs[first].query.as_ref().filter(|_| !done[first]) else {
                continue;
            };
            // All jobs of one plan and one way of ranking together.
            let plan = jobs[first].plan;
            let view = self.shop.ranking_for(query.source);
            let mut asking: Vec<(usize, &Job<'_>, &Query)> = Vec::new();
            for (n, job) in jobs.iter().enumerate().skip(first) {
                let Some(query) = &job.query else { continue };
                let is_learned = self.shop.ranking_for(query.source).is_some();
                if std::ptr::eq(job.plan, plan) && is_learned == view.is_some() {
                    done[n] = true;
                    asking.push((n, job, query));
                }
            }
            let by_row = plan.prices.is_some() || self.shop.ensemble.is_some();
            let ranked: Vec<Vec<Ranked>> = match view {
                Some(view) => self.ranked_by_features(view, plan, &asking),
                None if by_row => {
                    let rows = asking.par_iter();
                    rows.map(|(_, job, query)| self.ranked_by_row(job, query))
                        .collect()
                }
                None => self.ranked_by_embeddings(plan, &asking),
            };
            for ((n, ..), list) in asking.iter().zip(ranked) {
                lists[*n] = list;
            }
        }
        lists
    }

    /// The lists of jobs of one plan by the learned ranking.
    fn ranked_by_features(
        &self,
        view: &RankingView,
        plan: &Plan<'_>,
        asking: &[(usize, &Job<'_>, &Query)],
    ) -> Vec<Vec<Ranked>> {
        let by_model = match plan.has_cold {
            true => self.ranked_by_embeddings(plan, asking),
            false => vec![Vec::new(); asking.len()],
        };
        let inputs = self.by_learning(view, plan, asking);
        let ranked = inputs.into_par_iter().zip(asking).zip(by_model);
        let scratch = || view.scratch();
        let ranked = ranked.map_init(
            scratch,
            |scratch, ((learning, (_, job, query)), by_model)| {
                self.ranked_by_learning(view, (job, query), (learning, &by_model), scratch)
            },
        );
        ranked.collect()
    }

    /// The lists of jobs of one plan.
    fn ranked_by_embeddings(
        &self,
        plan: &Plan<'_>,
        asking: &[(usize, &Job<'_>, &Query)],
    ) -> Vec<Vec<Ranked>> {
        let size = pool_size(plan.options.k, plan.options.diversity);
        let vectors = asking.iter().flat_map(|(_, _, query)| &query.vector);
        let queries: Vec<f32> = vectors.copied().collect();
        let out = match &plan.apart[..] {
            [] => Cow::Borrowed(&plan.blocked),
            apart => Cow::Owned(merged(&plan.blocked, apart)),
        };
        let few = plan.few.get_or_init(|| self.few(&out, asking.len()));
        let few = few.as_ref();
        let (table, rows) = match few {
            Some(few) => (&few.table, Some(&few.rows)),
            None => (&*self.shop.items.table, None),
        };
        let excluded: Vec<Vec<u32>> = asking
            .par_iter()
            .map(|(_, job, _)| match few {
                Some(few) => few.positions(&job.hidden),
                None => merged(&out, &job.hidden),
            })
            .collect();
        let best = top_k(&queries, table, self.shop.items.dimension, size, |q| {
            &excluded[q]
        });
        let ranked = asking.par_iter().zip(best).map(|((_, job, query), best)| {
            let one = best.into_iter().map(|scored| Ranked {
                item: ItemId(rows.map_or(scored.item, |rows| rows[scored.item as usize])),
                score: scored.score,
            });
            self.with_apart(job, query, one.collect(), size)
        });
        ranked.collect()
    }

    /// Merges the separately scored rows into a list.
    fn with_apart(
        &self,
        job: &Job<'_>,
        query: &Query,
        list: Vec<Ranked>,
        size: usize,
    ) -> Vec<Ranked> {
        if job.plan.apart.is_empty() {
            return list;
        }
        let rows = job.plan.apart.iter().copied();
        let rows = rows.filter(|row| job.hidden.binary_search(row).is_err());
        let history = || job.history(self.shop);
        let items = &self.shop.items;
        let mut list = items.with_cold_items(list, &query.vector, history, rows);
        list.truncate(size);
        list
    }

    /// The list of a job whose scores are not just dot products.
    fn ranked_by_row(&self, job: &Job<'_>, query: &Query) -> Vec<Ranked> {
        let (plan, options, items) = (job.plan, job.plan.options, &self.shop.items);
        let mut row = vec![0.0; items.len()];
        scores(&query.vector, &items.table, items.dimension, &mut row);
        items.add_similarity(|| job.history(self.shop), &mut row);
        if let (Some((own_weight, ensemble)), Some(user), Source::Model) =
            (self.shop.ensemble.as_deref(), job.user, query.source)
        {
            ensemble.fuse_with(*own_weight, &mut row, user);
        }
        if let Some(prices) = &plan.prices {
            add_revenue(&mut row, prices, options.revenue);
        }
        let size = pool_size(options.k, options.diversity);
        list(&row, size, &merged(&plan.blocked, &job.hidden))
    }
}

#[cfg(test)]
mod tests {
    use crate::answer::chain::tests::larger;
    use crate::test_shop::ranking_of;
    use crate::{
        ContextEvent, ItemFilter, NewItem, NewItemEvent, RecommendError, RecommendOptions,
        RecommendRequest, Recommender, Source,
    };
    use lightgcn_core::Catalogue;

    fn shop() -> Recommender {
        Recommender::from_artifact(larger()).unwrap()
    }

    fn with_ranking() -> Recommender {
        let mut artifact = larger();
        artifact.ranking = Some(ranking_of(&artifact).to_stored().unwrap());
        Recommender::from_artifact(artifact).unwrap()
    }

    #[test]
    fn a_learned_ranking_leaves_users_of_new_items_alone_to_the_model() {
        let request = |user: &str, item: &str| {
            let options = RecommendOptions {
                revenue: 0.5,
                ..RecommendOptions::default()
            };
            RecommendRequest::new(user)
                .with_events(vec![ContextEvent::new(item, "view")])
                .with_options(options)
        };
        let (learned, by_model) = (with_ranking(), shop());
        let new_items = request("nobody", "p57");
        let answer = learned.answer(&new_items).unwrap();
        assert_eq!(answer.source, Source::Content);
        assert_eq!(answer, by_model.answer(&new_items).unwrap());
        let requests = [request("u1", "p3"), new_items, request("nobody", "p4")];
        let together = learned.answer_many(&requests).unwrap();
        for (request, answer) in requests.iter().zip(together) {
            assert_eq!(learned.answer(request).unwrap(), answer);
            let differs = answer != by_model.answer(request).unwrap();
            assert_eq!(differs, answer.source != Source::Content);
        }
    }

    #[test]
    fn lists_by_row_equal_the_answers() {
        let shop = shop();
        let names: Vec<String> = (0..25).map(|n| format!("u{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (categories, exploration) in [(vec![], 0.0), (vec!["c1".to_owned()], 0.3)] {
            let options = RecommendOptions {
                k: 25,
                exploration,
                filter: ItemFilter {
                    categories,
                    ..ItemFilter::default()
                },
                ..RecommendOptions::default()
            };
            let answers = shop.recommend_many(&names, &options).unwrap();
            let lists = shop.list_many(&names, &options).unwrap();
            assert_eq!(answers.len(), lists.len());
            for (answer, list) in answers.iter().zip(lists) {
                assert_eq!(answer.items.len(), list.len());
                for (item, listed) in answer.items.iter().zip(list) {
                    assert_eq!(shop.item_id(listed.item), Some(item.item.as_str()));
                    assert_eq!((listed.score, listed.source), (item.score, item.source));
                    assert_eq!(listed.familiar, item.familiar);
                }
            }
        }
    }

    #[test]
    fn sources_outside_the_chain_do_not_appear() {
        let fresh = NewItem {
            item: "fresh".to_owned(),
            events: vec![NewItemEvent {
                user: "u2".to_owned(),
                behavior: "purchase".to_owned(),
            }],
            ..NewItem::default()
        };
        let shop = shop().with_items(&[fresh]).unwrap();
        let sources = |chain: &[Source]| {
            let options = RecommendOptions {
                k: 100,
                chain: chain.to_vec(),
                ..RecommendOptions::default()
            };
            let answer = shop.recommend("u2", &options).unwrap();
            let mut sources: Vec<Source> = answer.items.iter().map(|item| item.source).collect();
            sources.dedup();
            sources.sort_by_key(|source| source.name());
            sources.dedup();
            sources
        };
        assert_eq!(sources(&[Source::Model]), [Source::Model]);
        let two = [Source::Model, Source::FoldIn];
        assert_eq!(sources(&two), [Source::FoldIn, Source::Model]);
        let three = [Source::Model, Source::FoldIn, Source::Content];
        assert_eq!(
            sources(&three),
            [Source::Content, Source::FoldIn, Source::Model]
        );
    }

    #[test]
    fn a_chain_of_content_alone_needs_attributes() {
        let options = RecommendOptions {
            chain: vec![Source::Content],
            ..RecommendOptions::default()
        };
        assert!(shop().recommend("u1", &options).is_ok());
        let mut bare = larger();
        bare.catalogue = Catalogue::unknown(60);
        let bare = Recommender::from_artifact(bare).unwrap();
        let error = bare.recommend("u1", &options).unwrap_err();
        assert!(matches!(error, RecommendError::NoContent), "{error}");
        // With other sources in the chain there is an answer.
        assert!(bare.recommend("u1", &RecommendOptions::default()).is_ok());
    }
}
