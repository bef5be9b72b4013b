//! The product of an operand of 16 bits on GPUs, which reads half the memory: bf16 in pairs, two to a word
//! of 32 bits, since not every shading language has the type. Sums, addends and results stay in 32 bits.
//!
//! Word `j` of a row of `dim = 2 * words` numbers holds number `j` in its low half and number
//! `words + j` in its high half. Neighboring units then read and write neighboring numbers of unpacked
//! rows as well; with numbers `2 j` and `2 j + 1` in a word they would skip every other one.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::device_csr::{DeviceCsr, Split, Terms};
use super::walk::{Edges, Factors};
use crate::cube::{Walk, dims, empty, units};
use crate::split::LONGEST_PIECE;

/// Two numbers of a row.
#[derive(CubeType, Clone, Copy)]
struct Pair {
    low: f32,
    high: f32,
}

/// Word number `word` of a row of `words`.
#[derive(CubeType, Clone, Copy)]
struct Place {
    row: u32,
    word: u32,
    words: u32,
}

/// Where the word's first number lies in an unpacked table; the second is `words` further on.
#[cube]
fn unpacked(place: Place) -> u32 {
    place.row * (2u32 * place.words) + place.word
}

/// The nearest bf16, ties to even, in the low half of a word. NaN stays NaN: rounding its bits could carry
/// into the sign, so it is cut off and made quiet instead. The same bits as `round_to_bf16` on the CPU.
#[cube]
fn rounded(x: f32) -> u32 {
    let bits = u32::reinterpret(x);
    let mut half = (bits + 0x7FFFu32 + ((bits >> 16u32) & 1u32)) >> 16u32;
    if (bits & 0x7FFF_FFFFu32) > 0x7F80_0000u32 {
        half = (bits >> 16u32) | 0x40u32;
    }
    half
}

/// The low half as `f32`, exactly.
#[cube]
fn low(word: u32) -> f32 {
    f32::reinterpret(word << 16u32)
}

/// The high half as `f32`, exactly.
#[cube]
fn high(word: u32) -> f32 {
    f32::reinterpret(word & 0xFFFF_0000u32)
}

/// One unit per word.
#[cube(launch_unchecked)]
fn pack_kernel(x: &Array<f32>, out: &mut Array<u32>, n_words: u32, words: u32) {
    let position = ABSOLUTE_POS as u32;
    if position < n_words {
        let row = position / words;
        let column = position - row * words;
        let first = row * (2u32 * words) + column;
        let low = rounded(x[first as usize]);
        let high = rounded(x[(first + words) as usize]);
        out[position as usize] = low | (high << 16u32);
    }
}

/// Sum of `values[e] * x[columns[e]]` over the edges from `start` to `end`, in their order. As in the
/// product of 32 bits, the four loads of a turn are issued before the first is used, and each half has
/// one running sum.
#[cube]
fn edge_sum(
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<u32>,
    edges: Edges,
    place: Place,
) -> Pair {
    let end = edges.end;
    let word = place.word;
    let words = place.words;
    let mut low_sum = 0.0f32;
    let mut high_sum = 0.0f32;
    let mut edge = edges.start;
    while edge + 3u32 < end {
        let e = edge as usize;
        let w0 = x[(u32::cast_from(columns[e]) * words + word) as usize];
        let w1 = x[(u32::cast_from(columns[e + 1]) * words + word) as usize];
        let w2 = x[(u32::cast_from(columns[e + 2]) * words + word) as usize];
        let w3 = x[(u32::cast_from(columns[e + 3]) * words + word) as usize];
        low_sum += low(w0) * values[e];
        high_sum += high(w0) * values[e];
        low_sum += low(w1) * values[e + 1];
        high_sum += high(w1) * values[e + 1];
        low_sum += low(w2) * values[e + 2];
        high_sum += high(w2) * values[e + 2];
        low_sum += low(w3) * values[e + 3];
        high_sum += high(w3) * values[e + 3];
        edge += 4u32;
    }
    while edge < end {
        let e = edge as usize;
        let w = x[(u32::cast_from(columns[e]) * words + word) as usize];
        low_sum += low(w) * values[e];
        high_sum += high(w) * values[e];
        edge += 1u32;
    }
    Pair {
        low: low_sum,
        high: high_sum,
    }
}

