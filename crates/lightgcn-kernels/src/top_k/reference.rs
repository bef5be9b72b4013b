//! The best of scores, searched on the host, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};

use super::{LeaveOut, TopK};
use crate::sparse_matrix::upload_ints;

/// The `k` largest of each row of `scores`, `[n_users, n_items]`, as [`crate::top_k`] asks for them.
pub fn top_k_of_scores<B: Backend>(
    scores: Tensor<B, 2>,
    leave_out: LeaveOut<'_>,
    k: usize,
) -> TopK<B> {
    let device = scores.device();
    let [n_users, n_items] = scores.dims();
    let host: Vec<f32> = scores.into_data().iter().collect();
    let (mut items, mut values) = (Vec::new(), Vec::new());
    for (user, row) in host.chunks_exact(n_items).enumerate() {
        let bounds = leave_out.offsets[user] as usize..leave_out.offsets[user + 1] as usize;
        let mut out = vec![false; n_items];
        for &item in &leave_out.items[bounds] {
            out[item as usize] = true;
        }
        let mut order: Vec<usize> = (0..n_items).filter(|&item| !out[item]).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
        for place in 0..k {
            let item = order.get(place);
            items.push(item.map_or(-1, |&item| item as i32));
            values.push(item.map_or(f32::MIN, |&item| row[item]));
        }
    }
    TopK {
        items: upload_ints(items, &device).reshape([n_users, k]),
        scores: Tensor::from_data(TensorData::new(values, [n_users, k]), (&device, DType::F32)),
    }
}
