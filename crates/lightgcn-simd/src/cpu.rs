//! Detects at run time which instructions this machine has.

/// The instruction set that a kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Plain Rust, for any machine.
    Portable,
    /// AVX2 and FMA. Only [`Level::detect`] creates the value, so anyone who has one may call
    /// functions compiled for these features.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// Proof that this machine has AVX2 and FMA, and whether it has AVX-512 too.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2 {
    // Private, as is the field of `Avx512`: no other module can create a proof.
    avx512: bool,
}

/// Proof that this machine has AVX-512F in addition to AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// The wider registers, if the machine has them. A kernel that uses them adds in the same order
    /// as its AVX2 form, so that both give the same bits.
    #[inline]
    pub(crate) fn avx512(self) -> Option<Avx512> {
        self.avx512.then_some(Avx512(()))
    }
}

impl Level {
    /// The best level of this machine. Costs an atomic load after the first call.
    #[inline]
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // The foundation is enough: no kernel uses other parts of AVX-512.
            let avx512 = is_x86_feature_detected!("avx512f");
            return Self::Avx2(Avx2 { avx512 });
        }
        Self::Portable
    }

    /// Every level that this machine can run.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if let Self::Avx2(Avx2 { avx512 }) = Self::detect() {
            // Machines with AVX-512 also test the AVX2 forms, which they would never choose.
            levels.push(Self::Avx2(Avx2 { avx512: false }));
            if avx512 {
                levels.push(Self::detect());
            }
        }
        levels
    }
}

/// Whether the plain Rust kernels use fused multiply-add: only if it is an instruction; otherwise
/// it is a slow call.
pub(crate) const PORTABLE_FMA: bool = cfg!(any(
    target_arch = "aarch64",
    all(target_arch = "x86_64", target_feature = "fma")
));

/// `a * b + c`, with one rounding when `FUSED`.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
