//! Full-ranking evaluation, and the comparison of rankers.

mod comparison;
mod evaluation;

pub use comparison::{Comparison, ComparisonRow, figures};
pub use evaluation::{
    Evaluation, EvaluationOptions, EvaluationSummary, compare, evaluate, evaluate_test,
    evaluate_validation,
};
