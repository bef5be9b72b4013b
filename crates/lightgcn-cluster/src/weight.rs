//! The weight of a pair as a function of SQL.

use datafusion::arrow::array::{Array, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use lightgcn_core::{BehaviorWeights, BehaviorWeightsConfig, PairEvent, SessionMark};
use lightgcn_data::pair_weight;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Behaviors take this many values in the numbers that stand for events.
pub(crate) const BEHAVIORS: i64 = 256;
/// And marks of sessions this many.
pub(crate) const MARKS: i64 = 256;

/// The event of a number: its time times [`BEHAVIORS`] plus its behavior, times [`MARKS`] plus the mark of its session.
pub(crate) fn event_of(number: i64) -> PairEvent {
    let mark = SessionMark::from_byte(number.rem_euclid(MARKS) as u8);
    PairEvent::from_bits(number.div_euclid(MARKS)).in_session(mark)
}

/// `pair_weight(events)`: the weight of a pair with these events, in the order of the log, each as a number of which
/// [`event_of`] is the event.
#[derive(Debug)]
pub(crate) struct PairWeight {
    spec: WeightSpec,
    weights: BehaviorWeights,
    signature: Signature,
}

/// What the weights depend on; travels to the executors with the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightSpec {
    pub(crate) weights: BehaviorWeightsConfig,
    /// The time that ages count from.
    pub(crate) now: i64,
}

impl PairWeight {
    pub(crate) const NAME: &'static str = "pair_weight";

    pub(crate) fn udf(spec: WeightSpec) -> Result<ScalarUDF> {
        let weights = spec.weights.clone().check();
        let weights = weights.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let events = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        Ok(ScalarUDF::from(Self {
            spec,
            weights,
            signature: Signature::exact(vec![events], Volatility::Immutable),
        }))
    }

    pub(crate) fn spec(&self) -> &WeightSpec {
        &self.spec
    }
}

impl PartialEq for PairWeight {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Eq for PairWeight {}

impl Hash for PairWeight {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.now.hash(state);
    }
}

impl ScalarUDFImpl for PairWeight {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let n = args.number_rows;
        let [events] = <[_; 1]>::try_from(args.args)
            .map_err(|_| DataFusionError::Internal("pair_weight has one argument".to_owned()))?;
        let events = events.into_array(n)?;
        let Some(lists) = events.as_list_opt::<i32>() else {
            return exec_err!("pair_weight needs a list, not {}", events.data_type());
        };
        let weights = lists.iter().map(|list| {
            let list = list?;
            let events = list.as_primitive::<Int64Type>().values().iter();
            let events = events.map(|&number| {
                let event = event_of(number);
                (event.behavior(), event.time())
            });
            Some(pair_weight(events, &self.weights, self.spec.now))
        });
        Ok(ColumnarValue::Array(Arc::new(
            weights.collect::<Float64Array>(),
        )))
    }
}
