#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes docs/drop-reasons.md and docs/gateway-drop-reasons.md: the reasons of bpf/abi/reasons.h and
# bpf/abi/gateway_reasons.h, where the code gives them, and the advice of the .in file beside each
# page. Fails when a reason has no advice, or an advice no reason.
#
#	drop-reasons.sh			writes the pages
#	drop-reasons.sh --check		fails when a page is not what it would write
set -euo pipefail
cd "$(dirname "$0")/.."

new=$(mktemp)
trap 'rm -f "$new" "$new.list"' EXIT

# "KIND name meaning", a line each. The preprocessor puts a list of any length on one line.
list() {
	printf '%s\n' "#include \"$header\"" '#define LINE(kind, name, text) @@kind name text' \
		"$macro(LINE)" |
		${CC:-cc} -E -P -I. -x c - | sed 's/@@/\n@@/g' |
		sed -nE 's/^@@ ?([A-Z]+) ([a-z0-9_]+) *"(.*)" *$/\1 \2 \3/p'
}

given_in() { # KIND NAME DIRECTORY
	grep -rqE "\bTP_$1_$2\b|\bREFUSED\($2\)" "$3"
}

# Where the relay's code gives a reason: the XDP program, the daemon, or both.
where() { # KIND NAME
	local in=
	given_in "$1" "$2" bpf/lib/relay && in=XDP
	given_in "$1" "$2" relay && in=${in:+$in, }daemon
	[ -n "$in" ] || { echo "$2: no code gives this reason" >&2; return 1; }
	echo "$in"
}

advice_of() { # NAME
	local text
	text=$(sed -nE "s/^$1:[[:space:]]*(.*)/\1/p" "$advice")
	[ -n "$text" ] || { echo "$advice: no advice for $1" >&2; return 1; }
	echo "$text"
}

# The gateway's reasons are its programs' alone: its table has no column for who counts.
rows() { # KIND
	local kind name text in= what
	echo
	echo "| reason | ${column:+$column | }meaning | what to do |"
	echo "|---|${column:+---|}---|---|"
	while read -r kind name text; do
		[ "$kind" = "$1" ] || continue
		[ -z "$column" ] || in=$(where "$kind" "$name") || return
		what=$(advice_of "$name") || return
		echo "| \`$name\` | ${column:+$in | }$text | $what |"
	done <"$new.list"
}

# The text above the advice, with @PASS@, @ANSWER@ and so on where a kind's table goes.
write_page() {
	local line
	while IFS= read -r line; do
		case $line in
		@*@) line=${line#@}; rows "${line%@}" || return ;;
		*) echo "$line" ;;
		esac
	done < <(sed -n '1,/^--- advice ---$/{/^#! /d;/^--- advice ---$/d;p}' "$advice")
}

unused_advice() {
	local name
	sed '1,/^--- advice ---$/d' "$advice" | sed -nE 's/^([a-z0-9_]+):.*/\1/p' | while read -r name; do
		grep -qE "^[A-Z]+ $name " "$new.list" || echo "$advice: $name is no reason" >&2
	done
}

make_page() { # PAGE HEADER MACRO COLUMN MODE
	local complaint
	page=docs/$1.md advice=docs/$1.in header=$2 macro=$3 column=$4
	list >"$new.list"
	[ -s "$new.list" ] || { echo "no reasons found in $header" >&2; exit 1; }
	complaint=$(unused_advice 2>&1)
	[ -z "$complaint" ] || { echo "$complaint" >&2; exit 1; }
	write_page >"$new"
	if [ "$5" = --check ]; then
		cmp -s "$new" "$page" || { echo "$page is not current: run scripts/drop-reasons.sh" >&2; exit 1; }
	else
		install -m 644 "$new" "$page"
	fi
}

make_page drop-reasons bpf/abi/reasons.h TP_REASONS 'counted by' "${1:-}"
make_page gateway-drop-reasons bpf/abi/gateway_reasons.h TP_GW_REASONS '' "${1:-}"
