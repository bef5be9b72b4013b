//! Full-ranking evaluation, and the comparison of rankers.

mod comparison;
mod evaluation;

pub use comparison::{Comparison, ComparisonRow, figures};
pub use evaluation::{
    Evaluation, EvaluationOptions, EvaluationSummary, better_on_validation, compare, evaluate,
    evaluate_test, evaluate_validation,
};
