//! The same with AVX2 or AVX-512, tile by tile. Each step of a tile loads one row of the right operand
//! and broadcasts one number per row of the left one, so the sums should fill the registers: six rows by
//! two registers of eight leave four of AVX2's sixteen for operands, and six rows by four of sixteen leave
//! eight of AVX-512's thirty-two.

use std::arch::x86_64::{
    __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_storeu_ps,
};

use super::{DenseProduct, Shape, WIDTH};
use crate::cpu::Avx2;

/// Rows of a full tile, and the most: see above.
const ROWS: usize = 6;

/// Where a tile's operands and its result begin, and how far apart their rows are.
#[derive(Clone, Copy)]
struct Tile {
    left: *const f32,
    row: usize,
    step: usize,
    right: *const f32,
    out: *mut f32,
    columns: usize,
    steps: usize,
    add: bool,
}

/// See [`super::multiply`], which has checked the lengths.
pub(super) fn multiply(proof: Avx2, product: DenseProduct<'_>, out: &mut [f32]) {
    let DenseProduct {
        shape,
        left,
        right,
        add,
    } = product;
    let Shape {
        rows,
        columns,
        steps,
    } = shape;
    assert!(right.len() == steps * columns && out.len() == rows * columns);
    let wide = proof.avx512().is_some();
    let most = if wide { 4 * WIDTH } else { WIDTH };
    // Columns in the outer loop: the right operand's columns that a tile reads stay in the first-level cache
    // while the left operand's rows stream past.
    let mut column = 0;
    while column < columns {
        let width = (columns - column).min(most);
        let mut first = 0;
        while first < rows {
            let n_rows = (rows - first).min(ROWS);
            // SAFETY: `first < rows`, `column < columns`, and the lengths were checked.
            let tile = unsafe {
                Tile {
                    left: left.data.as_ptr().add(first * left.row),
                    row: left.row,
                    step: left.step,
                    right: right.as_ptr().add(column),
                    out: out.as_mut_ptr().add(first * columns + column),
                    columns,
                    steps,
                    add,
                }
            };
            // SAFETY: the machine has what the proof says; the tile's rows, columns and steps lie
            // within operands whose lengths `super::multiply` has checked.
            unsafe {
                if wide {
                    wide_tile(tile, n_rows, width / WIDTH);
                } else {
                    narrow_tile(tile, n_rows);
                }
            }
            first += n_rows;
        }
        column += width;
    }
}

/// A tile of 1 to 6 rows and 1 to 4 times sixteen columns. The counts are constants of the compiled loop:
/// only then do the sums stay in registers.
///
/// # Safety
/// The machine must have AVX-512F, and the tile lie within its operands.
unsafe fn wide_tile(tile: Tile, rows: usize, registers: usize) {
    macro_rules! tiles {
        ($(($m:literal, $n:literal))*) => {
            match (rows, registers) {
                // SAFETY: the caller's promise.
                $(($m, $n) => unsafe { multiply_avx512::<$m, $n>(tile) },)*
                _ => unreachable!("a tile has one to six rows and one to four registers"),
            }
        };
    }
    tiles!(
        (6, 4)(5, 4)(4, 4)(3, 4)(2, 4)(1, 4)(6, 3)(5, 3)(4, 3)(3, 3)(2, 3)(1, 3)(6, 2)(5, 2)(4, 2)(
            3, 2
        )(2, 2)(1, 2)(6, 1)(5, 1)(4, 1)(3, 1)(2, 1)(1, 1)
    );
}

/// A tile of 1 to 6 rows and sixteen columns.
///
/// # Safety
/// The machine must have AVX2 and FMA, and the tile lie within its operands.
unsafe fn narrow_tile(tile: Tile, rows: usize) {
    macro_rules! tiles {
        ($($m:literal)*) => {
            match rows {
                // SAFETY: the caller's promise.
                $($m => unsafe { multiply_avx2::<$m>(tile) },)*
                _ => unreachable!("a tile has one to six rows"),
            }
        };
    }
    tiles!(6 5 4 3 2 1);
}

/// # Safety
/// The machine must have AVX-512F; `M` rows and `16 · N` columns of the tile lie within its operands.
#[target_feature(enable = "avx512f")]
unsafe fn multiply_avx512<const M: usize, const N: usize>(tile: Tile) {
    // SAFETY: row `m < M` and step `k < steps` of the left operand, sixteen numbers from `16 · n` on
    // of step `k` of the right one, and of row `m` of the result lie within them.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); N]; M];
        if tile.add {
            for (m, sums) in sums.iter_mut().enumerate() {
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_loadu_ps(tile.out.add(m * tile.columns + n * WIDTH));
                }
            }
        }
        let (mut left, mut right) = (tile.left, tile.right);
        for _ in 0..tile.steps {
            let mut b: [__m512; N] = [_mm512_setzero_ps(); N];
            for (n, b) in b.iter_mut().enumerate() {
                *b = _mm512_loadu_ps(right.add(n * WIDTH));
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*left.add(m * tile.row));
                for (sum, &b) in sums.iter_mut().zip(&b) {
                    *sum = _mm512_fmadd_ps(a, b, *sum);
                }
            }
            // After the last step these point past the operands, but are not read.
            left = left.wrapping_add(tile.step);
            right = right.wrapping_add(tile.columns);
        }
        for (m, sums) in sums.iter().enumerate() {
            for (n, &sum) in sums.iter().enumerate() {
                _mm512_storeu_ps(tile.out.add(m * tile.columns + n * WIDTH), sum);
            }
        }
    }
}

/// # Safety
/// The machine must have AVX2 and FMA; `M` rows and 16 columns of the tile lie within its operands.
#[target_feature(enable = "avx2,fma")]
unsafe fn multiply_avx2<const M: usize>(tile: Tile) {
    const LANES: usize = 8;
    // SAFETY: as in `multiply_avx512`, with 16 columns.
    unsafe {
        let mut sums = [[_mm256_setzero_ps(); 2]; M];
        if tile.add {
            for (m, sums) in sums.iter_mut().enumerate() {
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm256_loadu_ps(tile.out.add(m * tile.columns + n * LANES));
                }
            }
        }
        let (mut left, mut right) = (tile.left, tile.right);
        for _ in 0..tile.steps {
            let b: [__m256; 2] = [_mm256_loadu_ps(right), _mm256_loadu_ps(right.add(LANES))];
            for (m, sums) in sums.iter_mut().enumerate() {
                let a = _mm256_set1_ps(*left.add(m * tile.row));
                for (sum, &b) in sums.iter_mut().zip(&b) {
                    *sum = _mm256_fmadd_ps(a, b, *sum);
                }
            }
            // After the last step these point past the operands, but are not read.
            left = left.wrapping_add(tile.step);
            right = right.wrapping_add(tile.columns);
        }
        for (m, sums) in sums.iter().enumerate() {
            for (n, &sum) in sums.iter().enumerate() {
                _mm256_storeu_ps(tile.out.add(m * tile.columns + n * LANES), sum);
            }
        }
    }
}
