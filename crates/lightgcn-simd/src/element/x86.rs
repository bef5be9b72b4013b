//! Loads and stores of AVX2 registers of eight `f32`.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, __m512, _CMP_UNORD_Q, _MM_HINT_T0, _mm_and_si128, _mm_loadu_si128,
    _mm_maskload_epi32, _mm_or_si128, _mm_prefetch, _mm_set1_epi16, _mm_storeu_si128,
    _mm256_add_epi32, _mm256_and_si256, _mm256_blendv_epi8, _mm256_castps_si256,
    _mm256_castsi128_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps,
    _mm256_cvtepu16_epi32, _mm256_inserti128_si256, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_or_si256, _mm256_packus_epi32,
    _mm256_permute2f128_ps, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_shuffle_ps, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_ps, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpackhi_ps,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_unpacklo_ps, _mm512_castsi512_ps,
    _mm512_cvtepu16_epi32, _mm512_loadu_ps, _mm512_slli_epi32,
};

use super::Bf16;

/// Numbers in a register.
pub(crate) const LANES: usize = 8;
/// Numbers in a register of AVX-512.
pub(crate) const WIDE_LANES: usize = 16;

/// The minimum number of bytes that rows are prefetched ahead; more if the rows read side by side
/// take more. The hardware prefetcher follows one stream, and eight rows read in step look like
/// none.
const AHEAD: usize = 4096;

/// A number type whose values the AVX2 kernels load and store, eight at a time.
///
/// The functions are always inlined, since only inside a caller compiled for AVX2 are they a few
/// instructions. No address needs alignment.
///
/// # Safety
/// An implementation must only touch the memory that each function's documentation names.
pub unsafe trait Register: Copy {
    /// A mask of the first few lanes.
    type Tail: Copy;

    /// The mask of the first `n` lanes.
    ///
    /// # Safety
    /// The machine must have AVX2, and `n` must be below 8.
    unsafe fn tail(n: usize) -> Self::Tail;

    /// Eight numbers.
    ///
    /// # Safety
    /// The machine must have AVX2; eight numbers must be valid for reads.
    unsafe fn load(from: *const Self) -> __m256;

    /// Loads the numbers that `tail` selects; the other lanes are 0.
    ///
    /// # Safety
    /// The machine must have AVX2; the selected numbers must be valid for reads.
    unsafe fn load_tail(from: *const Self, tail: Self::Tail) -> __m256;

    /// Writes eight numbers, rounded to this type.
    ///
    /// # Safety
    /// The machine must have AVX2; eight numbers must be valid for writes.
    unsafe fn store(to: *mut Self, value: __m256);

    /// Writes the numbers that `tail` selects, rounded to this type.
    ///
    /// # Safety
    /// The machine must have AVX2; the selected numbers must be valid for writes.
    unsafe fn store_tail(to: *mut Self, tail: Self::Tail, value: __m256);

    /// Eight numbers of each of eight rows that are `stride` apart, transposed: register `i` holds
    /// number `i` of every row.
    ///
    /// # Safety
    /// The machine must have AVX2; the numbers must be valid for reads.
    unsafe fn load_columns(from: *const Self, stride: usize) -> [__m256; LANES];

    /// Sixteen numbers.
    ///
    /// # Safety
    /// The machine must have AVX-512F; sixteen numbers must be valid for reads.
    unsafe fn load_wide(from: *const Self) -> __m512;
}

// SAFETY: each function touches only the numbers at its address that its name and tail say.
unsafe impl Register for f32 {
    type Tail = __m256i;

