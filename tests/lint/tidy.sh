#!/usr/bin/env bash
# clang-tidy over the programs, with the checks of .clang-tidy.
# Usage: tidy.sh BUILD-DIRECTORY [--deep]
# --deep adds the path-sensitive analyzer: minutes, and it believes that uthash's lists end in freed memory, so its word on files that
# use them is to be read with care.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:?usage: tidy.sh BUILD-DIRECTORY [--deep]}
checks=(--checks=-clang-analyzer-*)
[ "${2:-}" = --deep ] && checks=()
status=0
found=$(find src tools/leadctl tools/rehearsal tests/bench -name '*.c' -print0 | xargs -0 -n 4 -P 2 clang-tidy -p "$build" --quiet \
	--warnings-as-errors='*' ${checks[@]+"${checks[@]}"} 2>/dev/null) || status=$?
grep -E '(error|warning): ' <<<"$found" | sort -u || true
[ $status -eq 0 ] && echo "clang-tidy finds nothing"
exit $status
