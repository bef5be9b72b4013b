//! The integer types of a CSR matrix or a list of row numbers.

mod sealed {
    pub trait Sealed {}
}

/// An integer type that can number rows, columns or edges.
///
/// Implemented for `i32` (what burn's integer tensors hold), `u32`, `i64`, `u64` and `usize`. The
/// trait is sealed: the conversions below are part of what keeps the kernels memory-safe.
pub trait CsrIndex: Copy + Send + Sync + sealed::Sealed {
    /// The value as a `usize`.
    ///
    /// A negative value, or one too large for this machine's `usize`, becomes larger than any slice
    /// can be, so every range check rejects it.
    fn to_usize(self) -> usize;
}

macro_rules! implement {
    ($($integer:ty => $wide:ty),*) => {$(
        impl sealed::Sealed for $integer {}
        impl CsrIndex for $integer {
            #[inline(always)]
            fn to_usize(self) -> usize {
                // The sign extends into the wide type, so that a negative value becomes huge.
                usize::try_from(self as $wide).unwrap_or(usize::MAX)
            }
        }
    )*};
}

implement!(i32 => u64, u32 => u64, i64 => u64, u64 => u64, usize => u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_every_type() {
        assert_eq!(7_i32.to_usize(), 7);
        assert_eq!(u32::MAX.to_usize(), u32::MAX as usize);
        assert_eq!(7_i64.to_usize(), 7);
        assert_eq!(7_u64.to_usize(), 7);
        assert_eq!(7_usize.to_usize(), 7);
    }

    #[test]
    fn negative_values_exceed_every_length() {
        assert!((-1_i32).to_usize() > isize::MAX as usize);
        assert!(i64::MIN.to_usize() > isize::MAX as usize);
    }
}
