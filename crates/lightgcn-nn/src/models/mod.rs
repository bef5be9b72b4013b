//! The models.

mod behavior_graphs;
mod crgcn;
mod egcf;
mod info_nce;
mod kgat;
mod light_gcn;
mod light_gcn_plus_plus;
mod matrix_factorization;
mod mb_cgcn;
mod mbgcn;
mod ngcf;
mod registry;
mod sasrec;
mod xsimgcl;

registry::registry! {
    LightGcn(light_gcn::LightGcnConfig) = "lightgcn",
    LightGcnPlusPlus(light_gcn_plus_plus::LightGcnPlusPlusConfig) = "lightgcn++",
    Ngcf(ngcf::NgcfConfig) = "ngcf",
    MatrixFactorization(matrix_factorization::MatrixFactorizationConfig) = "mf",
    Crgcn(crgcn::CrgcnConfig) = "crgcn",
    MbCgcn(mb_cgcn::MbCgcnConfig) = "mb-cgcn",
    Mbgcn(mbgcn::MbgcnConfig) = "mbgcn",
    Kgat(kgat::KgatConfig) = "kgat",
    XSimGcl(xsimgcl::XSimGclConfig) = "xsimgcl",
    Egcf(egcf::EgcfConfig) = "egcf",
    SasRec(sasrec::SasRecConfig) = "sasrec",
}

pub use behavior_graphs::BehaviorGraphsConfig;
pub use info_nce::info_nce;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, EdgeWeights, NodeCounts, Normalization};
use lightgcn_kernels::{SparseMatrix, concatenate};

use crate::error::ConfigIssue;
use crate::graphs::Graphs;

/// The maximum number of propagation layers of a model.
const MOST_LAYERS: usize = 8;

/// The issue with a number of layers, if there is one.
fn layer_issue(layers: usize, least: usize) -> Option<ConfigIssue> {
    let most = MOST_LAYERS;
    match layers {
        n if n < least => Some(ConfigIssue::NoLayers),
        n if n > most => Some(ConfigIssue::TooManyLayers { layers, most }),
        _ => None,
    }
}

/// An issue for each layer without columns.
fn width_issues(layer_widths: &[usize]) -> impl Iterator<Item = ConfigIssue> {
    let widths = layer_widths.iter().enumerate();
    let empty = widths.filter(|(_, width)| **width == 0);
    empty.map(|(index, _)| ConfigIssue::ZeroWidth { layer: index + 1 })
}

/// The columns of the table and all layers side by side.
fn total_width(dimension: usize, layer_widths: &[usize]) -> usize {
    let widths = layer_widths.iter();
    widths.fold(dimension, |sum, width| sum.saturating_add(*width))
}

/// The table and the output of each layer side by side. Outputs are scaled to length 1, as in the code of NGCF's and
/// KGAT's authors; a layer passes its output on unscaled.
fn side_by_side<B: Backend, L>(
    table: Tensor<B, 2>,
    layers: &[L],
    forward: impl Fn(&L, Tensor<B, 2>) -> Tensor<B, 2>,
) -> Tensor<B, 2> {
    let mut x = table;
    let mut outputs = vec![x.clone()];
    for layer in layers {
        x = forward(layer, x);
        outputs.push(to_unit_length(x.clone(), LEAST_SQUARED_LENGTH));
    }
    concatenate(outputs, 1)
}

/// Rows are divided by the root of their squared length, or of this if it is larger, as in the authors' code.
const LEAST_SQUARED_LENGTH: f64 = 1e-12;

/// An issue for each entry that is already in the list.
fn repeated<T: PartialEq + ToString>(list: &[T]) -> impl Iterator<Item = ConfigIssue> {
    let repeated = list
        .iter()
        .enumerate()
        .filter(|&(n, name)| list[..n].contains(name));
    repeated.map(|(_, name)| ConfigIssue::ListedTwice {
        name: name.to_string(),
    })
}

/// The name for all relations of a knowledge graph.
const ALL: &str = "all";

/// The `chosen` relations; for `["all"]`, those that are `known`, if any.
fn resolve_all(chosen: Vec<String>, known: &[String]) -> Vec<String> {
    match &chosen[..] {
        [all] if all == ALL && !known.is_empty() => known.to_vec(),
        _ => chosen,
    }
}

/// The single graph of most models: all training pairs, with their weights or equal weights.
fn pair_graph(normalization: Normalization, edge_weights: bool) -> Vec<AdjacencyRequest> {
    let weights = match edge_weights {
        true => EdgeWeights::Pair,
        false => EdgeWeights::One,
    };
    let request = AdjacencyRequest::from(normalization);
    vec![AdjacencyRequest { weights, ..request }]
}

/// Each row divided by its length. The squared length is at least `least_squared_length`, so a row
/// of zeros gives zeros and a finite gradient.
fn to_unit_length<B: Backend>(rows: Tensor<B, 2>, least_squared_length: f64) -> Tensor<B, 2> {
    let squared_lengths = (rows.clone() * rows.clone()).sum_dim(1);
    rows / squared_lengths.clamp_min(least_squared_length).sqrt()
}

/// The table with zeros for users.
fn items_only<B: Backend>(table: Tensor<B, 2>, n_users: usize) -> Tensor<B, 2> {
    let [n_nodes, dimension] = table.dims();
    let users = Tensor::zeros([n_users, dimension], &table.device());
    let items = table.narrow(0, n_users, n_nodes - n_users);
    concatenate(vec![users, items], 0)
}

/// `ln Σ exp` of each row, `[n_rows, n_columns]` to `[n_rows, 1]`.
fn log_sum_exp<B: Backend>(logits: Tensor<B, 2>) -> Tensor<B, 2> {
    // A constant: the largest term is exp(0), so that neither the sum nor a gradient overflows.
    let largest = logits.clone().detach().max_dim(1);
    let sums = (logits - largest.clone()).exp().sum_dim(1);
    sums.log() + largest
}

/// The first graph, which must have a row and a column for each node.
fn assert_graph<'a, B: Backend>(
    model: &str,
    graphs: &'a Graphs<B>,
    nodes: &NodeCounts,
) -> &'a SparseMatrix<B> {
    let graph = graphs.first();
    let (n_rows, n_columns, n_nodes) = (graph.n_rows(), graph.n_columns(), nodes.total());
    assert!(
        n_rows == n_nodes && n_columns == n_nodes,
        "{model}: a graph of [{n_rows}, {n_columns}] for {n_nodes} nodes"
    );
    graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelConfig, ModelVisitor, VisitModel};

    struct Name;

    impl ModelVisitor for Name {
        type Output = &'static str;

        fn visit<M: ModelConfig>(self, config: &M) -> &'static str {
            assert_eq!(config.check(), Ok(()));
            M::NAME
        }
    }

    #[test]
    fn the_registry_has_each_model_under_its_own_name() {
        assert_eq!(AnyModelConfig::default().name(), AnyModelConfig::NAMES[0]);
        for name in AnyModelConfig::NAMES {
            let config = AnyModelConfig::named(name).unwrap();
            for config in [config.published(), config] {
                assert_eq!((config.name(), config.visit(Name)), (*name, *name));
                let json = serde_json::to_value(&config).unwrap();
                assert_eq!(json["name"], *name);
                assert_eq!(
                    serde_json::from_value::<AnyModelConfig>(json).unwrap(),
                    config
                );
            }
        }
        assert_eq!(AnyModelConfig::named("graphsage"), None);
    }
}
