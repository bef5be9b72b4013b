//! Negatives drawn on GPUs, one unit per draw.
//!
//! The kernels compute only with 32-bit integers (not every GPU has 64-bit ones, and floats would
//! round), so the draws equal the CPU's bit for bit. If you change the order of draws, a bound or
//! the number of rejections here, the same seed trains different models on GPUs and CPUs.

use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::draws::{MAX_REJECTIONS, STREAM};
use crate::cube::units;

/// The generator at one position of a run's draws: the key is the seed; the counter is the stream, the
/// position in two words, and the epoch. Nothing else decides a draw, so any unit may compute it.
#[derive(CubeType, Clone, Copy)]
struct Philox {
    stream: u32,
    low: u32,
    high: u32,
    epoch: u32,
    key_0: u32,
    key_1: u32,
}

/// Word number `index` of a position: one block of Philox4x32-10 yields four words, so a position that
/// needs more counts up the first word of the counter, as the CPU does.
#[cube]
fn word(index: u32, philox: Philox) -> u32 {
    let mut c0 = philox.stream + index / 4u32;
    let mut c1 = philox.low;
    let mut c2 = philox.high;
    let mut c3 = philox.epoch;
    let mut k0 = philox.key_0;
    let mut k1 = philox.key_1;
    #[unroll]
    for _round in 0..10u32 {
        let high_0 = u32::mul_hi(c0, 0xD251_1F53u32);
        let low_0 = c0 * 0xD251_1F53u32;
        let high_1 = u32::mul_hi(c2, 0xCD9E_8D57u32);
        let low_1 = c2 * 0xCD9E_8D57u32;
        c0 = high_1 ^ c1 ^ k0;
        c1 = low_1;
        c2 = high_0 ^ c3 ^ k1;
        c3 = low_0;
        k0 += 0x9E37_79B9u32;
        k1 += 0xBB67_AE85u32;
    }
    let which = index % 4u32;
    let mut result = c0;
    if which == 1u32 {
        result = c1;
    }
    if which == 2u32 {
        result = c2;
    }
    if which == 3u32 {
        result = c3;
    }
    result
}

/// The generator `position` places after the first draw.
#[cube]
fn after(first: Philox, position: u32) -> Philox {
    // 64-bit addition in two words: the low word wraps exactly when it comes out smaller.
    let low = first.low + position;
    let mut high = first.high;
    if low < first.low {
        high += 1u32;
    }
    Philox {
        stream: first.stream,
        low,
        high,
        epoch: first.epoch,
        key_0: first.key_0,
        key_1: first.key_1,
    }
}

/// Draws among the items that are not positives of a user, and writes them plus `shift`. For a user
/// without negatives the first item is used, because a batch must name existing rows.
#[cube(launch_unchecked)]
fn negatives_kernel(
    offsets: &Array<i32>,
    items: &Array<i32>,
    users: &Array<i32>,
    out: &mut Array<i32>,
    out_start: u32,
    shift: u32,
    n: u32,
    n_negatives: u32,
    n_items: u32,
    stream: u32,
    first_low: u32,
    first_high: u32,
    epoch: u32,
    key_0: u32,
    key_1: u32,
    max_rejections: u32,
) {
    let position = ABSOLUTE_POS as u32;
    if position < n {
        let user = u32::cast_from(users[(position / n_negatives) as usize]) as usize;
        let start = u32::cast_from(offsets[user]);
        let end = u32::cast_from(offsets[user + 1]);
        let first = Philox {
            stream,
            low: first_low,
            high: first_high,
            epoch,
            key_0,
            key_1,
        };
        let philox = after(first, position);
        let n_absent = n_items - (end - start);
        let mut used = 0u32;
        let mut rejections: u32 = 0u32;
        let mut result = 0u32;
        let mut found = n_absent == 0u32;
        while !found {
            // Rejection is fast while most items are absent. After that many rejections, one exact
            // draw among the absent items bounds the time for users who have nearly every item.
            let exact = rejections == max_rejections;
            let bound = select(exact, n_absent, n_items);
            // Lemire's method: 2³² mod bound, below which a low word is drawn again to be unbiased.
            let threshold = (0u32 - bound) % bound;
            let mut again = true;
            while again {
                let random = word(used, philox);
                used += 1u32;
                result = u32::mul_hi(random, bound);
                again = random * bound < threshold;
            }
            // Binary search among the positives: for a candidate, the first positive not below it; for
            // the exact draw, the first with more than `result` absent items below it. Positive number
            // `j`, from 0, has `item − j` absent items below it.
            let mut first = start;
            let mut last = end;
            while first < last {
                let middle = first + (last - first) / 2u32;
                let item = u32::cast_from(items[middle as usize]);
                let mut below = item < result;
                if exact {
                    below = item - (middle - start) <= result;
                }
                if below {
                    first = middle + 1u32;
                } else {
                    last = middle;
                }
            }
            if exact {
                // The rank among the absent items plus the positives below: the item itself.
                result += first - start;
                found = true;
            } else {
                // Nested, not `&&`: `first` may be one past the last positive of all.
                let mut taken = false;
                if first < end {
                    taken = u32::cast_from(items[first as usize]) == result;
                }
                found = !taken;
            }
            rejections += 1u32;
        }
        out[(out_start + position) as usize] = i32::cast_from(result + shift);
    }
}

