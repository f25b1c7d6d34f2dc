#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes docs/drop-reasons.md: the reasons of bpf/abi/reasons.h, where the code gives them, and the
# advice of docs/drop-reasons.in. Fails when a reason has no advice, or an advice no reason.
#
#	drop-reasons.sh			writes the page
#	drop-reasons.sh --check		fails when the page is not what it would write
set -euo pipefail
cd "$(dirname "$0")/.."

page=docs/drop-reasons.md
advice=docs/drop-reasons.in
new=$(mktemp)
trap 'rm -f "$new" "$new.list"' EXIT

# "KIND name meaning", a line each. The preprocessor puts a list of any length on one line.
list() {
	printf '%s\n' '#include "bpf/abi/reasons.h"' '#define LINE(kind, name, text) @@kind name text' \
		'TP_REASONS(LINE)' |
		${CC:-cc} -E -P -I. -x c - | sed 's/@@/\n@@/g' |
		sed -nE 's/^@@ ?([A-Z]+) ([a-z0-9_]+) *"(.*)" *$/\1 \2 \3/p'
}

given_in() { # KIND NAME DIRECTORY
	grep -rqE "\bTP_$1_$2\b|\bREFUSED\($2\)" "$3"
}

# Where the code gives a reason: the XDP program, the daemon, or both.
where() { # KIND NAME
	local in=
	given_in "$1" "$2" bpf/lib && in=XDP
	given_in "$1" "$2" relay && in=${in:+$in, }daemon
	[ -n "$in" ] || { echo "$2: no code gives this reason" >&2; return 1; }
	echo "$in"
}

advice_of() { # NAME
	local text
	text=$(sed -nE "s/^$1:[[:space:]]*(.*)/\1/p" $advice)
	[ -n "$text" ] || { echo "$advice: no advice for $1" >&2; return 1; }
	echo "$text"
}

rows() { # KIND
	local kind name text in what
	echo
	echo '| reason | counted by | meaning | what to do |'
	echo '|---|---|---|---|'
	while read -r kind name text; do
		[ "$kind" = "$1" ] || continue
		in=$(where "$kind" "$name") || return
		what=$(advice_of "$name") || return
		echo "| \`$name\` | $in | $text | $what |"
	done <"$new.list"
}

# The text above the advice, with @PASS@, @ANSWER@ and @DROP@ where a kind's table goes.
write_page() {
	local line
	while IFS= read -r line; do
		case $line in
		@*@) line=${line#@}; rows "${line%@}" || return ;;
		*) echo "$line" ;;
		esac
	done < <(sed -n '1,/^--- advice ---$/{/^#! /d;/^--- advice ---$/d;p}' $advice)
}

unused_advice() {
	local name
	sed '1,/^--- advice ---$/d' $advice | sed -nE 's/^([a-z0-9_]+):.*/\1/p' | while read -r name; do
		grep -qE "^[A-Z]+ $name " "$new.list" || echo "$advice: $name is no reason" >&2
	done
}

list >"$new.list"
[ -s "$new.list" ] || { echo "no reasons found in bpf/abi/reasons.h" >&2; exit 1; }
complaint=$(unused_advice 2>&1)
[ -z "$complaint" ] || { echo "$complaint" >&2; exit 1; }
write_page >"$new"
if [ "${1:-}" = --check ]; then
	cmp -s "$new" $page && exit
	echo "$page is not current: run scripts/drop-reasons.sh" >&2
	exit 1
fi
install -m 644 "$new" $page
