#!/usr/bin/env bash
# Shows that the simulation finds bugs: puts one at a time into a copy of the tree, builds it and runs seeds until one
# objects.
#
#   tests/sim/mutate.sh [--seeds K] [--only REGEX] [--keep]
#
#   --seeds K      at most K seeds for each (1500)
#   --only REGEX   the mutations whose names match
#   --keep         leave the copy (build/mutations) for the next run, which is then faster
#
# A mutation that no seed catches, that no longer fits the code or does not build is a failure. Exit: 0 all caught; 1 not; 2
# usage.
set -euo pipefail
cd "$(dirname "$0")/../.."

seeds=1500
only=.
keep=
while [ $# -gt 0 ]; do
	case "$1" in
	--seeds) seeds=${2:?--seeds needs a number}; shift ;;
	--only) only=${2:?--only needs a regular expression}; shift ;;
	--keep) keep=yes ;;
	-h | --help)
		sed -n '2,13s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		echo "mutate.sh: unknown argument '$1'; see --help" >&2
		exit 2
		;;
	esac
	shift
done

copy=build/mutations
failed=0
count=0

# Only what differs is copied: the next build takes the times of the files for what they are.
prepare() {
	local file
	git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
		[ -f "$file" ] && ! cmp -s "$file" "$copy/tree/$file" || continue
		mkdir -p "$copy/tree/$(dirname "$file")"
		cp "$file" "$copy/tree/$file"
	done
	cmake -S $copy/tree -B $copy/build -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
		-DCMAKE_C_FLAGS=-w >/dev/null
	cmake --build $copy/build --target leadrelay-sim >/dev/null
}

line() { # NAME RESULT WORDS
	printf '%-52s %-9s %s\n' "$1" "$2" "$3"
}

# judge NAME: builds the copy, runs it.
judge() {
	local name=$1 log=$copy/log status=0 seed
	if ! cmake --build $copy/build --target leadrelay-sim >$copy/build.log 2>&1; then
		line "$name" "NO BUILD" "see $copy/build.log"
		failed=$((failed + 1))
		return
	fi
	timeout 600 $copy/build/tests/sim/leadrelay-sim --seeds "$seeds" >$log 2>&1 || status=$?
	seed=$(sed -n 's/^seed \([0-9]*\),.*/\1/p' $log | head -n 1)
	case $status in
	1) line "$name" caught "seed $seed: $(sed -n 's/^seed [0-9]*, day [0-9]*: //p' $log | head -n 1 | cut -c 1-90)" ;;
	0)
		line "$name" SURVIVED "$seeds seeds"
		failed=$((failed + 1))
		;;
	124)
		line "$name" SURVIVED "ten minutes"
		failed=$((failed + 1))
		;;
	134 | 139) line "$name" caught "it crashes (status $status)" ;;
	*)
		line "$name" "NO END" "status $status: somebody ended it"
		failed=$((failed + 1))
		;;
	esac
}

# mutation NAME PERL-EXPRESSION FILE...: the expression has to change each of the files.
mutation() {
	local name=$1 expression=$2 file fits=yes
	shift 2
	[[ $name =~ $only ]] || return 0
	count=$((count + 1))
	for file in "$@"; do
		mkdir -p "$copy/clean/$(dirname "$file")"
		mv "$copy/tree/$file" "$copy/clean/$file"
		perl -0pe "$expression" "$copy/clean/$file" >"$copy/tree/$file"
		! cmp -s "$copy/clean/$file" "$copy/tree/$file" || fits=
	done
	if [ -n "$fits" ]; then
		judge "$name"
	else
		line "$name" "NO FIT" "the code has changed: $*"
		failed=$((failed + 1))
	fi
	for file in "$@"; do
		cp "$copy/clean/$file" "$copy/tree/$file"
	done
}

prepare
store=src/store
relay=src/relay

# ---- the disk ----
mutation 'commits are not synced' \
	's/synchronous = FULL/synchronous = OFF/; s/("PRAGMA synchronous", )"2"/$1"0"/' $store/db_open.c
mutation 'only checkpoints are synced' \
	's/synchronous = FULL/synchronous = NORMAL/; s/("PRAGMA synchronous", )"2"/$1"1"/' $store/db_open.c
mutation 'after a failed sync the WAL is trusted' \
	's/db_checkpoint\(db, DB_CHECKPOINT_TRUNCATE, NULL, err\);\n\n\tif \(code != ERR_OK && \(store/ERR_OK;\n\n\tif (code != ERR_OK && (store/' $store/disk.c
mutation 'a start trusts the WAL of the run before' \
	's/code = settle_wal\(store, &mine\);/(void)settle_wal;/' $store/store.c
mutation 'a torn end of the WAL is taken for damage' \
	's/\(next && next->linked && next->salted\) \|\| walk->head_only/1/' $store/wal.c
mutation 'a failed commit is told as success' \
	's/job->code = err->code;\n\t\tjob->err = \*err;/job->code = ERR_OK;/' $store/batch.c
mutation 'counters have a transaction of their own' \
	's/enum err_code code = db_write_tally\(db, err\);\n\n\tif \(code == ERR_OK && FAULT/enum err_code code = db_exec(db, "COMMIT", err);\n\n\tif (code == ERR_OK) code = db_exec(db, "BEGIN IMMEDIATE", err);\n\tif (code == ERR_OK) code = db_write_tally(db, err);\n\tif (code == ERR_OK && FAULT/' $store/db.c
