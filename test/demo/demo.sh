#!/usr/bin/env bash
# The main job on real input: two recordings of a real Falco 0.43.1 go through
# Falco's own gRPC protocol and through HTTP POSTs into a running daemon with an
# embedded NATS; two gates are asked; a NATS subscriber prints the verdicts.
#
# Needs FALCOGATE and NATS, the paths of the two programs. Ports are free ones, and
# all that it starts it stops.
set -euo pipefail
recordings=$(cd "$(dirname "$0")/../../consumer/testdata/recordings" && pwd)
work=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; }
die() { echo "demo: $*" >&2; tail -n 20 "$work"/*.log >&2; exit 1; }
# until COMMAND...: waits at most 60 s for COMMAND to succeed.
until_ok() {
	local deadline=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || die "gave up waiting for: $*"
		sleep 0.1
	done
}

say "A recorded Falco serves its gRPC output on a unix socket"
show "falcogate replay alert/grpc.jsonl.gz --grpc unix://falco.sock --rebase --as-fast-as-possible"
"$FALCOGATE" replay "$recordings/alert/grpc.jsonl.gz" --grpc "unix://$work/falco.sock" \
	--rebase --as-fast-as-possible -o json >"$work/grpc-summary.json" 2>"$work/replay.log" &
replay=$!
pids+=("$replay")

say "falcogate reads it, listens for HTTP alerts, and keeps its log in an embedded NATS"
show "falcogate serve --falco unix://falco.sock --data-dir data"
"$FALCOGATE" serve --listen 127.0.0.1:0 --ingest-listen 127.0.0.1:0 --nats-listen 127.0.0.1:0 \
	--data-dir "$work/data" --falco "unix://$work/falco.sock" --log-format json 2>"$work/serve.log" &
pids+=("$!")
until_ok grep -q '"msg":"listening"' "$work/serve.log"
address() { sed -n "s/.*\"msg\":\"listening\".*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/serve.log" | head -n 1; }
api=http://$(address api)
ingest=http://$(address ingest)/
nats=$(address nats)
export FALCOGATE_SERVER=$api

say "Somebody subscribes to the verdicts with the NATS command line"
show "nats sub 'falcogate.verdict.>'"
"$NATS" --server "$nats" sub 'falcogate.verdict.>' --count 2 --timeout 60s >"$work/events.log" 2>&1 &
subscriber=$!
pids+=("$subscriber")
until_ok grep -qi 'subscribing' "$work/events.log"

wait "$replay" || die "the gRPC replay failed"
cat "$work/grpc-summary.json"

say "The recording of another namespace comes as HTTP POSTs, as from Falco 0.44"
show "falcogate replay clean/http.jsonl.gz --http http://falcogate:2801/ --rebase --as-fast-as-possible"
"$FALCOGATE" replay "$recordings/clean/http.jsonl.gz" --http "$ingest" --rebase --as-fast-as-possible -o json

gate() { # gate WANTED-EXIT-CODE ARGS...
	local want=$1 code=0
	shift
	show "falcogate check $*"
	"$FALCOGATE" check "$@" || code=$?
	echo "exit code $code"
	((code == want)) || die "expected exit code $want"
}

say "A gate over the namespace that misbehaved: fail, with its alerts"
gate 1 -n shadow-bad --since 5m --severity warning --publish

say "A gate over the quiet one: no alert, and no proof yet that none was missed"
gate 2 -n shadow-clean --since 5m --severity warning --publish

say "The same, for somebody who trusts silence"
gate 0 -n shadow-clean --since 5m --severity warning --evidence none

say "What the subscriber got"
wait "$subscriber" || die "the subscriber did not get both verdicts"
cut -c 1-300 "$work/events.log" | sed 's/^\(.\{299\}.\)$/\1…/' # the payload is long

say "What is known of the sensors"
show "falcogate sensors"
"$FALCOGATE" sensors
