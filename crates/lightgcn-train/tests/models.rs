//! Every model passes the shared suite on the CPU.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use burn::backend::Autodiff;
use lightgcn_kernels::CpuBackend;
use lightgcn_nn::{
    LayerWeights, LightGcn, LightGcnConfig, LightGcnPlusPlus, LightGcnPlusPlusConfig,
    MatrixFactorization, MatrixFactorizationConfig, Ngcf, NgcfConfig,
};
use lightgcn_train::conformance;

type B = Autodiff<CpuBackend>;
type Device = <B as burn::tensor::backend::BackendTypes>::Device;

fn light_gcn(n_users: usize, n_items: usize, seed: u64, device: &Device) -> LightGcn<B> {
    LightGcnConfig::new(n_users, n_items)
        .with_dimension(16)
        .init(seed, device)
        .unwrap()
}

fn light_gcn_learned(n_users: usize, n_items: usize, seed: u64, device: &Device) -> LightGcn<B> {
    LightGcnConfig::new(n_users, n_items)
        .with_dimension(16)
        .with_layers(2)
        .with_layer_weights(LayerWeights::Learned)
        .init(seed, device)
        .unwrap()
}

fn light_gcn_plus_plus(
    n_users: usize,
    n_items: usize,
    seed: u64,
    device: &Device,
) -> LightGcnPlusPlus<B> {
    LightGcnPlusPlusConfig::new(n_users, n_items)
        .with_dimension(16)
        .init(seed, device)
        .unwrap()
}

fn ngcf(n_users: usize, n_items: usize, seed: u64, device: &Device) -> Ngcf<B> {
    NgcfConfig::new(n_users, n_items)
        .with_dimension(16)
        .with_layer_widths(vec![16, 8])
        .init(seed, device)
        .unwrap()
}

fn mf(n_users: usize, n_items: usize, seed: u64, device: &Device) -> MatrixFactorization<B> {
    MatrixFactorizationConfig::new(n_users, n_items)
        .with_dimension(16)
        .init(seed, device)
        .unwrap()
}

conformance!(lightgcn, B, light_gcn);
conformance!(lightgcn_with_learned_layer_weights, B, light_gcn_learned);
conformance!(lightgcn_plus_plus, B, light_gcn_plus_plus);
conformance!(ngcf_model, B, ngcf);
conformance!(matrix_factorization, B, mf);