/// Draws among all items, known positives included.
#[cube(launch_unchecked)]
fn of_all_kernel(
    out: &mut Array<i32>,
    out_start: u32,
    shift: u32,
    n: u32,
    n_items: u32,
    stream: u32,
    first_low: u32,
    first_high: u32,
    epoch: u32,
    key_0: u32,
    key_1: u32,
) {
    let position = ABSOLUTE_POS as u32;
    if position < n {
        let first = Philox {
            stream,
            low: first_low,
            high: first_high,
            epoch,
            key_0,
            key_1,
        };
        let philox = after(first, position);
        let threshold = (0u32 - n_items) % n_items;
        let mut used = 0u32;
        let mut result = 0u32;
        let mut again = true;
        while again {
            let random = word(used, philox);
            used += 1u32;
            result = u32::mul_hi(random, n_items);
            again = random * n_items < threshold;
        }
        out[(out_start + position) as usize] = i32::cast_from(result + shift);
    }
}

/// Parameters shared by the draws of a batch.
pub(crate) struct Drawing {
    pub(crate) seed: u64,
    pub(crate) epoch: u32,
    /// The position of the first draw.
    pub(crate) first: u64,
    pub(crate) n_items: u32,
    /// What is added to an item.
    pub(crate) shift: u32,
}

/// For the users that the first `n_pairs` numbers name, `n_negatives` each, written from a position
/// of a buffer on. The positives are offsets and items of a checked [`PositiveTable`](super::positive_table::PositiveTable), which has these users.
pub(crate) fn draw_of_others<R: CubeRuntime>(
    drawing: &Drawing,
    (offsets, items): (&CubeTensor<R>, &CubeTensor<R>),
    (users, n_pairs, n_negatives): (&CubeTensor<R>, usize, usize),
    (out, start): (&CubeTensor<R>, usize),
) {
    let n = n_pairs * n_negatives;
    assert!(
        start + n <= out.meta.shape().num_elements(),
        "the buffer must have room for all draws"
    );
    let (count, cube_dim) = units(&out.client, n);
    // SAFETY: the table's offsets and items were checked when it was made, and the caller vouches for the
    // users; `out` has room for `n` numbers from `start` on, and the kernel checks its position against that.
    unsafe {
        negatives_kernel::launch_unchecked::<R>(
            &out.client,
            count,
            cube_dim,
            offsets.clone().into_array_arg(),
            items.clone().into_array_arg(),
            users.clone().into_array_arg(),
            out.clone().into_array_arg(),
            start as u32,
            drawing.shift,
            n as u32,
            n_negatives as u32,
            drawing.n_items,
            STREAM,
            drawing.first as u32,
            (drawing.first >> 32) as u32,
            drawing.epoch,
            drawing.seed as u32,
            (drawing.seed >> 32) as u32,
            MAX_REJECTIONS,
        );
    }
}

/// Draws `n` among all items into `out`, from number `start` on.
pub(crate) fn draw_of_all<R: CubeRuntime>(
    drawing: &Drawing,
    out: &CubeTensor<R>,
    start: usize,
    n: usize,
) {
    assert!(
        start + n <= out.meta.shape().num_elements(),
        "the buffer must have room for all draws"
    );
    let (count, cube_dim) = units(&out.client, n);
    // SAFETY: `out` has room for `n` numbers from `start` on, and the kernel checks its position.
    unsafe {
        of_all_kernel::launch_unchecked::<R>(
            &out.client,
            count,
            cube_dim,
            out.clone().into_array_arg(),
            start as u32,
            drawing.shift,
            n as u32,
            drawing.n_items,
            STREAM,
            drawing.first as u32,
            (drawing.first >> 32) as u32,
            drawing.epoch,
            drawing.seed as u32,
            (drawing.seed >> 32) as u32,
        );
    }
}
