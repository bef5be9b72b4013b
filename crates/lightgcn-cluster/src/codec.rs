//! How our plans and functions travel to the scheduler and the executors.

use crate::checkpoint::CheckpointExec;
use crate::scan::{LogExec, LogSpec};
use crate::weight::{PairWeight, WeightSpec};
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What our plans begin with, so that they are told from Ballista's.
const MAGIC: &[u8] = b"lightgcn\n";

/// The codec of Ballista and our plans.
#[derive(Debug, Default)]
pub(crate) struct Codec(BallistaPhysicalExtensionCodec);

#[derive(Serialize, Deserialize)]
enum Node {
    Log { spec: LogSpec, columns: Vec<usize> },
    Checkpoint { folder: String },
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(node) = bytes.strip_prefix(MAGIC) else {
            return self.0.try_decode(bytes, inputs, context, converter);
        };
        match (serde_json::from_slice(node).map_err(external)?, inputs) {
            (Node::Log { spec, columns }, [input]) => {
                let log = LogExec::new(Arc::clone(input), Arc::new(spec), columns)?;
                Ok(Arc::new(log))
            }
            (Node::Checkpoint { folder }, [input]) => {
                Ok(Arc::new(CheckpointExec::new(Arc::clone(input), folder)))
            }
            (_, inputs) => Err(DataFusionError::Internal(format!(
                "a plan has {} inputs",
                inputs.len()
            ))),
        }
    }

    fn try_encode(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let node = if let Some(log) = plan.downcast_ref::<LogExec>() {
            Node::Log {
                spec: LogSpec::clone(&log.spec),
                columns: log.columns.clone(),
            }
        } else if let Some(checkpoint) = plan.downcast_ref::<CheckpointExec>() {
            Node::Checkpoint {
                folder: checkpoint.folder.clone(),
            }
        } else {
            return self.0.try_encode(plan, bytes, converter);
        };
        bytes.extend_from_slice(MAGIC);
        serde_json::to_writer(bytes, &node).map_err(external)
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
        if name != PairWeight::NAME {
            return self.0.try_decode_udf(name, bytes);
        }
        let spec: WeightSpec = serde_json::from_slice(bytes).map_err(external)?;
        Ok(Arc::new(PairWeight::udf(spec)?))
    }

    fn try_encode_udf(&self, function: &ScalarUDF, bytes: &mut Vec<u8>) -> Result<()> {
        match function.inner().downcast_ref::<PairWeight>() {
            Some(weight) => serde_json::to_writer(bytes, weight.spec()).map_err(external),
            None => self.0.try_encode_udf(function, bytes),
        }
    }

    fn try_decode_udaf(&self, name: &str, bytes: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.0.try_decode_udaf(name, bytes)
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, bytes: &mut Vec<u8>) -> Result<()> {
        self.0.try_encode_udaf(function, bytes)
    }

    fn try_decode_udwf(&self, name: &str, bytes: &[u8]) -> Result<Arc<WindowUDF>> {
        self.0.try_decode_udwf(name, bytes)
    }

    fn try_encode_udwf(&self, function: &WindowUDF, bytes: &mut Vec<u8>) -> Result<()> {
        self.0.try_encode_udwf(function, bytes)
    }
}

fn external(error: serde_json::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
