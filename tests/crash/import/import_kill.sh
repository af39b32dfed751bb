#!/usr/bin/env bash
# kill -9 at random moments of imports (import_kill.sh BIN KILLS [SEED]): every row is taken once, none is left out. Half of the
# kills hit leadctl while it works by itself or through the daemon, the other half the daemon under it.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
kills=$2
RANDOM=${3:-$(date +%s)}
echo "seed: ${3:-the time}, $kills kills"
CRM=http://127.0.0.1:1
write_config
sed -i 's|^destinations:|  - { name: fair, kind: csv, destinations: [archive] }\ndestinations:|' "$DIR/leadrelay.yaml"
mkdir -m 700 "$DIR/state"
RELAY_PID=0
rows=3000
python3 - "$DIR/fair.csv" $rows <<'PY'
import sys
with open(sys.argv[1], "w") as f:
    f.write("name,email,notes\n")
    for i in range(int(sys.argv[2])):
        # every 50th is rejected, the others hold what a reader may stumble over
        f.write(f',,"nobody {i}"\n' if i % 50 == 7 else f'L{i},l{i}@example.com,"a ""{i}"",\nb"\n')
PY
rejected=$((rows / 50))
valid=$((rows - rejected))
kept() { ctl export --format jsonl 2>/dev/null | jq -r .fields.email | grep -c @ || true; }
nap() { sleep "$(printf '0.%03d' $((RANDOM % 400)))"; } # from before it begins to when it is done, on a fast machine

runs() { [ "$RELAY_PID" -ne 0 ] && kill -0 "$RELAY_PID" 2>/dev/null; }

begin_import() {
	"$BIN/leadctl" -c "$DIR/leadrelay.yaml" --json import "$DIR/fair.csv" --source fair >"$DIR/out" 2>"$DIR/err" &
	IMPORT=$!
}

done_kills=0
round=0
while [ $done_kills -lt "$kills" ]; do
	round=$((round + 1))
	sed -i "s/^L\([0-9]*\)[^,]*,/L\1 round $round,/" "$DIR/fair.csv" # another file, and other leads
	victim=$((RANDOM % 3))
	[ $victim -eq 0 ] || { runs || start_relay; }
	[ $victim -ne 0 ] || ! runs || stop_relay
	for _ in 1 2 3; do
		[ $done_kills -lt "$kills" ] || break
		begin_import
		nap
		if [ $victim -eq 2 ]; then # the daemon; the import goes on by itself
			kill -KILL "$RELAY_PID" 2>/dev/null || true
			wait "$RELAY_PID" 2>/dev/null || true
			status=0
			wait "$IMPORT" || status=$?
			[ $status -eq 3 ] || fail "the import without its daemon: $status $(cat "$DIR/err")"
			done_kills=$((done_kills + 1))
			break
		fi
		kill -KILL "$IMPORT" 2>/dev/null || true
		wait "$IMPORT" 2>/dev/null || true
		done_kills=$((done_kills + 1))
	done
	expect_exit 3 ctl --json import "$DIR/fair.csv" --source fair
	[ "$(jq '.rows == '$rows' and .rejected == '$rejected' and .accepted + .duplicate == '$valid <<<"$OUT")" = true ] ||
		fail "round $round: $OUT"
	equal "$(kept)" $((valid * round)) "leads kept after round $round"
	ctl check >/dev/null || fail "round $round: the accounting"
done
said "$done_kills kills in $round rounds: every row was taken once"
