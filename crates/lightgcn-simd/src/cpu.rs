//! Which instructions this machine has, asked once at run time.

/// The instruction set that a kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Plain Rust, for any machine.
    Portable,
    /// AVX2 and FMA. The value is made by [`Level::detect`] alone, so that whoever holds one may
    /// call a function compiled for these features.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// Proof that this machine has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Level {
    /// The best level of this machine. Costs an atomic load after the first call.
    #[inline]
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Self::Avx2(Avx2(()));
        }
        Self::Portable
    }

    /// Every level that this machine can run.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        if Self::detect() != Self::Portable {
            levels.push(Self::detect());
        }
        levels
    }
}

/// Whether the plain Rust kernels may use fused multiply-add: only where it is one instruction, for
/// elsewhere it is a slow call.
pub(crate) const PORTABLE_FMA: bool = cfg!(any(
    target_arch = "aarch64",
    all(target_arch = "x86_64", target_feature = "fma")
));

/// `a * b + c`, with one rounding when `FUSED`.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
