#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
time=${FUZZTIME:-20s}
found=0
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
	for target in $(grep -h --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
		echo "== $dir $target for $time"
		"$go" test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
		found=$((found + 1))
	done
done
((found > 0)) || { echo "no fuzz target found" >&2; exit 1; }
echo "$found fuzz targets ran"
