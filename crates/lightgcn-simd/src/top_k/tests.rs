use proptest::prelude::*;

use super::*;
use crate::element::Bf16;
use crate::parallel::same_at_any_thread_count;
use crate::{dot, scores, select_top_k};

fn ids(list: &[Scored]) -> Vec<u32> {
    list.iter().map(|scored| scored.item).collect()
}

/// Numbers in -1..1 that look random.
fn noise(n: usize, seed: u64) -> Vec<f32> {
    (0..n as u64)
        .map(|i| {
            let mut z = (i + (seed << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn narrow(numbers: &[f32]) -> Vec<Bf16> {
    numbers.iter().map(|&number| Bf16::narrow(number)).collect()
}

fn scoring<'a, T>(level: Level, queries: &'a [f32], items: &'a [T], dim: usize) -> Scoring<'a, T> {
    Scoring {
        level,
        queries,
        items,
        dim,
    }
}

/// Scores all pairs by `dot` and sorts them.
fn by_full_sort<T: Element>(
    scoring: Scoring<'_, T>,
    k: usize,
    excluded: &[Vec<u32>],
) -> Vec<Vec<Scored>> {
    let Scoring {
        level,
        queries,
        items,
        dim,
    } = scoring;
    let rank = |(query, excluded): (&[f32], &Vec<u32>)| {
        let mut all: Vec<Scored> = items
            .chunks_exact(dim)
            .zip(0..)
            .map(|(vector, item)| Scored {
                item,
                score: tile::dot(level, query, vector),
            })
            .filter(|scored| excluded.binary_search(&scored.item).is_err())
            .collect();
        all.sort_by(Scored::rank_order);
        all.truncate(k);
        all
    };
    queries.chunks_exact(dim).zip(excluded).map(rank).collect()
}

#[test]
fn by_hand() {
    let items = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, -1.0, 0.0];
    let excluded: [&[u32]; 3] = [&[], &[2], &[0, 1, 2, 3]];
    let lists = top_k(&[1.0, 0.0, 0.0, 2.0, 1.0, 1.0], &items, 2, 3, |query| {
        excluded[query]
    });
    // Items 0 and 2 tie for the first query, 0 and 3 for the second.
    assert_eq!(ids(&lists[0]), [0, 2, 1]);
    assert_eq!(ids(&lists[1]), [1, 0, 3]);
    assert_eq!(
        lists[1][0],
        Scored {
            item: 1,
            score: 2.0
        }
    );
    assert_eq!(lists[2], []);
}

#[test]
fn empty_shapes() {
    let none: fn(usize) -> &'static [u32] = |_| &[];
    assert_eq!(top_k(&[], &[1.0], 1, 3, none), Vec::<Vec<Scored>>::new());
    assert_eq!(top_k::<f32>(&[1.0, 2.0], &[], 1, 3, none), [vec![], vec![]]);
    assert_eq!(top_k(&[1.0, 2.0], &[1.0], 1, 0, none), [vec![], vec![]]);
    assert_eq!(
        top_k::<f32>(&[], &[], 0, 3, none),
        Vec::<Vec<Scored>>::new()
    );
}

#[test]
fn k_beyond_the_items_gives_all() {
    let lists = top_k(&[1.0], &[1.0, 3.0, 2.0], 1, usize::MAX, |_| &[9]);
    assert_eq!(ids(&lists[0]), [1, 2, 0]);
}

#[test]
fn nan_ranks_last() {
    let items = [f32::NAN, -1.0, f32::NEG_INFINITY, f32::NAN];
    assert_eq!(ids(&top_k(&[1.0], &items, 1, 4, |_| &[])[0]), [1, 2, 0, 3]);
    assert_eq!(ids(&top_k(&[1.0], &items, 1, 3, |_| &[])[0]), [1, 2, 0]);
}

#[test]
fn equal_scores_rank_by_item_across_blocks_and_threads() {
    // Enough that two threads share the items.
    let (dim, n_items) = (120, 20_000);
    let (queries, items) = (vec![1.0; 2 * dim], vec![1.0; n_items * dim]);
    let excluded: Vec<u32> = (0..5000).collect();
    let lists = same_at_any_thread_count(|| top_k(&queries, &items, dim, 40, |_| &excluded));
    for list in lists {
        assert_eq!(ids(&list), (5000..5040).collect::<Vec<u32>>());
    }
}

#[test]
#[should_panic(expected = "the items must have rows of 2 numbers, but they have 3")]
fn items_of_another_shape_panic() {
    let _ = top_k(&[1.0, 2.0], &[1.0; 3], 2, 1, |_| &[]);
}

#[test]
#[should_panic(expected = "the excluded items must be sorted")]
fn unsorted_exclusions_panic() {
    let _ = top_k(&[1.0], &[1.0; 3], 1, 1, |_| &[2, 1]);
}

#[test]
fn many_queries_are_exact_at_any_thread_count() {
    let (n_queries, n_items, dim, k) = (400, 1500, 20, 10);
    let (queries, items) = (noise(n_queries * dim, 1), noise(n_items * dim, 2));
    let excluded: Vec<Vec<u32>> = (0..n_queries as u32)
        .map(|q| (q % 7..1500).step_by(q as usize % 30 + 1).collect())
        .collect();
    let lists =
        same_at_any_thread_count(|| top_k(&queries, &items, dim, k, |query| &excluded[query]));
    assert_eq!(
        lists,
        by_full_sort(
            scoring(Level::detect(), &queries, &items, dim),
            k,
            &excluded
        )
    );
}

#[test]
fn one_query_over_many_items_is_exact_at_any_thread_count() {
    let (n_items, dim) = (30_011, 75);
    let (query, items) = (noise(dim, 3), noise(n_items * dim, 4));
    let excluded: Vec<u32> = (0..30_011).step_by(3).collect();
    let lists = same_at_any_thread_count(|| top_k(&query, &items, dim, 25, |_| &excluded));
    let mut all = vec![0.0; n_items];
    scores(&query, &items, dim, &mut all);
    assert_eq!(lists[0], select_top_k(&all, 25, &excluded));
}

#[test]
fn scores_do_not_depend_on_the_batch() {
    let (dim, n_items) = (33, 700);
    let (queries, items) = (noise(11 * dim, 5), noise(n_items * dim, 6));
    let together = top_k(&queries, &items, dim, 15, |_| &[]);
    for (query, list) in queries.chunks_exact(dim).zip(&together) {
        assert_eq!(&top_k(query, &items, dim, 15, |_| &[])[0], list);
        for scored in list {
            let item = &items[scored.item as usize * dim..][..dim];
            assert_eq!(scored.score.to_bits(), dot(query, item).to_bits());
        }
    }
}

/// A few queries meet the items as they lie in memory, more meet packed ones.
#[test]
fn any_number_of_queries_gets_the_same_bits_at_any_thread_count() {
    let (dim, n_items) = (75, 30_011);
    let (queries, items) = (noise(9 * dim, 7), noise(n_items * dim, 8));
    let narrow = narrow(&items);
    let bits = |lists: Vec<Vec<Scored>>| -> Vec<(u32, u32)> {
        let all = lists.into_iter().flatten();
        all.map(|scored| (scored.item, scored.score.to_bits()))
            .collect()
    };
    let in_batches = |size: usize| {
        same_at_any_thread_count(|| {
            let batches = queries.chunks(size * dim);
            let lists = |queries| {
                [
                    bits(top_k(queries, &items, dim, 12, |_| &[3, 4, 20_000])),
                    bits(top_k(queries, &narrow, dim, 12, |_| &[3, 4, 20_000])),
                ]
            };
            let [mut wide, mut rounded] = [vec![], vec![]];
            for [a, b] in batches.map(lists) {
                wide.extend(a);
                rounded.extend(b);
            }
            [wide, rounded]
        })
    };
    let together = in_batches(9);
    assert_eq!(together[0].len(), 9 * 12);
    for size in 1..9 {
        assert_eq!(in_batches(size), together, "batches of {size}");
    }
}

#[test]
fn items_of_16_bits_rank_by_the_dot_of_their_rounded_numbers() {
    // 1.001 and 1.002 both round to 1, so that the lower item wins.
    let items = [1.001, 1.002, 1.01, f32::NAN, -1.0];
    let lists = top_k(&[1.0, 2.0], &narrow(&items), 1, 5, |_| &[]);
    for (list, factor) in lists.iter().zip([1.0, 2.0]) {
        assert_eq!(ids(list), [2, 0, 1, 4, 3]);
        assert_eq!(list[0].score, factor * 1.0078125);
        assert_eq!(list[1].score, factor);
    }
}

#[test]
fn only_large_work_is_split_among_threads() {
    assert_eq!(Plan::new(1, 10_000, 64, 2).tasks().len(), 1);
    assert_eq!(Plan::new(1, 1_000_000, 64, 2).tasks().len(), 2);
    assert_eq!(Plan::new(1024, 40_000, 64, 2).tasks().len(), 10);
}

#[test]
fn a_plan_covers_each_pair_once() {
    for n_queries in [0, 1, 5, 121, 1024] {
        for n_items in [0, 1, 100, 40_981, 1_000_000] {
            for threads in [1, 2, 5, 64] {
                let plan = Plan::new(n_queries, n_items, 64, threads);
                let pairs: usize = plan
                    .tasks()
                    .iter()
                    .map(|(queries, items)| queries.len() * items.len())
                    .sum();
                assert_eq!(pairs, n_queries * n_items);
                for tasks in plan.tasks().chunks(plan.item_parts) {
                    assert_eq!(
                        (tasks[0].1.start, tasks[tasks.len() - 1].1.end),
                        (0, n_items)
                    );
                    assert!(
                        tasks
                            .windows(2)
                            .all(|pair| pair[0].1.end == pair[1].1.start)
                    );
                    assert!(tasks.iter().all(|task| task.0 == tasks[0].0));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn equals_a_full_sort_at_every_level(
        dim in 1_usize..40, n_queries in 1_usize..15, n_items in 1_usize..90, k in 1_usize..30,
        seed in 10_u64..1000,
        excluded in prop::collection::vec(prop::collection::btree_set(0_u32..100, 0..30), 15),
    ) {
        // Halves make ties.
        let halves = |n, seed| noise(n, seed).iter().map(|x| (x * 2.0).round() / 2.0).collect::<Vec<f32>>();
        let (queries, items) = (halves(n_queries * dim, seed), halves(n_items * dim, seed + 1));
        let excluded: Vec<Vec<u32>> =
            excluded.into_iter().map(|set| set.into_iter().collect()).collect();
        for level in Level::all() {
            let lists = top_k_at(scoring(level, &queries, &items, dim), k, &|query| excluded[query].as_slice());
            prop_assert_eq!(lists, by_full_sort(scoring(level, &queries, &items, dim), k, &excluded));
        }
    }

    #[test]
    fn items_of_16_bits_equal_a_full_sort_and_the_widened_items(
        dim in 1_usize..40, n_queries in 1_usize..15, n_items in 1_usize..90, k in 1_usize..30,
        seed in 10_u64..1000, excluded in prop::collection::btree_set(0_u32..100, 0..30),
    ) {
        let (queries, items) = (noise(n_queries * dim, seed), noise(n_items * dim, seed + 1));
        let narrow = narrow(&items);
        let wide: Vec<f32> = narrow.iter().map(|number| number.widen()).collect();
        let excluded: Vec<u32> = excluded.into_iter().collect();
        for level in Level::all() {
            let lists = top_k_at(scoring(level, &queries, &narrow, dim), k, &|_| excluded.as_slice());
            let excluded = vec![excluded.clone(); n_queries];
            prop_assert_eq!(&lists, &by_full_sort(scoring(level, &queries, &narrow, dim), k, &excluded));
            prop_assert_eq!(&lists, &by_full_sort(scoring(level, &queries, &wide, dim), k, &excluded));
        }
    }
}
