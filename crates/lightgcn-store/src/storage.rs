//! The number of bits used to store numbers.

/// How to store the numbers of a table: on disk and, if a program requests it, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Storage {
    /// 32 bits each.
    #[default]
    F32,
    /// 16 bits each: bfloat16, the upper half of a 32-bit number, with 8 significant bits.
    Bf16,
}
