#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Fuzzes each parser that has a tests/fuzz/fuzz_NAME.c:
#
#	run.sh [NAME...]		FUZZ_SECONDS (20) each, from its corpus
#	run.sh --replay [NAME...]	only the inputs of the corpora, once
#
# The corpus is tests/fuzz/corpus/NAME/, a dictionary may be in tests/fuzz/NAME.dict. Found inputs
# and what crashes go to build/fuzz/found/NAME/; copy into the corpus what is worth keeping.

set -u
shopt -s nullglob
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL

OUT=build/fuzz
SECONDS_EACH=${FUZZ_SECONDS:-20}
replay=
[ "${1:-}" = --replay ] && { replay=1; shift; }
failed=0

names() {
	local source
	[ $# -gt 0 ] && { printf '%s\n' "$@"; return; }
	for source in tests/fuzz/fuzz_*.c; do
		basename "${source#tests/fuzz/fuzz_}" .c
	done
}

build() {
	local targets=() name
	for name in "$@"; do
		targets+=("$OUT/tests/fuzz/fuzz_$name")
	done
	mkdir -p $OUT
	CFLAGS=-fsanitize=fuzzer-no-link flock build/.lock make --no-print-directory -j"$(nproc)" \
		B=$OUT SAN=1 CC=clang "${targets[@]}" >$OUT/build.log 2>&1 && return
	tail -n 25 $OUT/build.log | sed 's/^/# /'
	echo "not ok - fuzz build"
	exit 1
}

# Runs a fuzzer and says how it went; a crash shows the end of its log.
report() { # WHAT LOG COMMAND...
	local what=$1 log=$2
	shift 2
	if "$@" >"$log" 2>&1 </dev/null; then
		echo "ok - $what"
	else
		tail -n 40 "$log" | sed 's/^/# /'
		echo "not ok - $what"
		failed=1
	fi
}

run() { # NAME
	local name=$1 corpus=tests/fuzz/corpus/$1 found=$OUT/found/$1 inputs flags
	local dict=tests/fuzz/$name.dict program=$OUT/tests/fuzz/fuzz_$name
	inputs=("$corpus"/*)
	mkdir -p "$found"
	flags=(-artifact_prefix="$found/" -timeout=60)
	if [ ${#inputs[@]} -eq 0 ]; then
		echo "not ok - fuzz corpus $name: $corpus is empty"
		failed=1
	elif [ "$replay" ]; then
		report "fuzz corpus $name (${#inputs[@]} inputs)" "$OUT/$name.log" \
			"$program" "${flags[@]}" "${inputs[@]}"
	else
		[ -e "$dict" ] && flags+=(-dict="$dict")
		report "fuzz $name ($SECONDS_EACH s)" "$OUT/$name.log" "$program" "${flags[@]}" \
			-max_total_time="$SECONDS_EACH" -print_final_stats=1 "$found" "$corpus"
		sed -n 's/^stat::number_of_executed_units: */# inputs tried: /p' "$OUT/$name.log"
	fi
}

mapfile -t all < <(names "$@")
[ ${#all[@]} -gt 0 ] || { echo "not ok - no fuzzers"; exit 1; }
build "${all[@]}"
for name in "${all[@]}"; do
	run "$name"
done
exit $failed
