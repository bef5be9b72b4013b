//! Explanations of scores by contributions and graph paths.

mod attention;
pub(crate) mod explainer;
mod explanation;
mod learned;
pub(crate) mod messages;
mod paths;
mod shorten;

pub use explanation::{
    Contribution, EdgeRelation, ExplainOptions, ExplainRequest, ExplainedEdge, ExplainedPath,
    Explanation, Fact, Method, Part, PathNode, Remainder, Term, TermKind,
};
