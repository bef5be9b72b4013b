//! Full-ranking evaluation, and the comparison of rankers.

mod comparison;
mod evaluation;
mod evaluation_options;

pub use comparison::{Comparison, ComparisonRow, figures};
pub use evaluation::{
    Evaluation, EvaluationSummary, better_on_validation, compare, evaluate, evaluate_test,
    evaluate_validation,
};
pub use evaluation_options::EvaluationOptions;
