//! The best of scores on GPUs.
//!
//! A cube a user. Each unit owns every n-th item and knows the best of its own; the cube takes
//! the best of those, and only the unit that owned it looks for its next. So a row is read once, and
//! a unit's share again for each item that it gives.

use burn::tensor::{DType, Tensor};
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::{LeaveOut, TopK, reference};
use crate::backend::{float_primitive, float_tensor};
use crate::cube::{contiguous, cubes, dims, empty, units};
use crate::sparse_matrix::upload_ints;

/// Units that go through one user's scores.
const SCORE_UNITS: u32 = 128;
/// Below every score.
const NEVER: f32 = f32::MIN;

/// A unit a product to leave out.
#[cube(launch_unchecked)]
fn mask_kernel(places: &Array<i32>, scores: &mut Array<f32>, n: u32, never: f32) {
    if ABSOLUTE_POS < n as usize {
        let place = u32::cast_from(places[ABSOLUTE_POS]) as usize;
        scores[place] = never;
    }
}

#[cube(launch_unchecked)]
fn top_k_kernel(
    scores: &mut Array<f32>,
    best_items: &mut Array<i32>,
    best_scores: &mut Array<f32>,
    n_users: u32,
    n_items: u32,
    k: u32,
    never: f32,
    #[comptime] units: u32,
) {
    let mut shared_scores = SharedMemory::<f32>::new(units as usize);
    let mut shared_items = SharedMemory::<u32>::new(units as usize);
    if CUBE_POS < n_users as usize {
        let first = CUBE_POS as u32 * n_items;
        let mut own_score = never;
        let mut own_item = n_items;
        let mut search = true;
        for place in 0..k {
            if search {
                own_score = never;
                own_item = n_items;
                let mut item = UNIT_POS_X;
                while item < n_items {
                    let score = scores[(first + item) as usize];
                    // Ascending, so that the first of equals stays.
                    if score > own_score {
                        own_score = score;
                        own_item = item;
                    }
                    item += units;
                }
            }
            shared_scores[UNIT_POS_X as usize] = own_score;
            shared_items[UNIT_POS_X as usize] = own_item;
            sync_cube();
            let mut half = CUBE_DIM_X / 2u32;
            while half > 0u32 {
                if UNIT_POS_X < half {
                    let here = UNIT_POS_X as usize;
                    let there = (UNIT_POS_X + half) as usize;
                    let (score, item) = (shared_scores[there], shared_items[there]);
                    let equal = score == shared_scores[here] && item < shared_items[here];
                    if score > shared_scores[here] || equal {
                        shared_scores[here] = score;
                        shared_items[here] = item;
                    }
                }
                sync_cube();
                half /= 2u32;
            }
            let best = shared_items[0];
            let score = shared_scores[0];
            sync_cube();
            search = best == own_item && best < n_items;
            if search {
                scores[(first + best) as usize] = never;
            }
            if UNIT_POS_X == 0 {
                let to = (CUBE_POS as u32 * k + place) as usize;
                best_scores[to] = score;
                best_items[to] = i32::cast_from(best);
                if best == n_items {
                    best_items[to] = -1i32;
                }
            }
        }
    }
}

pub(crate) fn top_k_of_scores<R, F, I, BT>(
    scores: Tensor<CubeBackend<R, F, I, BT>, 2>,
    leave_out: LeaveOut<'_>,
    k: usize,
) -> TopK<CubeBackend<R, F, I, BT>>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let [n_users, n_items] = scores.dims();
    if scores.dtype() != DType::F32 || n_users * n_items > i32::MAX as usize {
        return reference::top_k_of_scores(scores, leave_out, k);
    }
    let device = scores.device();
    let scores = contiguous(float_primitive(scores));
    // The kernels mark what is taken in the scores themselves.
    let scores = if scores.handle.can_mut() {
        scores
    } else {
        contiguous(scores.copy())
    };
    debug_assert_eq!(dims(&scores), [n_users, n_items]);
    let client = scores.client.clone();
    let places: Vec<i32> = (0..n_users)
        .flat_map(|user| {
            let (start, end) = (leave_out.offsets[user], leave_out.offsets[user + 1]);
            let items = &leave_out.items[start as usize..end as usize];
            items
                .iter()
                .map(move |&item| (user * n_items) as i32 + item as i32)
        })
        .collect();
    if !places.is_empty() {
        let n = places.len();
        let places = upload_ints::<CubeBackend<R, F, I, BT>>(places, &device);
        let (count, cube_dim) = units(&client, n);
        // SAFETY: the caller has checked that the items to leave out lie within their rows, and
        // the kernel checks its position against their number.
        unsafe {
            mask_kernel::launch_unchecked::<R>(
                &client,
                count,
                cube_dim,
                contiguous(places.into_primitive()).into_array_arg(),
                scores.clone().into_array_arg(),
                n as u32,
                NEVER,
            );
        }
    }
    let best_items = empty(&scores, [n_users, k], DType::I32);
    let best_scores = empty(&scores, [n_users, k], DType::F32);
    // SAFETY: each cube checks its user's number and stays in his row; both results have `k`
    // places a user.
    unsafe {
        top_k_kernel::launch_unchecked::<R>(
            &client,
            cubes(&client, n_users),
            CubeDim::new_1d(SCORE_UNITS),
            scores.into_array_arg(),
            best_items.clone().into_array_arg(),
            best_scores.clone().into_array_arg(),
            n_users as u32,
            n_items as u32,
            k as u32,
            NEVER,
            SCORE_UNITS,
        );
    }
    TopK {
        items: Tensor::from_primitive(best_items),
        scores: float_tensor(best_scores),
    }
}
