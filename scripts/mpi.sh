#!/usr/bin/env bash
# Trains by MPI on this machine, with two and four ranks, by tables split by user and by whole ones: one rank has the bytes
# of a plain run, the same number of ranks the same bytes twice, and all about the same figures; traffic and memory are those
# of docs/scale.md; a killed rank ends the job and leaves a whole checkpoint, which other numbers of ranks continue; ranks
# with other options, data or builds are refused.
# Usage: bash scripts/mpi.sh [BINARY]      (a build with the feature `mpi`; default: build one)
# Exit code 0 if every check passed or there is no MPI, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v mpirun >/dev/null || ! command -v mpicc >/dev/null; then
  echo "skipped: training by MPI needs mpirun and mpicc, such as Debian's openmpi-bin and libopenmpi-dev"
  exit 0
fi
if [ $# -gt 0 ]; then
  lightgcn="$(realpath "$1")"
else
  # With the features and so the dependencies of the tests: a build of its own would compile burn again. Any test of the
  # command brings the command.
  cargo test --workspace --features wgpu,object-store,otlp,mpi --locked --no-run --test same_bytes
  lightgcn="$(realpath "${CARGO_TARGET_DIR:-target}/debug/lightgcn")"
fi

failed=0
pass() { printf 'ok       %s\n' "$1"; }
fail() {
  printf 'FAILED   %s\n' "$1"
  failed=1
}
work="$(mktemp -d)"
# Called by trap.
# shellcheck disable=SC2329
cleanup() {
  if [ -n "${job:-}" ]; then kill "$job" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
cp "$lightgcn" lightgcn
export LIGHTGCN_DEVICE=cpu LIGHTGCN_THREADS=1
# Containers often forbid the system call that copies between processes.
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl=self,vader,tcp
mpi() { timeout 300 mpirun --allow-run-as-root --oversubscribe --bind-to none "$@"; }

./lightgcn generate --events 60000 --out shop.csv >/dev/null 2>&1
./lightgcn prepare shop.csv --out shop.dataset >/dev/null 2>&1
./lightgcn generate --events 20000 --seed 7 --out other.csv >/dev/null 2>&1
./lightgcn prepare other.csv --out other.dataset >/dev/null 2>&1

base=(train shop.dataset --epochs 4 --validate-every 2 --no-ranking --json)
options=("${base[@]}" --batch-size 256 --accumulate 4)
# Trains model $2 with $1 ranks by a command.
by_ranks() {
  local n="$1" model="$2"
  shift 2
  mpi -n "$n" "$@" --out "$model" >"$model.json" 2>"$model.log"
}
# The same with the usual options, and further ones.
ranks() {
  by_ranks "$1" "$2" ./lightgcn "${options[@]}" "${@:3}"
}
same() { diff -r "$1" "$2" >/dev/null; }
recall() { sed -n 's/.*"recall@20":\([0-9.]*\).*/\1/p' "$1.json"; }
# Whether $1 is within $3 of $2.
near() { awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN { d = a - b; exit !(a != "" && d <= most && -d <= most) }'; }

./lightgcn "${options[@]}" --out plain.model >plain.model.json 2>plain.model.log
if ranks 1 one.model && same plain.model one.model; then
  pass "one rank has the bytes of a plain run"
else
  fail "one rank has other bytes than a plain run: $(tail -n 3 one.model.log)"
fi
for n in 2 4; do
  if ranks "$n" "$n-a.model" -v && ranks "$n" "$n-b.model" && same "$n-a.model" "$n-b.model"; then
    pass "$n ranks have the same bytes twice"
  else
    fail "$n ranks: $(tail -n 3 "$n-a.model.log" "$n-b.model.log" 2>&1)"
    continue
  fi
  found="$(recall "$n-a.model")" expected="$(recall plain.model)"
  if near "$found" "$expected" 0.002; then
    pass "$n ranks have Recall@20 $found on validation, one process $expected"
  else
    fail "$n ranks have Recall@20 $found on validation, one process $expected"
  fi
  if [ "$(grep -c "epoch 4/4" "$n-a.model.log")" = 1 ] && [ "$(grep -c '"best_epoch"' "$n-a.model.json")" = 1 ]; then
    pass "one of $n ranks reports"
  else
    fail "several of $n ranks report"
  fi
done

# Traffic: all pairs in one step of two layers, so that every row has a gradient. With tables split by user, the model in
# bytes is 8 · 64 · (3 · m + 2 · b) · (R − 1) / R, of which at least some and at most all m items are in the batch; with
# whole tables (bf16_layers), it is 8 · 64 · n · (R − 1) / R. A rank whose users have not met an item sends no row for it to
# the item's owner, so with split tables as little as half of the model may be sent.
count() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" plain.model.json; }
pairs="$(count pairs)" users="$(count users)" items="$(count items)"
echo 'train.bf16_layers = true' >whole.toml
# Checks that rank 0 in job $1 of $2 ranks sent at least $5 % of the bytes of the model that it logs and about all at most,
# and that this model lies within $3 and $4.
sends() {
  local line sent dense
  # Without colors.
  line="$(sed -n '/gradients sent/{s/\x1b\[[0-9;]*m//g;p}' "$1.log")"
  sent="$(sed -n 's/.* bytes_per_step=\([0-9]*\).*/\1/p' <<<"$line")"
  dense="$(sed -n 's/.*dense_bytes_per_step=\([0-9]*\).*/\1/p' <<<"$line")"
  if [ -n "$dense" ] && [ "$dense" -ge "$3" ] && [ "$dense" -le "$4" ] &&
    [ $((100 * sent)) -ge $(($5 * dense)) ] && [ $((100 * sent)) -le $((110 * dense)) ]; then
    pass "$2 ranks: rank 0 sends $sent bytes a step, by the cost model $dense"
  else
    fail "$2 ranks: rank 0 sends $sent bytes a step, by the cost model $dense, from $3 to $4"
  fi
}
for n in 2 4; do
  step=(--layers 2 --batch-size $((pairs / n + 1)) --accumulate "$n" -v)
  by_ranks "$n" "$n-traffic.model" ./lightgcn "${base[@]}" "${step[@]}" || true
  row=$((8 * 64 * (n - 1) / n))
  sends "$n-traffic.model" "$n" "$((row * items * 3))" "$((row * items * 5))" 45
  by_ranks "$n" "$n-whole.model" ./lightgcn --config whole.toml "${base[@]}" "${step[@]}" || true
  sends "$n-whole.model" "$n" "$((row * (users + items)))" "$((row * (users + items)))" 90
  # Products of layers read 16 bits there.
  if near "$(recall "$n-whole.model")" "$(recall "$n-traffic.model")" 0.01; then
    pass "$n ranks have about the same Recall@20 with whole tables"
  else
    fail "$n ranks have Recall@20 $(recall "$n-traffic.model"), with whole tables $(recall "$n-whole.model")"
  fi
done

# Memory: with split tables, the last of four ranks needs less by three quarters of the users' rows in the table and the two
# moments, at least.
cat >peak.sh <<'END'
#!/usr/bin/env bash
# Runs a command, and writes the peak of its memory in KiB to a file.
"$@" &
while peak="$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$!/status" 2>/dev/null)" && [ -n "$peak" ]; do
  echo "$peak" >"peak.$OMPI_COMM_WORLD_RANK"
  sleep 0.02
done
wait "$!"
END
wide=(train shop.dataset --epochs 1 --no-ranking --json --dimension 256 --batch-size 1024)
# The peak of the last of four ranks, with further options.
peak() {
  rm -f peak.3
  by_ranks 4 "$1" bash peak.sh ./lightgcn "${@:2}" "${wide[@]}" || true
  cat peak.3 2>/dev/null || true
}
split="$(peak split-wide.model)" whole="$(peak whole-wide.model --config whole.toml)" less=$((users * 3 / 4 * 3))
if [ "${split:-0}" -gt 0 ] && [ $((${whole:-0} - split)) -ge "$less" ]; then
  pass "rank 3 of 4 has a peak of $split KiB, with whole tables $whole KiB: less by more than $less"
else
  fail "rank 3 of 4 has a peak of $split KiB, with whole tables $whole KiB: not less by $less"
fi

# A killed rank. The job has far more epochs than it gets to.
long=(train shop.dataset --batch-size 256 --accumulate 4 --patience 0 --checkpoint-every 1 --no-ranking --out killed.model)
mpirun --allow-run-as-root --oversubscribe --bind-to none -n 2 ./lightgcn "${long[@]}" --epochs 100000 >killed.log 2>&1 &
job=$!
for _ in $(seq 600); do
  [ ! -e killed.model.run/checkpoint/manifest.json ] || break
  sleep 0.1
done
sleep 1
# The last of the processes that mpirun started.
victim="$(cat "/proc/$job/task/"*/children | tr " " "\n" | grep . | tail -n 1)"
kill -9 "$victim"
# Ended by mpirun, not by the time limit.
for _ in $(seq 300); do
  kill -0 "$job" 2>/dev/null || break
  sleep 0.1
done
if kill -0 "$job" 2>/dev/null; then
  fail "the job goes on without a killed rank"
elif wait "$job"; then
  fail "the job succeeds without a killed rank"
elif compgen -G "killed.model" >/dev/null || compgen -G "killed.model.tmp-*" >/dev/null; then
  fail "the job with a killed rank leaves a model"
else
  pass "a killed rank ends the job, without a model"
fi
job=""
done_epochs="$(sed -n 's/^ *"epoch": \([0-9]*\).*/\1/p' killed.model.run/checkpoint/manifest.json | head -n 1)"
more="$((done_epochs + 2))"
cp -r killed.model.run elsewhere.run
resume() { mpi -n "$1" ./lightgcn "${long[@]:0:${#long[@]}-1}" "$2" --epochs "$more" --resume "${@:3}" >resume.log 2>&1; }
mpi -n 2 ./lightgcn "${long[@]:0:${#long[@]}-1}" whole.model --epochs "$more" >whole.log 2>&1
if resume 2 killed.model && same killed.model whole.model; then
  pass "its checkpoint of epoch $done_epochs is whole: two ranks continue it to the bytes of an uninterrupted run"
else
  fail "two ranks do not continue the checkpoint of a killed job: $(tail -n 3 resume.log whole.log)"
fi
if resume 4 four.model --run elsewhere.run; then
  pass "four ranks continue it"
else
  fail "four ranks do not continue the checkpoint of two: $(tail -n 3 resume.log)"
fi

# Ranks that differ: the words of the error in $1, rank 1's command in the others.
refused() {
  local words="$1"
  shift
  if mpi -n 1 ./lightgcn "${options[@]}" --out refused.model : -n 1 "$@" --out refused.model >refused.log 2>&1; then
    fail "ranks that differ are accepted: $*"
  elif ! grep -q "$words" refused.log; then
    fail "ranks that differ: $(grep error refused.log | head -n 3)"
  elif [ -e refused.model ] || [ -e refused.model.run/checkpoint ]; then
    fail "ranks that differ leave a model or a checkpoint"
  else
    pass "refused: $(grep -o "$words[^;]*" refused.log | head -n 1 | cut -c 1-90)"
  fi
}
refused "rank 1 differs from rank 0: its train.learning_rate is" ./lightgcn "${options[@]}" --learning-rate 0.01
refused "rank 1 differs from rank 0: its --refit is" ./lightgcn "${options[@]}" --refit
refused "rank 1 differs from rank 0: its data is" ./lightgcn train other.dataset "${options[@]:2}"
cp lightgcn rebuilt && echo >>rebuilt
refused "rank 1 differs from rank 0: its build is" ./rebuilt "${options[@]}"
# An error of one rank ends the job, whose other rank would wait for it.
refused "rank 1: .*missing.dataset" ./lightgcn train missing.dataset "${options[@]:2}"
exit "$failed"
