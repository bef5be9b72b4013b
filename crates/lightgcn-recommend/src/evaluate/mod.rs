//! Full-ranking evaluation.

mod evaluation;

pub use evaluation::{
    Evaluation, EvaluationOptions, EvaluationSummary, compare, evaluate, evaluate_test,
    evaluate_validation,
};
