//! The quick test of 32 scores at a time with AVX2. Once the list is full, few scores pass, so that most
//! chunks cost four comparisons and a branch.

use std::arch::x86_64::{
    _CMP_NLE_UQ, _mm256_cmp_ps, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_set1_ps,
};

use super::TopList;
use crate::cpu::Avx2;

/// Numbers in a register.
const LANES: usize = 8;
/// Scores tested at a time.
const CHUNK: usize = 4 * LANES;

/// See [`TopList::offer_all`].
pub(super) fn offer_all(_proof: Avx2, best: &mut TopList<'_>, mut first: usize, scores: &[f32]) {
    let (chunks, rest) = scores.as_chunks::<CHUNK>();
    for scores in chunks {
        // SAFETY: the proof says that the machine has AVX2.
        let mut above = unsafe { mask_above(scores, best.threshold) };
        while above != 0 {
            // The threshold may have risen since, so the ordinary test follows.
            let i = above.trailing_zeros() as usize;
            best.test_and_offer(first + i, scores[i]);
            above &= above - 1;
        }
        first += CHUNK;
    }
    best.offer_each(first, rest);
}

/// A bit for each score that is not less than or equal to the threshold. "Not less or equal" rather than
/// "greater", so that NaN on either side passes, as in the ordinary test.
///
/// # Safety
/// The machine must have AVX2.
#[target_feature(enable = "avx2,fma")]
unsafe fn mask_above(scores: &[f32; CHUNK], threshold: f32) -> u32 {
    let threshold = _mm256_set1_ps(threshold);
    let mut bits = 0;
    for (group, scores) in scores.as_chunks::<LANES>().0.iter().enumerate() {
        // SAFETY: a group has the eight numbers that are loaded.
        let scores = unsafe { _mm256_loadu_ps(scores.as_ptr()) };
        let above = _mm256_cmp_ps::<_CMP_NLE_UQ>(scores, threshold);
        bits |= (_mm256_movemask_ps(above) as u32) << (group * LANES);
    }
    bits
}
