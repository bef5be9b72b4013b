//! Training or inference.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::init::{Stream, uniform};

/// The purpose of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardMode {
    /// Nothing is dropped, and no noise is added.
    Inference,
    /// Message dropout and noise are on, in the models that have any. What is dropped or added is a
    /// function of only the seed and the position, on every backend: a run resumed with the same
    /// seeds repeats the same bits. Use a different seed for each step.
    Training {
        /// Drives message dropout and noise.
        seed: u64,
    },
}

impl ForwardMode {
    /// Multiplies each element by 0 with the given probability and by `1 / (1 - probability)`
    /// otherwise, while training; `layer` gives layers that share a seed independent draws.
    ///
    /// O(elements) on the host, which computes the mask.
    pub(crate) fn dropout<B: Backend>(
        self,
        x: Tensor<B, 2>,
        probability: f64,
        layer: u64,
    ) -> Tensor<B, 2> {
        match self {
            Self::Training { seed } if probability > 0.0 => {
                let mask = mask(x.dims(), probability, Stream::dropout(seed, layer));
                let device = x.device();
                x * Tensor::from_data(mask, &device)
            }
            _ => x,
        }
    }
}

fn mask([n_rows, n_columns]: [usize; 2], probability: f64, stream: Stream) -> TensorData {
    let kept = (1.0 / (1.0 - probability)) as f32;
    let mut elements = Vec::with_capacity(n_rows * n_columns);
    for row in 0..n_rows {
        let row_stream = stream.row(row);
        elements.extend((0..n_columns).map(|column| {
            if uniform(row_stream.draw(column)) < probability {
                0.0
            } else {
                kept
            }
        }));
    }
    TensorData::new(elements, [n_rows, n_columns])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(data: &TensorData) -> Vec<f32> {
        data.iter::<f32>().collect()
    }

    #[test]
    fn mask_drops_the_asked_share_and_keeps_the_mean() {
        let data = mask([500, 40], 0.25, Stream::dropout(7, 0));
        let elements = elements(&data);
        let dropped = elements.iter().filter(|element| **element == 0.0).count();
        // 20,000 draws: the standard deviation of the share is 0.003.
        let share = dropped as f64 / elements.len() as f64;
        assert!((share - 0.25).abs() < 0.0155, "{share}");
        assert!(
            elements
                .iter()
                .all(|e| *e == 0.0 || (*e - 4.0 / 3.0).abs() < 1e-6)
        );
    }

    #[test]
    fn mask_is_a_function_of_seed_layer_and_place() {
        let first = elements(&mask([6, 5], 0.5, Stream::dropout(7, 0)));
        assert_eq!(first, elements(&mask([6, 5], 0.5, Stream::dropout(7, 0))));
        assert_eq!(
            first,
            elements(&mask([9, 5], 0.5, Stream::dropout(7, 0)))[..30]
        );
        assert_ne!(first, elements(&mask([6, 5], 0.5, Stream::dropout(8, 0))));
        assert_ne!(first, elements(&mask([6, 5], 0.5, Stream::dropout(7, 1))));
    }
}