mutation 'a fingerprint has a transaction of its own' \
	's/\tif \(found == FINGERPRINT_SAME\)\n/\tdb_exec(db, "COMMIT", err);\n\tdb_exec(db, "BEGIN IMMEDIATE", err);\n$&/' $store/accept.c
mutation 'fingerprints are forgotten' \
	's/code = fingerprint_take\(db, &key, job->now, found, err\);/code = ERR_OK;/' $store/accept.c
mutation 'an import calls its rows taken before they are' \
	's/\tif \(code == ERR_OK\)\n\t\tcode = take_rows\(importing, err\);/\timporting->state.taken += (int64_t)importing->job->count;\n\tput_state(importing->db, &importing->state, err);\n\tdb_exec(importing->db, "COMMIT", err);\n\tdb_exec(importing->db, "BEGIN IMMEDIATE", err);\n\timporting->state = before;\n$&/' $store/import.c
mutation 'retention takes what waits' \
	's/"SELECT id FROM delivery WHERE state = \?1 AND settled_at <= \?2"/"SELECT id FROM delivery WHERE state IN (?1, 1) AND coalesce(settled_at, due_at) <= ?2"/' $store/sql.c

# ---- intake ----
mutation 'answered before the commit' \
	's/\t\tanswer_stored\(request\);\n//; s/(\} else \{\n)\t\tanswer_unavailable\(request->in\);/$1/; s/request->intake->waiting\+\+;/$&\n\tanswer_stored(request);/' src/intake/intake.c

# ---- rules ----
mutation 'release delivers' \
	's/(\[DELIVERY_HELD\]\[DELIVERY_RELEASE\] = )DELIVERY_PENDING/$1DELIVERY_DELIVERED/' src/lead/delivery.c
mutation 'what is discarded can be replayed' \
	's/(\[DELIVERY_DEAD\]\[DELIVERY_REPLAY\] = DELIVERY_PENDING,)/$1\n\t[DELIVERY_DISCARDED][DELIVERY_REPLAY] = DELIVERY_PENDING,/' src/lead/delivery.c
mutation 'Retry-After is ignored' 's/if \(wait_ms <= 0\)\n\t\treturn retry_delay/if (1)\n\t\treturn retry_delay/' src/lead/health.c
mutation 'the timer of a probe is lost' \
	's/health->next_at = news->now \+ probe_wait\(news, nth\);/health->next_at = INT64_MAX;/' src/lead/health.c

# ---- destinations ----
mutation 'a 503 is taken for a refusal' 's/\{503, \{0, VERDICT_RETRY/{503, {0, VERDICT_REFUSED/' src/destinations/dynamics_errors.c
mutation 'a full CRM is taken for a refusal' \
	's/\{0x8004B057, VERDICT_ENVIRONMENT/{0x8004B057, VERDICT_REFUSED/' src/destinations/dynamics_errors.c
mutation 'the key is not sent' \
	's/if \(!update && !cJSON_AddStringToObject\(draft\.row, "leadid", id\)\)/if (0)/' src/destinations/dynamics_columns.c
mutation 'a 200 is taken for created' 's/(step->answer->status == 201 \|\|) step->answer->status == 204/$1 step->answer->status >= 200/' src/destinations/dynamics_answers.c

# ---- relay ----
mutation 'no answer is taken for delivered' \
	's/\tcase OUTCOME_UNKNOWN:\n//; s/\tcase OUTCOME_SKIPPED:\n/$&\tcase OUTCOME_UNKNOWN:\n/' $relay/settle.c
mutation '"retry few" has no end' 's/claimed->few \+ 1 >= RETRY_FEW_MAX/claimed->few < 0/' $relay/settle.c
mutation 'health is not stored' \
	's/settle->has_health = settle->has_health && lane->edition;/settle->has_health = false;/; s/if \(!lane->edition\) (\/\* its state[^\n]*)/$1/' $relay/settle.c $relay/news.c
mutation 'a fresh lead does not wake the relay' \
	's/window_news\(lane\);\n\trelay_wake\(relay\);/window_news(lane);/' $relay/relay.c
mutation 'the timer of a retry is lost' \
	's/if \(due_at < stream->scan_at\)/if (0)/; s/next_at = now \+ RESCAN_MS/next_at = INT64_MAX/; s/job->next_due_at > 0 && job->next_due_at < next_at/0/' $relay/window.c
mutation 'one delivery is claimed twice' \
	's/if \(entry_find\(lane, item->delivery\)\)\n\t\treturn true;//' $relay/window.c
mutation 'a pause does not stop who waits for a token' 's/step == STEP_SEND && is_paused\(attempt\)/0/' $relay/attempt.c
mutation 'what cannot be settled now is forgotten' \
	's/\tif \(!relay_answered\(job->code\) && !relay->cancelled\) \{\n\t\trelay->stalled = true;\n\t\treturn;\n\t\}\n//' $relay/settle.c

[ -n "$keep" ] || rm -rf $copy
if [ $count -eq 0 ]; then
	echo "mutate.sh: no mutation matches '$only'" >&2
	exit 2
fi
printf '%d of %d mutations caught\n' $((count - failed)) $count
[ $failed -eq 0 ]
