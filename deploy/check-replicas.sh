#!/usr/bin/env bash
# Runs two replicas of the service behind HAProxy with deploy/haproxy.cfg, on loopback, and checks that each user's events
# reach one replica, which answers for that user. Skips with one line if HAProxy or curl is not installed.
# Usage: bash deploy/check-replicas.sh [BINARY]      (default: target/release/lightgcn)
# Exit code 0 if every check passed or there is no HAProxy, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
pass() { printf 'ok       %s\n' "$1"; }
fail() {
  printf 'FAILED   %s\n' "$1"
  failed=1
}
for tool in haproxy curl; do
  if ! command -v "$tool" >/dev/null; then
    printf 'skipped  replicas behind a proxy: %s is not installed\n' "$tool"
    exit 0
  fi
done
binary="${1:-target/release/lightgcn}"
[ -x "$binary" ] || { fail "there is no binary at $binary"; exit 1; }
binary="$(realpath "$binary")"

work="$(mktemp -d)"
started=()
# Called by trap.
# shellcheck disable=SC2329
cleanup() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# The configuration, with free ports.
port=$((20000 + RANDOM % 20000))
sed -e "s/127.0.0.1:8080/127.0.0.1:$port/" -e "s/127.0.0.1:8101/127.0.0.1:$((port + 1))/" \
  -e "s/127.0.0.1:8102/127.0.0.1:$((port + 2))/" deploy/haproxy.cfg >"$work/haproxy.cfg"
if said="$(haproxy -c -f "$work/haproxy.cfg" 2>&1)"; then
  pass "haproxy -c -f deploy/haproxy.cfg"
else
  fail "haproxy -c -f deploy/haproxy.cfg: $said"
  exit 1
fi

# One model, two replicas.
"$binary" generate --events 4000 --out "$work/shop.csv" >/dev/null
"$binary" prepare "$work/shop.csv" --out "$work/shop.dataset" --split none >/dev/null 2>&1
"$binary" train "$work/shop.dataset" --out "$work/models/shop.model" --run "$work/run" \
  --epochs 1 --dimension 16 --device cpu >/dev/null 2>&1
serve() {
  "$binary" serve "$work/models/shop.model" --bind "127.0.0.1:$((port + 1 + $1))" --no-admin --workers 1 \
    --events "$work/events-$1.redb" >"$work/serve-$1.log" 2>&1 &
  server=$!
  started+=("$server")
}
ready() {
  for _ in $(seq 300); do
    if curl -fs -o /dev/null "http://127.0.0.1:$1/health/ready"; then return 0; fi
    sleep 0.1
  done
  return 1
}
serve 0
first=$server
serve 1
haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 &
started+=("$!")
for n in 1 2 0; do ready $((port + n)) || { fail "port $n is not ready: $(cat "$work"/*.log)"; exit 1; }; done
pass "two replicas and the proxy are ready"

through() { curl -sS --max-time 10 "http://127.0.0.1:$port$1" "${@:2}"; }
# The items of a user's history at replica $1.
history() { curl -sS --max-time 10 "http://127.0.0.1:$((port + 1 + $1))/v1/users/$2"; }
item="$(awk -F, 'NR == 2 { print $3 }' "$work/shop.csv")"
post() {
  local event="{\"events\":[{\"user\":\"$1\",\"item\":\"$item\",\"behavior\":\"purchase\",\"event_id\":\"$1\"}]}"
  through /v1/events -H 'Content-Type: application/json' -d "$event" "${@:2}"
}

# 40 new users buy an item: half of the posts name them in the header, half only in the body.
users=()
counts=(0 0)
for n in $(seq 40); do
  user="visitor $n/é"
  [ $((n % 2)) = 0 ] || user="90000$n"
  users+=("$user")
  if [ $((n % 4)) -lt 2 ]; then
    post "$user" -o /dev/null
  else
    post "$user" -H "X-User: $user" -o /dev/null
  fi
done
encoded() { printf '%s' "$1" | sed -e 's/ /%20/g' -e 's|/|%2F|g' -e 's/é/%C3%A9/g'; }
astray=0
unanswered=0
at=()
for user in "${users[@]}"; do
  id="$(encoded "$user")"
  here=()
  for n in 0 1; do
    if grep -q "\"$item\"" <<<"$(history "$n" "$id")"; then here+=("$n"); fi
  done
  if [ "${#here[@]}" = 1 ]; then
    counts[here[0]]=$((counts[here[0]] + 1))
    at+=("${here[0]}")
  else
    astray=$((astray + 1))
    at+=("none")
  fi
  # The owner's answer: from the events of the user, without the bought item.
  answer="$(through "/v1/recommendations/$id?k=5")"
  if ! grep -q '"fold_in"' <<<"$answer" || grep -q "\"item\":\"$item\"" <<<"$answer"; then
    unanswered=$((unanswered + 1))
  fi
