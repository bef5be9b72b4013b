//! Parts of models whose tables are split among ranks by user, and the whole models that are saved.

use crate::engine::host::host;
use crate::ranks::Shards;
use burn::optim::Optimizer;
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::record::AdaptorRecord;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use lightgcn_kernels::optim::{FusedAdam, FusedAdamState};
use lightgcn_nn::{EmbeddingModel, GradientBackend};

/// The optimizer of a model.
pub(crate) type Adam<B, M> = OptimizerAdaptor<FusedAdam, M, B>;

/// Its state, by parameter.
pub(crate) type AdamRecord<B, M> = <Adam<B, M> as Optimizer<M, B>>::Record;

/// Its state of one parameter.
pub(crate) type Moments<B> = AdaptorRecord<FusedAdam, B>;

/// This rank's part of a whole table.
pub(crate) fn part<B: Backend>(table: Tensor<B, 2>, shards: &Shards) -> Tensor<B, 2> {
    let ([_, width], device) = (table.dims(), table.device());
    of_rows(shards.cut(&host(table), width), width, &device)
}

/// The whole table of which each rank has a part, on rank 0 alone. Collective.
pub(crate) fn whole<B: Backend>(table: Tensor<B, 2>, shards: &Shards) -> Option<Tensor<B, 2>> {
    let ([_, width], device) = (table.dims(), table.device());
    let rows = shards.gather(&host(table), width)?;
    Some(of_rows(rows, width, &device))
}

fn of_rows<B: Backend>(rows: Vec<f32>, width: usize, device: &B::Device) -> Tensor<B, 2> {
    let shape = [rows.len() / width, width];
    Tensor::from_data(TensorData::new(rows, shape), device)
}

/// The model with another table, which may have another number of rows.
pub(crate) fn with_rows<B: GradientBackend, M: EmbeddingModel<B>>(
    mut model: M,
    table: Tensor<B, 2>,
) -> M {
    let parameter = model.table_mut();
    *parameter = parameter
        .clone()
        .map(|old| table.detach().set_require_grad(old.is_require_grad()));
    model
}

/// Adam's state of a table, with each moment changed; `None` if that gives none.
pub(crate) fn change_moments<B: AutodiffBackend>(
    moments: Moments<B>,
    change: impl Fn(Tensor<B::InnerBackend, 2>) -> Option<Tensor<B::InnerBackend, 2>>,
) -> Option<Moments<B>>
where
    B::InnerBackend: lightgcn_kernels::TrainingBackend,
{
    let FusedAdamState {
        time,
        first_moment,
        second_moment,
    } = moments.into_state::<2>();
    // Both, even if there is no first one: the change may be collective.
    let changed = [first_moment, second_moment].map(change);
    let [Some(first_moment), Some(second_moment)] = changed else {
        return None;
    };
    Some(Moments::from_state::<2>(FusedAdamState {
        time,
        first_moment,
        second_moment,
    }))
}
