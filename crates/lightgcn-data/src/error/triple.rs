//! What can be wrong with a triple.

use lightgcn_core::IdIssue;
use thiserror::Error;

/// What is wrong with a line of a file of triples.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TripleIssue {
    /// It has another number of fields.
    #[error("{found} fields where a triple has 3; separate head, relation and tail by tabs")]
    Fields {
        /// How many fields there are.
        found: usize,
    },
    /// A name is not one.
    #[error("the {field} {value:?} {issue}; fix the line or remove it")]
    Name {
        /// `head`, `relation`, `tail`, `item` or `entity`.
        field: &'static str,
        /// What stands there, cut if it is long.
        value: String,
        /// What is wrong with it.
        issue: IdIssue,
    },
    /// The line is not UTF-8.
    #[error("not UTF-8 text; convert the file to UTF-8")]
    NotUtf8,
}