done
if [ "$astray" = 0 ]; then pass "each of 40 users is at one replica: ${counts[0]} and ${counts[1]}"; else fail "$astray of 40 users are at no or both replicas"; fi
if [ "${counts[0]}" -gt 0 ] && [ "${counts[1]}" -gt 0 ]; then pass "both replicas have users"; else fail "a replica has no users"; fi
if [ "$unanswered" = 0 ]; then pass "the answers through the proxy use the events"; else fail "$unanswered of 40 answers do not use the events"; fi

# Requests by POST find the same replica; ids that are numbers need the header.
missed=0
for user in "${users[@]}"; do
  for body in "{\"user\":\"$user\"}" "{\"requests\":[{\"user\":\"$user\"}]}"; do
    answer="$(through /v1/recommendations -H 'Content-Type: application/json' -d "$body")"
    grep -q '"fold_in"' <<<"$answer" || missed=$((missed + 1))
  done
  case "$user" in *[!0-9]*) continue ;; esac
  answer="$(through /v1/recommendations -H 'Content-Type: application/json' -H "X-User: $user" -d "{\"user\":$user}")"
  grep -q '"fold_in"' <<<"$answer" || missed=$((missed + 1))
done
if [ "$missed" = 0 ]; then
  pass "requests by POST reach the user's replica"
else
  fail "$missed requests by POST do not reach the user's replica: $answer"
fi
status() { through "$@" -o /dev/null -w '%{http_code}'; }
code="$(status /v1/events -H 'Content-Type: application/json' -d '{"events":[]}')"
if [ "$code" = 400 ]; then pass "events without a user are refused"; else fail "events without a user: $code"; fi
code="$(status /v1/events -H 'Content-Type: application/json' -d '{"events":[{"user":541312140,"item":"1","behavior":"view"}]}')"
if [ "$code" = 400 ]; then pass "a number as id is refused without the header"; else fail "a number as id: $code"; fi
code="$(status /v1/catalogue -X PUT -H 'Content-Type: application/json' -d '[]')"
if [ "$code" = 421 ]; then pass "catalogue changes are refused"; else fail "catalogue changes: $code"; fi

# The first replica goes away: its users are answered by the other one, but their events are not stored there.
lost=""
kept=""
for n in "${!users[@]}"; do
  if [ "${at[n]}" = 0 ]; then lost="${users[n]}"; fi
  if [ "${at[n]}" = 1 ]; then kept="${users[n]}"; fi
done
kill -TERM "$first"
wait "$first" || true
code="$(status "/v1/recommendations/$(encoded "$lost")")"
if [ "$code" = 200 ]; then pass "the other replica answers for one that is down"; else fail "a user of the replica that is down: $code"; fi
code="$(post "$lost" -o /dev/null -w '%{http_code}')"
if [ "$code" = 503 ]; then pass "its events are refused with 503"; else fail "an event for the replica that is down: $code"; fi
code="$(post "$kept" -o /dev/null -w '%{http_code}')"
if [ "$code" = 200 ]; then pass "events of the other's users are stored"; else fail "an event for the replica that is up: $code"; fi

# It comes back: a repeated post is stored once.
serve 0
ready $((port + 1)) || fail "the replica does not come back"
for _ in 1 2; do
  code="$(post "$lost" -o "$work/answer" -w '%{http_code}')"
  if [ "$code" != 200 ]; then fail "an event after the restart: $code"; fi
done
if grep -q '"duplicates":1' "$work/answer"; then pass "after a restart the event is known"; else fail "the event is not known: $(cat "$work/answer")"; fi
answers_again() {
  for _ in $(seq 100); do
    if grep -q '"fold_in"' <<<"$(through "/v1/recommendations/$(encoded "$lost")")"; then return 0; fi
    sleep 0.2
  done
  return 1
}
if answers_again; then
  pass "and its replica answers again"
else
  fail "its replica does not answer again"
fi

# Every replica's events, exported, are all events.
rows=0
for n in 0 1; do
  "$binary" events export "$work/events-$n.redb" --out "$work/events-$n.csv" >/dev/null
  rows=$((rows + $(wc -l <"$work/events-$n.csv") - 1))
done
if [ "$rows" = 40 ]; then pass "the exports of both replicas have all 40 events"; else fail "the exports have $rows events, not 40"; fi
prepared="$("$binary" prepare "$work/shop.csv" "$work"/events-[01].csv --split none --out "$work/next.dataset" --json 2>&1)" || true
if grep -q '"rows_in":4040,' <<<"$prepared"; then
  pass "prepare reads the log and both exports"
else
  fail "prepare does not read the log and both exports: $prepared"
fi
exit "$failed"
