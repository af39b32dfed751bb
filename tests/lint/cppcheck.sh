#!/usr/bin/env bash
# cppcheck over the programs; tests/lint/cppcheck.suppress names what it gets wrong, and why.
set -euo pipefail
cd "$(dirname "$0")/../.."
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppressions-list=tests/lint/cppcheck.suppress --library=posix \
	-D_GNU_SOURCE -D__linux__ -Iinclude -j 2 src tools/leadctl tools/rehearsal tests/bench
echo "cppcheck finds nothing"
