#!/usr/bin/env bash
# Measures this library on a machine's GPUs, and PyTorch beside it where it is installed.
#
#   benches/gpu.sh                 CUDA and Vulkan, on $LIGHTGCN_DATA/gowalla and the large made-up graph
#   benches/gpu.sh --small         a small made-up shop on whatever Vulkan there is, software included
#   benches/gpu.sh --build-only    build the stripped program and say where it is, for another machine
#
# Options: --program FILE (a program built elsewhere; nothing is built), --devices cuda,wgpu (which),
# --out FILE (the lines of JSON; default gpu-results.jsonl). Every figure is a line of JSON there, and a
# table follows on standard output. A device that is not there is said and passed over; if none is, the
# script fails.
set -euo pipefail
cd "$(dirname "$0")/.."

program="" devices="cuda,wgpu" out="gpu-results.jsonl" small=0 build_only=0
while [ $# -gt 0 ]; do
  case "$1" in
    --program) program="$2"; shift ;;
    --devices) devices="$2"; shift ;;
    --out) out="$2"; shift ;;
    --small) small=1 ;;
    --build-only) build_only=1 ;;
    *) sed -n '2,13p' "$0" >&2; exit 2 ;;
  esac
  shift
done

if [ -z "$program" ]; then
  cargo build --release --locked -p lightgcn --features wgpu,cuda --example gpu --config 'profile.release.strip=true'
  program="${CARGO_TARGET_DIR:-target}/release/examples/gpu"
fi
if [ "$build_only" = 1 ]; then
  ls -l "$program"
  exit 0
fi

: >"$out"
measured=0
# measure WHAT ARGUMENTS...: appends the lines of one run, or says why there are none.
measure() {
  local what="$1" lines errors
  shift
  lines="$(mktemp)" errors="$(mktemp)"
  echo "== $what" >&2
  if timeout "${LIMIT:-1200}" "$program" "$@" >"$lines" 2>"$errors"; then
    sed "s/^{/{\"run\":\"$what\",/" "$lines" >>"$out"
    measured=$((measured + 1))
  else
    echo "not measured: $(grep -i -m 1 '^error' "$errors" || tail -n 1 "$errors")" >&2
  fi
  rm -f "$lines" "$errors"
}

for device in ${devices//,/ }; do
  if [ "$small" = 1 ]; then
    # Correctness of the road, not speed: epochs of a few steps.
    measure "small $device" --device "$device" --synthetic 1200,500,9000 --dimension 16 --batch-size 1024 \
      --repeats 5 --epochs 2 --softmax-epochs 2
    continue
  fi
  if [ -n "${LIGHTGCN_DATA:-}" ] && [ -f "$LIGHTGCN_DATA/gowalla/train.txt" ]; then
    measure "gowalla $device" --device "$device" --data "$LIGHTGCN_DATA/gowalla" --softmax-epochs 16
  else
    echo "skipped: LIGHTGCN_DATA names no folder with gowalla/train.txt" >&2
  fi
  # The reference system's run: 1.64 million users, 54 thousand items, 10 million pairs.
  measure "large $device" --device "$device" --synthetic 1640000,54000,10000000 --dimension 90 --layers 5 \
    --batch-size 16384 --epochs 1 --train-only
done

if [ "$small" = 0 ] && [ -n "${LIGHTGCN_DATA:-}" ] && python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  echo "== PyTorch" >&2
  python3 benches/gpu_peers.py --data "$LIGHTGCN_DATA/gowalla" >>"$out" || echo "not measured: PyTorch" >&2
else
  echo "skipped: no PyTorch that sees a GPU, or no data" >&2
fi

if [ "$measured" = 0 ]; then
  echo "nothing was measured: no device of $devices could be used" >&2
  exit 1
fi
python3 - "$out" <<'PYTHON'
import json, sys

for line in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    if "name" in line:
        print(f"{line['run']:24} {line['name']:40} {line['value']:>16.6g} {line['unit']}")
PYTHON
