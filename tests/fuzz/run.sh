#!/usr/bin/env bash
# Runs the libFuzzer targets of a build with LEADRELAY_FUZZ, a few at a time.
#
#   run.sh BUILD SECONDS [TARGET...]     SECONDS each; all targets unless some are named
#
# JOBS (2) run at a time. What is found on the way is kept in BUILD/corpus and tried first the next time; an input that breaks a
# target goes to BUILD/findings. To keep either with the seeds: run.sh --merge BUILD [TARGET...], which adds to tests/fuzz/corpus the
# few inputs that reach something new.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
merge=
[ "${1:-}" = --merge ] && { merge=yes; shift; }
build=$(cd "${1:?usage: run.sh BUILD SECONDS [TARGET...]}" && pwd)
shift
[ -n "$merge" ] || { seconds=${1:?usage: run.sh BUILD SECONDS [TARGET...]}; shift; }
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
	for program in "$build"/tests/fuzz/fuzz_*; do
		[ -x "$program" ] && targets+=("${program##*/fuzz_}")
	done
fi
[ ${#targets[@]} -gt 0 ] || { echo "run.sh: no targets in $build: build its target 'fuzz' first" >&2; exit 1; }
# Inputs end where they end: strict_string_checks would ask strndup for a NUL behind them.
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

if [ -n "$merge" ]; then
	for target in "${targets[@]}"; do
		"$build/tests/fuzz/fuzz_$target" -merge=1 -max_len=2048 "$here/corpus/$target" "$build/corpus/$target" 2>&1 | grep -E 'MERGE-OUTER: [0-9]+ new files'
	done
	exit 0
fi

mkdir -p "$build/findings" "$build/fuzz-logs"
run_one() { # TARGET: its log ends with libFuzzer's figures
	local target=$1
	mkdir -p "$build/corpus/$target"
	exec "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -seed="${SEED:-0}" -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$build/findings/$target-" "$build/corpus/$target" "$here/corpus/$target" \
		>"$build/fuzz-logs/$target" 2>&1
}
running=()
failed=()
reap() { # the oldest one
	local target=${running[0]%% *} pid=${running[0]##* }
	wait "$pid" || failed+=("$target")
	running=("${running[@]:1}")
}
trap 'for one in ${running[@]+"${running[@]}"}; do kill "${one##* }" 2>/dev/null; done' EXIT
for target in "${targets[@]}"; do
	[ ${#running[@]} -lt "${JOBS:-2}" ] || reap
	run_one "$target" &
	running+=("$target $!")
done
while [ ${#running[@]} -gt 0 ]; do reap; done

total=0
for target in "${targets[@]}"; do
	executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz-logs/$target")
	printf '%-14s %12s executions\n' "$target" "${executions:-?}"
	total=$((total + ${executions:-0}))
done
for target in ${failed[@]+"${failed[@]}"}; do
	echo "--- $target failed; the input is in $build/findings:"
	tail -n 60 "$build/fuzz-logs/$target"
done
[ ${#failed[@]} -eq 0 ] || exit 1
echo "fuzz: ${#targets[@]} targets, $seconds s each, $total executions: fuzzing finds nothing"
