#!/usr/bin/env bash
# Checks that a crate outside the workspace, with burn's default features and wgpu (which switch
# operation fusion on), compiles against the facade: features unify over a program. Takes a while, since
# it builds burn again in its own folder.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<TOML
[package]
name = "outside"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.21.0", features = ["wgpu", "autodiff"] }
lightgcn = { path = "$root/crates/lightgcn", features = ["wgpu", "fusion"] }

[workspace]
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::backend::{Autodiff, Wgpu};
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use lightgcn::kernels::{CsrSlices, SparseBackend, SparseMatrix, propagate};
use lightgcn::nn::{EmbeddingModel, ForwardMode, Graphs, LightGcn, LightGcnConfig};
use lightgcn::nn::{ModelConfig, NodeCounts};

/// A burn model around our propagation.
#[derive(Module, Debug)]
struct Mine<B: Backend> {
    inner: LightGcn<B>,
}

impl<B: SparseBackend> Mine<B> {
    fn forward(&self, graphs: &Graphs<B>) -> Tensor<B, 2> {
        let out = self.inner.embeddings(graphs, ForwardMode::Inference);
        propagate(graphs.first(), out, &[0.5, 0.5])
    }
}

/// With burn's default features this backend is fused.
fn on_the_gpu(device: &<Wgpu as burn::tensor::backend::BackendTypes>::Device) {
    type B = Autodiff<Wgpu>;
    let csr = CsrSlices {
        n_columns: 2,
        row_offsets: &[0, 1, 2],
        columns: &[1, 0],
        values: &[1.0, 1.0],
    };
    let graph = SparseMatrix::<B>::from_csr(csr, true, device).expect("a valid matrix");
    let nodes = NodeCounts::new(1, 1).expect("valid counts");
    let inner = LightGcnConfig::default().init::<B>(&nodes, 1, device).expect("a valid model");
    println!("{:?}", Mine { inner }.forward(&graph.into()).dims());
}

fn main() {
    if std::env::args().len() > 1 {
        on_the_gpu(&Default::default());
    }
}
RUST
cp "$root/Cargo.lock" "$folder/Cargo.lock"
export CARGO_TARGET_DIR="${OUTSIDE_TARGET_DIR:-$folder/target}"
cargo check --manifest-path "$folder/Cargo.toml"
echo "a crate outside the workspace compiles against the facade"
