//! The BPR loss of a batch, with its gradient.

/// A batch of triples as rows of a small table of final embeddings.
#[derive(Clone, Copy, Debug)]
pub struct BprTriples<'a> {
    /// The user of each positive, `[batch]`.
    pub users: &'a [u32],
    /// Its item, `[batch]`.
    pub positives: &'a [u32],
    /// Its negatives, `[batch · n_negatives]`, those of a pair side by side.
    pub negatives: &'a [u32],
    /// The factor of each positive's loss, `[batch]`: its weight, divided by batch and negatives for a mean.
    pub weights: &'a [f32],
}

/// The BPR loss `Σ_p w_p · Σ_n −ln σ(e_u · e_i − e_u · e_n)` of a batch (Rendle et al., UAI 2009,
/// section 4), and its gradient.
///
/// `embeddings` has shape `[n_rows, dim]`; its gradient is added to `gradients`, of the same shape.
/// O(batch · n_negatives · dim), on this thread, in the order of the batch: pairs share rows, so with several threads
/// the order of a gradient's sums, and with it the bits, would depend on them.
///
/// # Panics
/// If the length of a slice does not match its shape, or a row is out of range.
pub fn bpr_loss(
    triples: &BprTriples<'_>,
    embeddings: &[f32],
    dim: usize,
    gradients: &mut [f32],
) -> f64 {
    let BprTriples {
        users,
        positives,
        negatives,
        weights,
    } = *triples;
    let batch = users.len();
    assert!(
        positives.len() == batch && weights.len() == batch,
        "there are {batch} users, {} positives and {} weights",
        positives.len(),
        weights.len()
    );
    assert!(
        gradients.len() == embeddings.len(),
        "a gradient must have the shape of its embeddings"
    );
    if batch == 0 || dim == 0 {
        return 0.0;
    }
    assert!(
        negatives.len().is_multiple_of(batch),
        "{} negatives do not divide evenly over {batch} positives",
        negatives.len()
    );
    let mut loss = 0.0;
    let start = |row: u32| row as usize * dim;
    for (pair, negatives) in negatives.chunks_exact(negatives.len() / batch).enumerate() {
        let (user, positive) = (start(users[pair]), start(positives[pair]));
        let score = crate::dot(&embeddings[user..][..dim], &embeddings[positive..][..dim]);
        for &negative in negatives {
            let negative = start(negative);
            let other = crate::dot(&embeddings[user..][..dim], &embeddings[negative..][..dim]);
            // In f64: the loss is a sum over the batch, and log and exponential are few.
            let margin = f64::from(score - other);
            let weight = f64::from(weights[pair]);
            // ln(1 + e^−margin), without overflow for either sign.
            loss += weight * ((-margin.abs()).exp().ln_1p() + (-margin).max(0.0));
            let slope = (-weight / (1.0 + margin.exp())) as f32;
            // All three are read before any is written: rows of a triple may be one row.
            for d in 0..dim {
                let (u, i, j) = (
                    embeddings[user + d],
                    embeddings[positive + d],
                    embeddings[negative + d],
                );
                gradients[user + d] += slope * (i - j);
                gradients[positive + d] += slope * u;
                gradients[negative + d] -= slope * u;
            }
        }
    }
    loss
}

#[cfg(test)]
mod tests;
