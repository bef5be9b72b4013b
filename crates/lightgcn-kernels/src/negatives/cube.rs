//! Negatives drawn on GPUs, one unit per draw.
//!
//! The kernels compute with 32-bit integers alone (not every GPU has 64-bit ones, and floats would round),
//! so the draws equal the CPU's bit for bit. Change the order of draws, a bound or the number of
//! rejections here, and the same seed trains another model on GPUs than on CPUs.

use burn::tensor::{DType, Int, Tensor};
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::draws::{MAX_REJECTIONS, NegativeDraws, STREAM};
use super::positive_table::PositiveTable;
use super::reference;
use crate::cube::{contiguous, empty, units};

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

/// Draws among the items that are not positives of a user. Every item is written plus `shift`. With
/// `shift` 0, a user without any negative gets -1; otherwise the first item stands in, because a batch
/// of nodes must name rows that exist.
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
    n_users: u32,
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
        let named = u32::cast_from(users[(position / n_negatives) as usize]);
        // A number beyond the table reads the last user's positives, to stay in bounds, and gets no
        // negative.
        let user = min(named, n_users - 1u32) as usize;
        let start = u32::cast_from(offsets[user]);
        let end = u32::cast_from(offsets[user + 1]);
        // 64-bit addition in two words: the low word wraps exactly when it comes out smaller.
        let low = first_low + position;
        let mut high = first_high;
        if low < first_low {
            high += 1u32;
        }
        let philox = Philox {
            stream,
            low,
            high,
            epoch,
            key_0,
            key_1,
        };
        let n_absent = n_items - (end - start);
        let mut used = 0u32;
        let mut rejections: u32 = 0u32;
        let mut result = 0u32;
        let mut found = n_absent == 0u32;
        while !found {
            // Rejection is fast while most items are absent. After so many rejections, one exact draw
            // among the absent items bounds the time for users who took nearly everything.
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
        let to = (out_start + position) as usize;
        out[to] = i32::cast_from(result + shift);
        if shift == 0u32 && (n_absent == 0u32 || named >= n_users) {
            out[to] = -1i32;
        }
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
        // 64-bit addition in two words: the low word wraps exactly when it comes out smaller.
        let low = first_low + position;
        let mut high = first_high;
        if low < first_low {
            high += 1u32;
        }
        let philox = Philox {
            stream,
            low,
            high,
            epoch,
            key_0,
            key_1,
        };
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

/// What the draws of a batch share.
pub(crate) struct Drawing {
    pub(crate) seed: u64,
    pub(crate) epoch: u32,
    /// The position of the first draw.
    pub(crate) first: u64,
    pub(crate) n_items: u32,
    pub(crate) n_users: u32,
    /// What is added to an item.
    pub(crate) shift: u32,
}

/// For the users that the first `n_pairs` numbers name, `n_negatives` each, written from a position
/// of a buffer on. The positives are offsets and items of a checked [`PositiveTable`].
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
    // SAFETY: the table's offsets and items were checked when it was made, `out` has room for `n`
    // numbers from `start` on, and the kernel checks its position against that, and each user
    // against the table.
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
            drawing.n_users,
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

pub(crate) fn sample_negatives<R, F, I, BT>(
    positives: &PositiveTable<CubeBackend<R, F, I, BT>>,
    users: CubeTensor<R>,
    draws: &NegativeDraws,
) -> CubeTensor<R>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let n_pairs = users.meta.shape().num_elements();
    let n_taken = positives.items.dims()[0];
    // A buffer cannot be empty.
    if users.dtype != DType::I32 || n_pairs == 0 || n_taken == 0 {
        let users = Tensor::<CubeBackend<R, F, I, BT>, 1, Int>::from_primitive(users);
        return reference::sample_negatives(positives, users, draws).into_primitive();
    }
    let users = contiguous(users);
    let out = empty(&users, [n_pairs * draws.n_negatives], DType::I32);
    let drawing = Drawing {
        seed: draws.seed,
        epoch: draws.epoch,
        first: draws.first_pair.wrapping_mul(draws.n_negatives as u64),
        n_items: positives.n_items,
        n_users: positives.n_users as u32,
        shift: 0,
    };
    let offsets = contiguous(positives.offsets.clone().into_primitive());
    let items = contiguous(positives.items.clone().into_primitive());
    draw_of_others(
        &drawing,
        (&offsets, &items),
        (&users, n_pairs, draws.n_negatives),
        (&out, 0),
    );
    out
}
