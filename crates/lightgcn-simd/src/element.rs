//! The number types that a dense matrix may be stored in. Sums are always `f32`.

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// A 16-bit number with the range of `f32`, but only 8 of its 24 significant bits: bfloat16, the
/// type of the `half` crate.
///
/// The kernels store matrices in it to move half the memory, and compute in `f32`. Rounding to it
/// ([`round_to_bf16`](crate::round_to_bf16)) errs by at most 2⁻⁸ of a normal number's magnitude.
pub use half::bf16 as Bf16;

mod sealed {
    /// What this machine's kernels need of a number type.
    #[cfg(target_arch = "x86_64")]
    pub trait Sealed: super::x86::Register {}
    /// What this machine's kernels need of a number type.
    #[cfg(not(target_arch = "x86_64"))]
    pub trait Sealed {}
}

/// A number type that a dense matrix may be stored in: `f32`, or [`Bf16`] in half the memory.
///
/// It only determines how numbers are stored: products and sums are `f32`. The trait is sealed.
pub trait Element: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The number as `f32`, exactly.
    fn widen(self) -> f32;

    /// The nearest number of this type, ties to even. NaN stays NaN, and numbers beyond the type's range
    /// become infinite.
    fn narrow(value: f32) -> Self;
}

impl sealed::Sealed for f32 {}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        value
    }
}

impl sealed::Sealed for Bf16 {}

impl Element for Bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        let bits = value.to_bits();
        let upper = bits >> 16;
        Self::from_bits(if value.is_nan() {
            // A NaN whose payload lies in the lower half would become infinity; the quiet bit keeps it NaN.
            (upper | 0x40) as u16
        } else {
            // Adds just under half of the last bit kept, and half if that bit is odd: ties go to even. A
            // carry runs into the exponent, which is right, up to infinity.
            ((bits + 0x7fff + (upper & 1)) >> 16) as u16
        })
    }
}