/// `scale * sum + alpha * base`.
#[cube]
fn finished(
    sum: Pair,
    base: &Array<f32>,
    place: Place,
    factors: Factors,
    #[comptime] with_base: bool,
) -> Pair {
    let mut low = sum.low * factors.scale;
    let mut high = sum.high * factors.scale;
    if with_base {
        let first = unpacked(place);
        low += base[first as usize] * factors.alpha;
        high += base[(first + place.words) as usize] * factors.alpha;
    }
    Pair { low, high }
}

/// Writes a word of a row: packed for a next product, or as two numbers. Both share one kernel, so `out` is
/// an array of words either way.
#[cube]
fn store(pair: Pair, out: &mut Array<u32>, place: Place, #[comptime] packed: bool) {
    if packed {
        let to = place.row * place.words + place.word;
        out[to as usize] = rounded(pair.low) | (rounded(pair.high) << 16u32);
    } else {
        let first = unpacked(place);
        out[first as usize] = u32::reinterpret(pair.low);
        out[(first + place.words) as usize] = u32::reinterpret(pair.high);
    }
}

/// One worker per row, except rows with more than `longest` edges, which are summed in pieces.
#[cube(launch_unchecked)]
fn rows_kernel(
    row_offsets: &Array<i32>,
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<u32>,
    base: &Array<f32>,
    out: &mut Array<u32>,
    n_rows: u32,
    words: u32,
    scale: f32,
    alpha: f32,
    #[comptime] longest: u32,
    #[comptime] with_base: bool,
    #[comptime] packed: bool,
) {
    let row = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if row < n_rows {
        let start = u32::cast_from(row_offsets[row as usize]);
        let end = u32::cast_from(row_offsets[row as usize + 1]);
        if end - start <= longest {
            let edges = Edges {
                start,
                end,
                step: 1u32,
            };
            let factors = Factors { scale, alpha };
            let mut word = UNIT_POS_X;
            while word < words {
                let place = Place { row, word, words };
                let sum = edge_sum(columns, values, x, edges, place);
                let pair = finished(sum, base, place, factors, with_base);
                store(pair, out, place, packed);
                word += CUBE_DIM_X;
            }
        }
    }
}

/// One worker per piece of a long row: its sum, unpacked.
#[cube(launch_unchecked)]
fn pieces_kernel(
    pieces: &Array<i32>,
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<u32>,
    partial: &mut Array<f32>,
    n_pieces: u32,
    words: u32,
) {
    let piece = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if piece < n_pieces {
        let start = u32::cast_from(pieces[2 * piece as usize]);
        let end = u32::cast_from(pieces[2 * piece as usize + 1]);
        let edges = Edges {
            start,
            end,
            step: 1u32,
        };
        let mut word = UNIT_POS_X;
        while word < words {
            let row = piece;
            let place = Place { row, word, words };
            let sum = edge_sum(columns, values, x, edges, place);
            let first = unpacked(place);
            partial[first as usize] = sum.low;
            partial[(first + words) as usize] = sum.high;
            word += CUBE_DIM_X;
        }
    }
}

/// One worker per long row, from the sums of its pieces.
#[cube(launch_unchecked)]
fn long_rows_kernel(
    rows: &Array<i32>,
    row_pieces: &Array<i32>,
    partial: &Array<f32>,
    base: &Array<f32>,
    out: &mut Array<u32>,
    n_long: u32,
    words: u32,
    scale: f32,
    alpha: f32,
    #[comptime] with_base: bool,
    #[comptime] packed: bool,
) {
    let nth = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if nth < n_long {
        let row = u32::cast_from(rows[nth as usize]);
        let start = u32::cast_from(row_pieces[nth as usize]);
        let end = u32::cast_from(row_pieces[nth as usize + 1]);
        let factors = Factors { scale, alpha };
        let mut word = UNIT_POS_X;
        while word < words {
            let mut low_sum = 0.0f32;
            let mut high_sum = 0.0f32;
            for piece in start..end {
                let first = piece * (2u32 * words) + word;
                low_sum += partial[first as usize];
                high_sum += partial[(first + words) as usize];
            }
            let sum = Pair {
                low: low_sum,
                high: high_sum,
            };
            let place = Place { row, word, words };
            let pair = finished(sum, base, place, factors, with_base);
            store(pair, out, place, packed);
            word += CUBE_DIM_X;
        }
    }
}