    #[inline(always)]
    unsafe fn tail(n: usize) -> __m256i {
        let lanes: [i32; LANES] = std::array::from_fn(|lane| if lane < n { -1 } else { 0 });
        // SAFETY: `lanes` is 32 bytes long.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const Self) -> __m256 {
        // SAFETY: the caller vouches for the address.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_tail(from: *const Self, tail: __m256i) -> __m256 {
        // SAFETY: the caller vouches for what the mask selects; nothing else is touched.
        unsafe { _mm256_maskload_ps(from, tail) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut Self, value: __m256) {
        // SAFETY: the caller vouches for the address.
        unsafe { _mm256_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn store_tail(to: *mut Self, tail: __m256i, value: __m256) {
        // SAFETY: the caller vouches for what the mask selects; nothing else is touched.
        unsafe { _mm256_maskstore_ps(to, tail, value) }
    }

    #[inline(always)]
    unsafe fn load_columns(from: *const Self, stride: usize) -> [__m256; LANES] {
        // SAFETY: the caller vouches for eight numbers of eight rows.
        unsafe {
            let row = |i: usize| _mm256_loadu_ps(from.add(i * stride));
            let mut columns = [_mm256_setzero_ps(); LANES];
            let mut quarters = [_mm256_setzero_ps(); LANES];
            // Pairs of rows, then fours: quarter i holds the columns i and i + 4 of rows 0..4, and
            // quarter 4 + i those of rows 4..8.
            for group in 0..2 {
                let [a, b, c, d] = [0, 1, 2, 3].map(|i| row(group * 4 + i));
                let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                quarters[group * 4] = _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low);
                quarters[group * 4 + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low);
                quarters[group * 4 + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high);
                quarters[group * 4 + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high);
            }
            for i in 0..4 {
                columns[i] = _mm256_permute2f128_ps::<0x20>(quarters[i], quarters[4 + i]);
                columns[4 + i] = _mm256_permute2f128_ps::<0x31>(quarters[i], quarters[4 + i]);
            }
            columns
        }
    }

    #[inline(always)]
    unsafe fn load_wide(from: *const Self) -> __m512 {
        // SAFETY: the caller vouches for the address.
        unsafe { _mm512_loadu_ps(from) }
    }
}

/// The first few of eight 16-bit lanes. AVX2 masks lanes of 32 bits only, so whole pairs are masked and an
/// odd last number is read by itself: reading its partner could leave the slice.
#[derive(Clone, Copy)]
pub struct PairTail {
    n: usize,
    /// Whole pairs.
    pairs: __m128i,
    /// The lane of the last number if it has no partner.
    odd: __m128i,
}

// SAFETY: each function touches only the numbers at its address that its name and tail say.
unsafe impl Register for Bf16 {
    type Tail = PairTail;

    #[inline(always)]
    unsafe fn tail(n: usize) -> PairTail {
        let pairs: [i32; 4] = std::array::from_fn(|pair| if 2 * pair + 1 < n { -1 } else { 0 });
        let odd: [i16; 8] =
            std::array::from_fn(|lane| if n % 2 == 1 && lane + 1 == n { -1 } else { 0 });
        // SAFETY: both arrays are 16 bytes long.
        unsafe {
            PairTail {
                n,
                pairs: _mm_loadu_si128(pairs.as_ptr().cast()),
                odd: _mm_loadu_si128(odd.as_ptr().cast()),
            }
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const Self) -> __m256 {
        // SAFETY: the caller vouches for the address; the machine has AVX2.
        unsafe { widen(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_tail(from: *const Self, tail: PairTail) -> __m256 {
        if tail.n == 0 {
            // SAFETY: the machine has AVX2.
            return unsafe { _mm256_setzero_ps() };
        }
        // SAFETY: the masks select the first `n` numbers, for which the caller vouches, and the last
        // of these is read by itself. `Bf16` is a transparent 16-bit integer.
        unsafe {
            let pairs = _mm_maskload_epi32(from.cast(), tail.pairs);
            let last = _mm_set1_epi16((*from.add(tail.n - 1)).to_bits() as i16);
            widen(_mm_or_si128(pairs, _mm_and_si128(last, tail.odd)))
        }
    }

    #[inline(always)]
    unsafe fn store(to: *mut Self, value: __m256) {
        // SAFETY: the caller vouches for the address; the machine has AVX2.
        unsafe { _mm_storeu_si128(to.cast(), narrow(value)) }
    }

    #[inline(always)]
    unsafe fn store_tail(to: *mut Self, tail: PairTail, value: __m256) {
        // AVX2 has no masked store of 16-bit lanes, so this one goes through memory.
        let mut numbers = [Self::ZERO; LANES];
        // SAFETY: `numbers` holds eight, and the caller vouches for the first `n < 8` at `to`.
        unsafe {
            _mm_storeu_si128(numbers.as_mut_ptr().cast(), narrow(value));
            to.copy_from_nonoverlapping(numbers.as_ptr(), tail.n);
        }
    }

    #[inline(always)]
    unsafe fn load_columns(from: *const Self, stride: usize) -> [__m256; LANES] {
        // SAFETY: the caller vouches for eight numbers, 16 bytes, of eight rows.
        unsafe {
            let row = |i: usize| _mm_loadu_si128(from.add(i * stride).cast());
            // A pair of neighboring numbers travels as one 32-bit lane. `rows[i]` holds the four
            // pairs of row i in its lower half and those of row i + 4 in its upper half.
            let rows = [0, 1, 2, 3]
                .map(|i| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(row(i)), row(i + 4)));
            let low = [
                _mm256_unpacklo_epi32(rows[0], rows[1]),
                _mm256_unpacklo_epi32(rows[2], rows[3]),
            ];
            let high = [
                _mm256_unpackhi_epi32(rows[0], rows[1]),
                _mm256_unpackhi_epi32(rows[2], rows[3]),
            ];
            let pairs = [
                _mm256_unpacklo_epi64(low[0], low[1]),
                _mm256_unpackhi_epi64(low[0], low[1]),
                _mm256_unpacklo_epi64(high[0], high[1]),
                _mm256_unpackhi_epi64(high[0], high[1]),
            ];
            // Of each pair, the first number is the lower half of its lane and the second the upper half:
            // moved or masked to the top, each is its own `f32`.
            let upper = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            let mut columns = [_mm256_setzero_ps(); LANES];
            for (i, pair) in pairs.into_iter().enumerate() {
                columns[2 * i] = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pair));
                columns[2 * i + 1] = _mm256_castsi256_ps(_mm256_and_si256(pair, upper));
            }
            columns
        }
    }

    #[inline(always)]
    unsafe fn load_wide(from: *const Self) -> __m512 {
        // SAFETY: the caller vouches for 16 numbers, 32 bytes; the machine has AVX-512F.
        unsafe {
            let numbers = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(numbers))
        }
    }
}

/// Prefetches the next rows while the `rows` at `from`, of `dim` numbers each, are read side by side,
/// eight numbers of each at a time: call it with each such number `d`.
///
/// # Safety
/// The machine must have AVX2.
#[inline(always)]
pub(crate) unsafe fn prefetch_next_rows<T>(from: *const T, rows: usize, dim: usize, d: usize) {
    let ahead = (rows * dim * size_of::<T>()).max(AHEAD);
    let start = from.cast::<u8>().wrapping_add(ahead);
    // The steps share the bytes of the rows among them, in their order.
    let bytes = rows * LANES * size_of::<T>();
    // SAFETY: the machine has AVX2.
    unsafe { prefetch(start.wrapping_add(d / LANES * bytes), bytes) };
}

/// Prefetches the cache lines that begin `0, 64, ..` bytes from an address, as many as cover `bytes`. A
/// prefetch never issues, whatever the address.
///
/// # Safety
/// The machine must have AVX2.
#[inline(always)]
pub(crate) unsafe fn prefetch<T>(from: *const T, bytes: usize) {
    const LINE: usize = 64;
    let mut line = 0;
    while line < bytes {
        // SAFETY: every machine with AVX2 has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast::<i8>().wrapping_add(line)) };
        line += LINE;
    }
}

/// See [`Element::widen`](super::Element::widen).
///
/// # Safety
/// The machine must have AVX2.
#[inline(always)]
unsafe fn widen(numbers: __m128i) -> __m256 {
    // SAFETY: the machine has AVX2.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(numbers))) }
}

/// See [`Element::narrow`](super::Element::narrow).
///
/// # Safety
/// The machine must have AVX2.
#[inline(always)]
unsafe fn narrow(value: __m256) -> __m128i {
    // SAFETY: the machine has AVX2.
    unsafe {
        let bits = _mm256_castps_si256(value);
        let upper = _mm256_srli_epi32::<16>(bits);
        let odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
        // Ties to even, as in `Element::narrow`.
        let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
        let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half));
        let quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
        let is_nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(value, value));
        let numbers = _mm256_blendv_epi8(rounded, quiet, is_nan);
        // The lower 16 bits of each lane: packed within each half, then the halves joined.
        let packed = _mm256_packus_epi32(numbers, _mm256_setzero_si256());
        _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b11_01_10_00>(packed))
    }
}
