#!/usr/bin/env bash
# Checks the page: types, lints, that the committed bundle is up to date and small, and the tests in Chromium, against the mock and,
# if LIGHTGCN_BIN is set, against `lightgcn serve` with a small model trained here (or LIGHTGCN_MODEL).
#   CHROMIUM       the browser (default: /usr/bin/chromium)
#   LIGHTGCN_BIN   the lightgcn binary
#   LIGHTGCN_MODEL a trained model to serve
#   SKIP_BROWSER   if set, only types, lints and the bundle are checked
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== page: %s (%s s so far)\n' "$1" "$SECONDS"; }
tests() { node --test --test-concurrency=1 --test-reporter=spec test/e2e/; }

step "packages"
[ -d node_modules ] && [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund

step "types"
npx tsc --noEmit

step "lints"
npx biome check --error-on-warnings .

step "the bundle"
work="$(mktemp -d)"
serve_pid=""
cleanup() {
  [ -z "$serve_pid" ] || kill "$serve_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
npx vite build --outDir "$work/assets" --logLevel warn
diff -r "$work/assets" ../crates/lightgcn-serve/assets || {
  echo "crates/lightgcn-serve/assets is out of date: run npm run build and commit it" >&2
  exit 1
}
# What a visitor loads, compressed: 120 KB at most.
size="$(cat "$work"/assets/index.html "$work"/assets/assets/* | gzip -9 | wc -c)"
echo "the page has $size bytes, compressed"
if [ "$size" -gt 122880 ]; then
  echo "the page is larger than 120 KB: leave something out" >&2
  exit 1
fi

if [ -n "${SKIP_BROWSER:-}" ]; then
  echo "SKIP_BROWSER is set: skipping the tests in the browser"
  exit 0
fi

step "tests against the mock"
tests

if [ -z "${LIGHTGCN_BIN:-}" ]; then
  echo "LIGHTGCN_BIN is not set: skipping the tests against the real service"
  exit 0
fi

step "a model"
model="${LIGHTGCN_MODEL:-}"
if [ -z "$model" ]; then
  "$LIGHTGCN_BIN" generate --events 30000 --seed 7 --out "$work/log.csv" >"$work/make.log"
  node test/hostile-log.js "$work/log.csv"
  { "$LIGHTGCN_BIN" prepare "$work/log.csv" --out "$work/dataset" &&
    "$LIGHTGCN_BIN" train "$work/dataset" --out "$work/model" --epochs 8 --dimension 32 &&
    "$LIGHTGCN_BIN" evaluate "$work/model" "$work/dataset" --on-validation --json >"$work/evaluation.json"; } \
    >>"$work/make.log" 2>&1 || { cat "$work/make.log" >&2; exit 1; }
  mv "$work/evaluation.json" "$work/model.run/"
  model="$work/model"
fi

step "tests against lightgcn serve"
port="${PORT:-18473}"
export ADMIN_TOKEN="token-of-this-check"
LIGHTGCN_SERVE_IMPRESSIONS=true LIGHTGCN_SERVE_ADMIN__ON_PAGE=true LIGHTGCN_SERVE_ADMIN__TOKEN="$ADMIN_TOKEN" \
  "$LIGHTGCN_BIN" serve "$model" --bind "127.0.0.1:$port" --no-admin >"$work/serve.log" 2>&1 &
serve_pid=$!
for _ in $(seq 150); do
  if curl -fsS "http://127.0.0.1:$port/health/ready" >/dev/null 2>&1; then break; fi
  kill -0 "$serve_pid" 2>/dev/null || { cat "$work/serve.log" >&2; exit 1; }
  sleep 0.2
done
TARGET="http://127.0.0.1:$port/" tests || { tail -20 "$work/serve.log" >&2; exit 1; }

step "done"
