#!/usr/bin/env bash
# clang-tidy over the programs, with the checks of .clang-tidy. Usage: tidy.sh BUILD-DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:?usage: tidy.sh BUILD-DIRECTORY}
find src tools/leadctl tools/rehearsal -name '*.c' -print0 |
	xargs -0 -n 6 -P 2 clang-tidy -p "$build" --quiet --warnings-as-errors='*' 2>/dev/null
echo "clang-tidy finds nothing"
