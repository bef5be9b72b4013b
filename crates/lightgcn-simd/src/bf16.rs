//! Rounding to 16 bits and back.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use rayon::prelude::*;

use crate::cpu::Level;
use crate::element::{Bf16, Element};
use crate::parallel;

/// Rounds each number to the nearest 16-bit number, ties to even.
///
/// Subnormal numbers round like others. NaN stays NaN with its sign and the upper bits of its payload, quiet;
/// numbers half a step or more beyond the largest finite one (3.39e38) become infinite. The bits are the same
/// on every machine. O(n); large slices run on rayon's current pool.
///
/// # Panics
/// If the slices differ in length.
///
/// ```
/// use lightgcn_simd::{Bf16, round_to_bf16, widen_bf16};
///
/// let mut rounded = [Bf16::ZERO; 3];
/// round_to_bf16(&[1.0, 1.00390625, 1.01171875], &mut rounded);
/// let mut wide = [0.0; 3];
/// widen_bf16(&rounded, &mut wide);
/// assert_eq!(wide, [1.0, 1.0, 1.015625]);
/// ```
pub fn round_to_bf16(from: &[f32], to: &mut [Bf16]) {
    convert(Level::detect(), from, to);
}

/// Widens each number to `f32`, exactly; NaN keeps all its bits.
///
/// O(n); large slices run on rayon's current pool.
///
/// # Panics
/// If the slices differ in length.
pub fn widen_bf16(from: &[Bf16], to: &mut [f32]) {
    convert(Level::detect(), from, to);
}

fn convert<A: Element, B: Element>(level: Level, from: &[A], to: &mut [B]) {
    assert!(
        from.len() == to.len(),
        "{} numbers cannot be converted into {}",
        from.len(),
        to.len()
    );
    let tasks = parallel::task_count(from.len());
    if tasks == 1 {
        return convert_part(level, from, to);
    }
    let size = from.len().div_ceil(tasks);
    from.par_chunks(size)
        .zip(to.par_chunks_mut(size))
        .for_each(|(from, to)| convert_part(level, from, to));
}

fn convert_part<A: Element, B: Element>(level: Level, from: &[A], to: &mut [B]) {
    match level {
        Level::Portable => {
            for (from, to) in from.iter().zip(to) {
                *to = B::narrow(from.widen());
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => x86::convert(proof, from, to),
    }
}
