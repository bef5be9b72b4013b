#!/usr/bin/env bash
# Builds and tests the preparation on a cluster (crates/lightgcn-cluster), a workspace of its own, without optimization:
# in this process, and on a scheduler and executors as processes on loopback.
# Usage: bash scripts/cluster.sh [--build]      (--build: without running the tests)
set -euo pipefail
cd "$(dirname "$0")/.."

manifest=crates/lightgcn-cluster/Cargo.toml
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/cluster" CARGO_INCREMENTAL=0
if [ "${1:-}" = --build ]; then
  exec cargo test --manifest-path "$manifest" --locked --no-run
fi
cargo fmt --manifest-path "$manifest" -- --check
cargo test --manifest-path "$manifest" --locked -- --test-threads 2
if command -v cargo-deny >/dev/null; then
  cargo deny --manifest-path "$manifest" check licenses bans sources
else
  echo "skipped: cargo-deny is not installed"
fi
