#!/bin/sh
# Waits for the verdict of a gate, and ends with falcogate's exit codes: 0 pass, 1 fail,
# 2 inconclusive or no verdict in that time, 3 wrong usage.
#
# usage: await-verdict.sh GATE NAMESPACE [SECONDS]
# Needs the nats command line, which takes the server and the login from NATS_URL,
# NATS_CREDS and the like.
set -eu
if [ $# -lt 2 ]; then
	echo "usage: await-verdict.sh GATE NAMESPACE [SECONDS]" >&2
	exit 3
fi
gate=$1 namespace=$2 deadline=$(($(date +%s) + ${3:-3600}))
consumer=await-$(printf %s "$gate" | tr . -)

while [ "$(date +%s)" -lt "$deadline" ]; do
	if ! nats consumer info FALCOGATE_VERDICTS "$consumer" >/dev/null 2>&1 &&
		! nats consumer add FALCOGATE_VERDICTS "$consumer" --pull --filter "falcogate.verdict.$namespace.*" \
			--deliver all --ack explicit --replay instant --inactive-threshold 1h --defaults >/dev/null 2>&1; then
		sleep 1 # the server is away
		continue
	fi
	event=$(nats consumer next FALCOGATE_VERDICTS "$consumer" --timeout 5s 2>/dev/null) || continue
	# In JSON every quote within a text has a backslash, so this stands nowhere else.
	case $event in
	*'"contradicts":{'*) continue ;;
	*"\"gate\":{\"id\":\"$gate\""*) ;;
	*) continue ;;
	esac
	subject=$(printf '%s\n' "$event" | sed -n 's/^.* subj: \([^ ]*\) .*/\1/p' | head -n 1)
	echo "gate $gate: ${subject##*.}"
	case $subject in
	*.pass) exit 0 ;;
	*.fail) exit 1 ;;
	*) exit 2 ;;
	esac
done
echo "gate $gate: no verdict in time" >&2
exit 2
