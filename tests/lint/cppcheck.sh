#!/usr/bin/env bash
# cppcheck over the programs (varFuncNullUB: log lines end with NULL, which POSIX makes a pointer). Usage: cppcheck.sh BUILD-DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches --suppress=varFuncNullUB --library=posix \
	-D_GNU_SOURCE -D__linux__ -Iinclude -j 2 src tools/leadctl tools/rehearsal
echo "cppcheck finds nothing"
