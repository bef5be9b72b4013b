#!/usr/bin/env bash
# Checks the deployment, as well as this machine allows: the unit with systemd, the container file with a builder or linter
# if there is one, a release binary by running it as an unprivileged user in an empty folder, the chart (check-chart.sh),
# and replicas behind a proxy (check-replicas.sh).
# Usage: bash deploy/check.sh [BINARY]      (default: target/release/lightgcn, built if missing)
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

binary="${1:-target/release/lightgcn}"
if [ ! -x "$binary" ]; then
  [ $# = 0 ] || { fail "there is no binary at $binary"; exit 1; }
  cargo build --release --locked -p lightgcn-cli
fi
binary="$(realpath "$binary")"
pass "binary: $(stat -c %s "$binary") bytes; with gzip $(gzip -c "$binary" | wc -c)"

work="$(mktemp -d)"
server=""
# Called by trap.
# shellcheck disable=SC2329
cleanup() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

# The unit, with the path of an existing binary.
if command -v systemd-analyze >/dev/null; then
  mkdir "$work/unit"
  sed "s|/usr/local/bin/lightgcn|$binary|" deploy/lightgcn.service >"$work/unit/lightgcn.service"
  if said="$(systemd-analyze verify "$work/unit/lightgcn.service" 2>&1)" && [ -z "$said" ]; then
    pass "systemd-analyze verify deploy/lightgcn.service"
  else
    fail "systemd-analyze verify deploy/lightgcn.service: $said"
  fi
  if level="$(systemd-analyze security --offline=yes --threshold=20 "$work/unit/lightgcn.service" 2>&1 | tail -n 1)"; then
    pass "systemd-analyze security:${level#*→}"
  else
    fail "systemd-analyze security: $level"
  fi
else
  skip "the unit: systemd-analyze is not installed"
fi

# The container file.
if command -v hadolint >/dev/null; then
  if hadolint deploy/Containerfile; then pass "hadolint deploy/Containerfile"; else fail "hadolint deploy/Containerfile"; fi
else
  skip "hadolint: it is not installed"
fi
built=""
for builder in podman docker; do
  if command -v "$builder" >/dev/null && "$builder" info >/dev/null 2>&1; then
    if "$builder" build -q -f deploy/Containerfile -t lightgcn-check . >/dev/null; then
      pass "$builder builds deploy/Containerfile"
    else
      fail "$builder builds deploy/Containerfile"
    fi
    built=1
    break
  fi
done
[ -n "$built" ] || skip "the image: neither podman nor docker is available"
# Without a builder: the image runs as an unprivileged user.
user="$(awk '$1 == "USER" { user = $2 } END { print user }' deploy/Containerfile)"
case "$user" in
  "" | root | 0 | 0:*) fail "the image runs as ${user:-root}" ;;
  *) pass "the image runs as $user" ;;
esac

# The binary: a model from a synthetic shop, then the service as nobody, in an empty folder that it cannot write to and
# with an empty environment.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs"
else
  as_nobody=""
  skip "another user: needs root and setpriv; the binary runs as $(id -un)"
fi
(
  cd "$work"
  "$binary" generate --events 4000 --out shop.csv >/dev/null
  "$binary" prepare shop.csv --out shop.dataset --split none >/dev/null 2>&1
  "$binary" train shop.dataset --out models/shop.model --run run --epochs 1 --dimension 16 --device cpu >/dev/null 2>&1
)
install -m 755 "$binary" "$work/lightgcn"
mkdir -m 555 "$work/empty"
mkdir "$work/state"
if [ -n "$as_nobody" ]; then chown 65534:65534 "$work/state"; fi
chmod 755 "$work"
user="$(awk -F, 'NR == 2 { print $8 }' "$work/shop.csv")"
item="$(awk -F, 'NR == 2 { print $3 }' "$work/shop.csv")"
port=$((20000 + RANDOM % 20000))
start() {
  # $as_nobody is a command with options.
  # shellcheck disable=SC2086
  (cd "$work/empty" && exec env -i $as_nobody "$work/lightgcn" serve "$work/models/shop.model" \
    --bind "127.0.0.1:$port" --admin-bind "127.0.0.1:$((port + 1))" --events "$work/state/events.redb") \
    >"$work/out" 2>"$work/err" &
  server=$!
  for _ in $(seq 100); do
    if curl -fs -o "$work/ready" "http://127.0.0.1:$port/health/ready"; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  return 1
}
ask() { curl -fsS --max-time 5 "http://127.0.0.1:$port$1" "${@:2}"; }
if start; then
  pass "the service is ready in an empty folder that it cannot write to"
  owner="$(stat -c %u "/proc/$server")"
  if [ -z "$as_nobody" ] || [ "$owner" = 65534 ]; then pass "its user is $owner"; else fail "its user is $owner"; fi
  if ask "/v1/recommendations/$user?k=5" | grep -q '"model_version"'; then
    pass "it recommends"
  else
    fail "it does not recommend"
  fi
  event="{\"events\":[{\"user\":\"check\",\"item\":\"$item\",\"behavior\":\"view\"}]}"
  if ask /v1/events -H 'Content-Type: application/json' -d "$event" | grep -q '"accepted":1'; then
    pass "it stores an event"
  else
    fail "it does not store an event"
  fi
  kill -KILL "$server"
  wait "$server" 2>/dev/null || true
  if start && ask /v1/users/check | grep -q "\"$item\""; then
    pass "the event survives kill -9"
  else
    fail "the event is lost after kill -9: $(cat "$work/err")"
  fi
  kill -TERM "$server"
  if wait "$server"; then pass "it exits with 0 on SIGTERM"; else fail "it exits with $? on SIGTERM"; fi
  server=""
  if [ -z "$(ls -A "$work/empty")" ]; then pass "the folder is still empty"; else fail "it wrote to its folder"; fi
else
  fail "the service does not start: $(cat "$work/err")"
fi

# The chart, and replicas behind HAProxy; both print their own lines.
bash deploy/check-chart.sh "$binary" || failed=1
bash deploy/check-replicas.sh "$binary" || failed=1
exit "$failed"
