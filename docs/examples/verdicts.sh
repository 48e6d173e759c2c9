#!/bin/sh
# Reads verdicts, and what contradicts them, one after another and each once: what came
# while this did not run comes at its next start. The consumer's place is kept by NATS,
# under CONSUMER; two that run under one name share the work.
#
# usage: verdicts.sh [COUNT]    ends after COUNT; never without
# Needs the nats command line (https://github.com/nats-io/natscli), which takes the server
# and the login from NATS_URL, NATS_CREDS and the like.
set -eu
consumer=${CONSUMER:-deployer}
subjects=${SUBJECTS:-falcogate.verdict.>}
left=${1:--1}

until nats consumer info FALCOGATE_VERDICTS "$consumer" >/dev/null 2>&1 ||
	nats consumer add FALCOGATE_VERDICTS "$consumer" --pull --filter "$subjects" \
		--deliver all --ack explicit --max-deliver=-1 --replay instant --defaults >/dev/null; do
	sleep 1 # the server is away, or there is no verdict stream yet
done

while [ "$left" -ne 0 ]; do
	# It is acknowledged once it was read here.
	if ! event=$(nats consumer next FALCOGATE_VERDICTS "$consumer" --timeout 60s 2>/dev/null); then
		sleep 1 # none came in that time, or the server is away
		continue
	fi
	subject=$(printf '%s\n' "$event" | sed -n 's/^.* subj: \([^ ]*\) .*/\1/p' | head -n 1)
	id=$(printf '%s\n' "$event" | sed -n 's/^  ce-id: //p' | head -n 1)
	case $subject in
	*.pass) echo "$subject $id: go on" ;;
	*.fail) echo "$subject $id: roll back" ;;
	*.contradiction) echo "$subject $id: a pass was contradicted, look at it" ;;
	*) echo "$subject $id: not known, hold" ;;
	esac
	left=$((left - 1))
done
