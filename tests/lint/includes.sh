#!/usr/bin/env bash
# Includes point one way: a room may include the headers of the rooms named here and nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A room_of allowed
for pair in base:"buf clock err fault histogram json log text uuid" lead:"delivery health lead route schedule settings zone" \
	store:"batches counters figures forget keep mails reader samples store" net:"http_client http_server mail mailbox mime" notify:compose report:report destinations:"destination token" intake:"csv intake" \
	relay:relay control:"control import" admin:"admin metrics" daemon:config; do
	for header in ${pair#*:}; do room_of[$header]=${pair%%:*}; done
done
allowed[base]="base"
allowed[lead]="base lead"
allowed[store]="base lead store"
allowed[net]="base lead net"
allowed[notify]="base lead notify"
allowed[report]="base lead store report"
allowed[destinations]="base lead store net notify destinations" # of store: mails.h, plain values
allowed[intake]="base lead store net intake"
allowed[relay]="base lead store net notify destinations relay"
allowed[control]="base lead store net notify report destinations intake relay control daemon" # of daemon: config.h, plain values
allowed[admin]="base lead store net notify report destinations intake relay control admin daemon" # of daemon: config.h, plain values
allowed[daemon]="base lead store net notify report destinations intake relay control admin daemon"
allowed[leadctl]="base lead store net notify report destinations intake relay control daemon"

bad=0
complain() {
	echo "$1"
	bad=$((bad + 1))
}
check() { # ROOM FILE
	local header room
	while read -r header; do
		room=${room_of[$header]:-}
		if [ -z "$room" ]; then
			complain "$2: leadrelay/$header.h belongs to no room: name it in tests/lint/includes.sh"
		elif [[ " ${allowed[$1]} " != *" $room "* ]]; then
			complain "$2: room $1 must not include leadrelay/$header.h of room $room"
		fi
	done < <(sed -n 's,^#include [<"]leadrelay/\([a-z0-9_]*\)\.h[">].*,\1,p' "$2")
	if grep -nE '^#include "\.\./' "$2"; then
		complain "$2: includes through .. reach into another room"
	fi
	return 0
}

for dir in src/*/ tools/leadctl/; do
	room=$(basename "$dir")
	[ -n "${allowed[$room]:-}" ] || {
		complain "$dir: a room that tests/lint/includes.sh does not know"
		continue
	}
	while read -r file; do check "$room" "$file"; done < <(find "$dir" -name '*.[ch]')
done
for header in include/leadrelay/*.h; do
	name=$(basename "$header" .h)
	[ -n "${room_of[$name]:-}" ] || {
		complain "$header: belongs to no room: name it in tests/lint/includes.sh"
		continue
	}
	check "${room_of[$name]}" "$header"
	printf '#include "leadrelay/%s.h"\n' "$name" |
		gcc -std=c17 -D_GNU_SOURCE -Iinclude -fsyntax-only -Wall -Wextra -x c - ||
		complain "$header: does not compile alone"
done
# SQL stands in one table; SQLite is the store's alone.
while read -r file; do
	complain "$file: sqlite3.h outside src/store"
done < <(grep -lE '#include <sqlite3\.h>' -r src tools --include='*.[ch]' | grep -v '^src/store/' || true)
[ $bad -eq 0 ] && echo "the include check finds nothing"
