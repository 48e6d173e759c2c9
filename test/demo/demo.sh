#!/usr/bin/env bash
# The main job on real input: a recording of a real Falco 0.43.1 goes into two
# daemons with an embedded NATS each. The first gets it whole, as HTTP POSTs; the
# second reads it by Falco's own gRPC protocol while a second reader takes one alert
# away. The same gates are opened at both, and NATS has their verdicts: for a subscriber,
# for a durable consumer that comes later, and for whoever waits for a gate.
#
# Needs FALCOGATE and NATS, the paths of the two programs. Ports are free ones, and
# all that it starts it stops.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
recordings=$root/consumer/testdata/recordings
work=$(mktemp -d)
mkdir "$work/bin"
ln -s "$NATS" "$work/bin/nats" # as the examples call it
PATH=$work/bin:$PATH
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

# serve NAME FLAG...: starts a daemon and sets api, ingest and nats to its addresses.
serve() {
	local name=$1
	shift
	"$FALCOGATE" serve --listen 127.0.0.1:0 --ingest-listen 127.0.0.1:0 --nats-listen 127.0.0.1:0 \
		--data-dir "$work/$name" --log-format json "$@" 2>"$work/$name.log" &
	pids+=("$!")
	until_ok grep -q '"msg":"listening"' "$work/$name.log"
	address() { sed -n "s/.*\"msg\":\"listening\".*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/$name.log" | head -n 1; }
	ingest=http://$(address ingest)/
	export NATS_URL=$(address nats)
	export FALCOGATE_SERVER=http://$(address api)
}
# gate WANTED-EXIT-CODE ARGS...: opens a gate and waits for its verdict.
gate() {
	local want=$1 code=0
	shift
	show "falcogate gate open --wait $*"
	"$FALCOGATE" gate open --wait "$@" 2>"$work/progress.log" | tee "$work/answer.txt" || code=${PIPESTATUS[0]}
	echo "exit code $code"
	((code == want)) || die "expected exit code $want"
}
# heard N: the index has got to position N of the event log.
heard() { "$FALCOGATE" sensors -o json | grep -q "\"as_of\": $1,"; }

say "falcogate listens for Falco's alerts, and keeps them in an embedded NATS"
show "falcogate serve --data-dir data"
serve whole

say "Somebody subscribes to the verdicts with the NATS command line"
show "nats sub 'falcogate.verdict.>'"
nats sub 'falcogate.verdict.>' --count 2 --timeout 60s >"$work/events.log" 2>&1 &
subscriber=$!
pids+=("$subscriber")
until_ok grep -qi 'subscribing' "$work/events.log"

say "A recorded Falco sends its alerts and its heartbeat as HTTP POSTs; the recording ends now"
show "falcogate replay clean/http.jsonl.gz --http http://falcogate:2801/ --rebase --as-fast-as-possible"
"$FALCOGATE" replay "$recordings/clean/http.jsonl.gz" --http "$ingest" --rebase --as-fast-as-possible

say "A gate over the quiet namespace: it passes, because every alert that Falco raised is accounted for"
gate 0 -n shadow-clean --since 27s --until 6s --id deploy-7
grep -q '^  proven .*evidence=accounted' "$work/answer.txt" || die "the pass does not rest on evidence=accounted"

say "A gate over the namespace beside it, which did not keep quiet"
gate 1 -n shop --since 27s --until 6s --id deploy-8

say "What the subscriber got"
wait "$subscriber" || die "the subscriber did not get both verdicts"
cut -c 1-300 "$work/events.log" | sed 's/^\(.\{299\}.\)$/\1…/' # the payload is long

say "Who comes later gets them too, one after another, each once"
show "docs/examples/verdicts.sh 2"
"$root/docs/examples/verdicts.sh" 2

say "A script that waits for one gate"
show "docs/examples/await-verdict.sh deploy-8 shop"
code=0
"$root/docs/examples/await-verdict.sh" deploy-8 shop 60 || code=$?
echo "exit code $code"
((code == 1)) || die "expected exit code 1"

say "What the pass rests on"
verdict=$(sed -n 's/^ce-id: //p' "$work/events.log" | head -n 1)
show "falcogate explain $verdict"
"$FALCOGATE" explain "$verdict" | sed -n '/byte for byte/,$p'

say "The twin: the same Falco by gRPC, where a second reader takes one alert of the namespace beside it"
show "falcogate serve --data-dir twin --falco unix://falco.sock"
"$FALCOGATE" replay "$recordings/clean/grpc.jsonl.gz" --grpc "unix://$work/falco.sock" \
	--rebase --as-fast-as-possible --second-reader-takes 7 >"$work/twin-replay.txt" 2>"$work/replay.log" &
replay=$!
pids+=("$replay")
serve twin --falco "unix://$work/falco.sock"
wait "$replay" || die "the gRPC replay failed"
cat "$work/twin-replay.txt"
until_ok heard 33

say "The same gate: no alert in sight, and yet no pass, since nothing tells whose the missing one was"
gate 2 -n shadow-clean --since 27s --until 6s --id deploy-7 --deadline 2s
grep -q '^  alerts_missing: 1 ' "$work/answer.txt" || die "the verdict does not say alerts_missing: 1"

say "What is known of the sensor, and what to do"
show "falcogate sensors"
"$FALCOGATE" sensors
show "falcogate doctor"
"$FALCOGATE" doctor || true
