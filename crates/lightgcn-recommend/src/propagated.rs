//! Recomputes final embeddings after the graph has changed.

use crate::RecommendError;
use lightgcn_simd::{CsrView, propagate};
use lightgcn_store::{Artifact, EmbeddingTable};

/// The maximum difference of two numbers that are equal up to rounding, relative to the largest
/// number.
const TOLERANCE: f32 = 1e-2;

/// Recomputes the final embeddings of `changed` from its layer 0 and its graph, the way those of
/// `artifact` follow from its own, so no row includes anything that is no longer in the graph.
/// Returns whether this was possible: the embeddings of `artifact` must be such sums over its
/// graph. O(layers · edges · dimension).
///
/// # Errors
/// [`RecommendError::Graph`] if an artifact has no training edge, [`RecommendError::Store`] if a number is not finite.
pub fn propagate_anew(artifact: &Artifact, changed: &mut Artifact) -> Result<bool, RecommendError> {
    let found = propagated(artifact)?;
    let is_sum = found.is_some_and(|found| are_close(&found, &artifact.embeddings));
    if !is_sum {
        return Ok(false);
    }
    let Some(anew) = propagated(changed)? else {
        return Ok(false);
    };
    changed.embeddings = anew.into_storage(changed.embeddings.storage())?;
    Ok(true)
}

/// Σ_k α_k Â^k E; `None` for models whose final embeddings are not such a sum.
fn propagated(artifact: &Artifact) -> Result<Option<EmbeddingTable>, RecommendError> {
    let model = &artifact.model;
    let Some(weights) = model.layer_weights.as_deref().filter(|w| !w.is_empty()) else {
        return Ok(None);
    };
    let graph = artifact.graph()?;
    let a = graph.adjacency(&model.normalization().into())?;
    let layer0 = &artifact.layer0;
    let view = CsrView::new(a.row_offsets(), a.columns(), a.values(), a.n_columns());
    let Some(view) = view.ok().filter(|_| a.n_columns() == layer0.rows()) else {
        return Ok(None);
    };
    let data = propagate(view, layer0.data(), layer0.dimension(), weights);
    let table = EmbeddingTable::new(layer0.rows(), layer0.dimension(), data)?;
    Ok(Some(table))
}

fn are_close(a: &EmbeddingTable, b: &EmbeddingTable) -> bool {
    let largest = b.data().iter().fold(0f32, |most, x| most.max(x.abs()));
    let mut pairs = a.data().iter().zip(b.data());
    a.data().len() == b.data().len() && pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::chain::tests::larger;
    use crate::{ExplainOptions, Recommender};

    #[test]
    fn scores_are_sums_over_the_graph_that_is_left() {
        let artifact = larger();
        let mut rest = artifact.without_user("u3").unwrap().unwrap();
        let rounding = |artifact: &Artifact| -> f64 {
            let shop = Recommender::from_artifact(artifact.clone()).unwrap();
            let pairs = ["u2", "u4", "u7"]
                .into_iter()
                .flat_map(|user| (0..50).map(move |item| (user, format!("p{item}"))));
            let options = ExplainOptions::default();
            let all = pairs.map(|(user, item)| shop.explain(user, &item, &options).unwrap());
            all.map(|why| why.rounding.abs()).fold(0.0, f64::max)
        };
        let before = rounding(&rest);
        assert!(propagate_anew(&artifact, &mut rest).unwrap());
        let after = rounding(&rest);
        assert!(after < 1e-5 && before > 10.0 * after, "{before} {after}");
        rest.check().unwrap();
    }

    #[test]
    fn embeddings_that_are_no_such_sum_stay() {
        let mut artifact = larger();
        artifact.model.layer_weights = None;
        let rest = artifact.without_user("u3").unwrap().unwrap();
        let mut changed = rest.clone();
        assert!(!propagate_anew(&artifact, &mut changed).unwrap());
        assert_eq!(changed, rest);
    }
}
