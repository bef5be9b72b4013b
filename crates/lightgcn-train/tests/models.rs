//! Every model passes the shared suite on the CPU.

use burn::backend::Autodiff;
use lightgcn_kernels::CpuBackend;
use lightgcn_nn::{
    CrgcnConfig, EgcfConfig, Iteration, KgatConfig, LayerWeights, LightGcnConfig,
    LightGcnPlusPlusConfig, MatrixFactorizationConfig, MbCgcnConfig, MbgcnConfig, ModelConfig,
    NgcfConfig, SasRecConfig, XSimGclConfig,
};
use lightgcn_train::conformance;

type B = Autodiff<CpuBackend>;

fn learned() -> LightGcnConfig {
    LightGcnConfig {
        dimension: 16,
        layers: 2,
        layer_weights: LayerWeights::Learned,
        ..LightGcnConfig::published()
    }
}

fn ngcf() -> NgcfConfig {
    NgcfConfig {
        dimension: 16,
        layer_widths: vec![16, 8],
        ..NgcfConfig::default()
    }
}

conformance!(lightgcn, B, LightGcnConfig::published().with_dimension(16));
conformance!(lightgcn_with_learned_layer_weights, B, learned());
conformance!(
    lightgcn_plus_plus,
    B,
    LightGcnPlusPlusConfig::default().with_dimension(16)
);
conformance!(ngcf_model, B, ngcf());
conformance!(
    matrix_factorization,
    B,
    MatrixFactorizationConfig::default().with_dimension(16)
);

conformance!(crgcn, B, CrgcnConfig::default().with_dimension(16));
conformance!(mb_cgcn, B, MbCgcnConfig::default().with_dimension(16));
conformance!(mbgcn, B, MbgcnConfig::default().with_dimension(16));

fn kgat() -> KgatConfig {
    KgatConfig {
        dimension: 16,
        relation_dimension: 16,
        layer_widths: vec![16, 8],
        ..KgatConfig::default()
    }
}

conformance!(kgat_model, B, kgat());

/// Users and items of a block are all alike, and a contrast drives them apart: it counts little here.
const LITTLE: f64 = 0.01;

fn xsimgcl() -> XSimGclConfig {
    XSimGclConfig {
        contrast_weight: LITTLE,
        ..XSimGclConfig::default().with_dimension(16)
    }
}

conformance!(xsimgcl_model, B, xsimgcl());

fn egcf(iteration: Iteration) -> EgcfConfig {
    EgcfConfig {
        iteration,
        contrast_weight: LITTLE,
        ..EgcfConfig::default().with_dimension(16)
    }
}

conformance!(egcf_in_parallel, B, egcf(Iteration::Parallel));
conformance!(egcf_by_turns, B, egcf(Iteration::Alternating));

conformance!(sasrec, B, SasRecConfig::default().with_dimension(16));
