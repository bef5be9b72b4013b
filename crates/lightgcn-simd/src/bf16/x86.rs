//! Conversion of eight numbers at a time with AVX2.

use crate::cpu::Avx2;
use crate::element::Element;
use crate::element::x86::LANES;

pub(super) fn convert<A: Element, B: Element>(_proof: Avx2, from: &[A], to: &mut [B]) {
    assert!(from.len() == to.len());
    // SAFETY: the proof says that the machine has AVX2; the lengths are equal.
    unsafe { convert_all(from, to) }
}

/// # Safety
/// The machine must have AVX2; the slices must be equally long.
#[target_feature(enable = "avx2,fma")]
unsafe fn convert_all<A: Element, B: Element>(from: &[A], to: &mut [B]) {
    let (n, whole) = (from.len(), from.len() / LANES * LANES);
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    // SAFETY: both slices have `n` numbers; `whole` is a multiple of eight, and `n - whole < 8`.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            B::store(to.add(i), A::load(from.add(i)));
        }
        let rest = n - whole;
        let value = A::load_tail(from.add(whole), A::tail(rest));
        B::store_tail(to.add(whole), B::tail(rest), value);
    }
}
