#!/usr/bin/env bash
# Every C file is as clang-format 14 leaves it.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
echo "the formatting is clean"
