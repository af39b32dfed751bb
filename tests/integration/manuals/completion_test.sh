#!/usr/bin/env bash
# bash completes what leadctl takes: commands, options, states, names and ids.
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
here=$(cd "$(dirname "$0")" && pwd)
completion=$here/../../../tools/completion/leadctl

lines=()
wanted=()
completes() { # LINE WORDS: exactly these follow; asked by look
	lines+=("$1")
	wanted+=("$2")
}
look() { # one bash for all lines, as its start takes longest
	local got=() i
	(cd "$DIR" && printf '%s\n' "${lines[@]}" | bash --norc "$here/complete.bash" "$BIN" "$completion") >"$DIR/completed" 2>"$DIR/stderr" ||
		fail "completing fails: $(cat "$DIR/stderr")"
	[ ! -s "$DIR/stderr" ] || fail "completing says: $(cat "$DIR/stderr")"
	mapfile -t got <"$DIR/completed"
	for ((i = 0; i < ${#lines[@]}; i++)); do
		equal "${got[i]}" "${wanted[i]}" "${lines[i]}"
		said "${lines[i]} -> ${wanted[i]}"
	done
	lines=()
	wanted=()
}
# The words that leadctl allows, of "leadctl: state: there is no state "none"; pending, held or dead".
allowed() { # OPTION
	expect_exit 2 ctl list "$1" none
	sed -n '1s/.*"none"; //p' <<<"$ERR" | sed 's/, \| or / /g'
}

start_crm
write_config
export LEADRELAY_CONFIG=$DIR/none.yaml

# Without a configuration: what leadctl knows by itself, and silence for the rest.
commands=$("$BIN/leadctl" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | paste -sd ' ')
globals="--config --json --version --help"
completes "leadctl " "$commands"
completes "leadctl help " "$commands"
completes "leadctl stat" status
completes "leadctl --" "$globals"
completes "leadctl --json stat" status
completes "leadctl export --format " "csv jsonl"
completes "leadctl report --format=h" html
completes "leadctl list --state " "$(allowed --state)"
completes "leadctl list --reason " "$(allowed --reason)"
completes "leadctl notifications --state d" dead
completes "leadctl notifications " "list retry"
completes "leadctl replay x --set last" "last_name="
completes "leadctl replay x --set " "$("$BIN/leadctl" replay --help | sed -n '/^Fields:/,/^$/p' | sed 's/Fields://' | xargs | sed 's/ /= /g')="
completes "leadctl import x.csv --map Stand=cam" campaign
completes "leadctl show " ""
completes "leadctl validate " ""
completes "leadctl config keys intake.tl" "intake.tls.certificate intake.tls.key"
for command in $commands; do
	completes "leadctl $command --" "$globals $("$BIN/leadctl" "$command" --help | sed -n 's/^  \(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' | paste -sd ' ')"
done
wanted=("${wanted[@]% }")

# Files.
touch "$DIR/fair.csv"
completes "leadctl import fa" fair.csv
completes "leadctl --config leadr" leadrelay.yaml
completes "leadctl restore ./fa" ./fair.csv
look

# With a store: names and ids, of the configuration that the line names.
start_relay
accept_lead one@example.com
mv "$DIR/leadrelay.yaml" "$DIR/other.yaml"
completes "leadctl -c $DIR/other.yaml validate " "crm archive"
completes "leadctl --config=$DIR/other.yaml list --destination a" archive
completes "leadctl -c other.yaml destinations resume " "crm archive"
completes "leadctl -c other.yaml list --source w" website
completes "leadctl -c other.yaml show " "$ID"
completes "leadctl -c other.yaml replay $ID ${ID:0:8}" "$ID"
completes "leadctl -c other.yaml notifications retry " "$ID"
look
stop_relay
completes "leadctl -c other.yaml show " "$ID"
look