/// A table rounded to bf16, in words.
pub(crate) struct Packed<R: CubeRuntime> {
    /// `[n_rows, words]`, `u32`.
    words: CubeTensor<R>,
}

/// Rounds a contiguous table that [`DeviceCsr::packs`].
pub(crate) fn pack<R: CubeRuntime>(x: &CubeTensor<R>) -> Packed<R> {
    let [rows, dim] = dims(x);
    let words = empty(x, [rows, dim / 2], DType::U32);
    let n = rows * dim / 2;
    let (count, cube_dim) = units(&x.client, n);
    // SAFETY: the table has two numbers per word, and the kernel checks its position against the words.
    unsafe {
        pack_kernel::launch_unchecked::<R>(
            &x.client,
            count,
            cube_dim,
            x.clone().into_array_arg(),
            words.clone().into_array_arg(),
            n as u32,
            (dim / 2) as u32,
        );
    }
    Packed { words }
}

/// `scale * A x`, plus the base if there is one, in 32 bits.
pub(crate) fn product<R: CubeRuntime>(
    csr: &DeviceCsr<R>,
    x: &Packed<R>,
    terms: &Terms<R>,
) -> CubeTensor<R> {
    let out = empty(&x.words, [csr.n_rows, 2 * dims(&x.words)[1]], DType::F32);
    product_into(csr, x, terms, &out, false);
    out
}

/// As [`product`], but rounded, to be the next product's operand.
pub(crate) fn packed_product<R: CubeRuntime>(
    csr: &DeviceCsr<R>,
    x: &Packed<R>,
    terms: &Terms<R>,
) -> Packed<R> {
    let words = empty(&x.words, [csr.n_rows, dims(&x.words)[1]], DType::U32);
    product_into(csr, x, terms, &words, true);
    Packed { words }
}

fn product_into<R: CubeRuntime>(
    csr: &DeviceCsr<R>,
    x: &Packed<R>,
    terms: &Terms<R>,
    out: &CubeTensor<R>,
    packed: bool,
) {
    let x = &x.words;
    let words = dims(x)[1];
    let walk = Walk::scalars(words);
    let client = &x.client;
    let Terms { scale, base } = terms;
    let (scale, with_base) = (*scale, base.is_some());
    let alpha = base.as_ref().map_or(0.0, |base| base.alpha);
    // Without a base the kernels do not read it, but a buffer must be bound.
    let base = base.as_ref().map_or(x, |base| &base.table);
    // SAFETY: as for the product of 32 bits; rows of `x` have `words` words, rows of `base` twice as many
    // numbers, and rows of `out` either, as `packed` says.
    unsafe {
        rows_kernel::launch_unchecked::<R>(
            client,
            walk.cubes(client, csr.n_rows),
            walk.cube_dim(),
            csr.row_offsets.clone().into_array_arg(),
            csr.columns.clone().into_array_arg(),
            csr.values.clone().into_array_arg(),
            x.clone().into_array_arg(),
            base.clone().into_array_arg(),
            out.clone().into_array_arg(),
            csr.n_rows as u32,
            walk.vectors,
            scale,
            alpha,
            LONGEST_PIECE as u32,
            with_base,
            packed,
        );
    }
    let Some(Split {
        pieces,
        n_pieces,
        rows,
        row_pieces,
        n_rows,
    }) = &csr.split
    else {
        return;
    };
    let partial = empty(x, [*n_pieces, 2 * words], DType::F32);
    // SAFETY: as above; `partial` has a row of numbers for each piece.
    unsafe {
        pieces_kernel::launch_unchecked::<R>(
            client,
            walk.cubes(client, *n_pieces),
            walk.cube_dim(),
            pieces.clone().into_array_arg(),
            csr.columns.clone().into_array_arg(),
            csr.values.clone().into_array_arg(),
            x.clone().into_array_arg(),
            partial.clone().into_array_arg(),
            *n_pieces as u32,
            walk.vectors,
        );
        long_rows_kernel::launch_unchecked::<R>(
            client,
            walk.cubes(client, *n_rows),
            walk.cube_dim(),
            rows.clone().into_array_arg(),
            row_pieces.clone().into_array_arg(),
            partial.into_array_arg(),
            base.clone().into_array_arg(),
            out.clone().into_array_arg(),
            *n_rows as u32,
            walk.vectors,
            scale,
            alpha,
            with_base,
            packed,
        );
    }
}
