//! How many bits numbers are kept in.

/// How the numbers of a table are kept: on disk, and where a program asks for it, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Storage {
    /// 32 bits each.
    #[default]
    F32,
    /// 16 bits each: bfloat16, the upper half of a 32-bit number, with 8 significant bits.
    Bf16,
}
