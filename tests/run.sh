#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make check: builds, runs every ring of tests, and ends with `N passed, N failed, N skipped`.
#
#	TESTS="net/test_roaming unit"	only what starts with one of these
#	TEST_JOBS=4			network tests at a time (they mostly wait)
#
# A test is a program that prints TAP lines. One that ends by a signal, with a status that its
# lines do not explain, too late, or without a line at all counts as failed. Its whole output is
# kept in build/test-logs/latest/. A network test says how long it may take by a line
# "# limit: SECONDS".

set -u
shopt -s nullglob
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C CMOCKA_MESSAGE_OUTPUT=TAP
PATH=$PATH:/usr/sbin:/sbin
TESTS=${TESTS:-}
JOBS=$(nproc)
MAKE="make --no-print-directory -j$JOBS"

mkdir -p build/test-logs
for old in build/test-logs/run-*; do
	kill -0 "${old##*-}" 2>/dev/null || rm -rf "$old"
done
LOGS=$PWD/build/test-logs/run-$$
mkdir -p "$LOGS"
ln -sfn "run-$$" build/test-logs/latest

wanted() { # NAME
	local pattern
	[ -n "$TESTS" ] || return 0
	for pattern in $TESTS; do
		[[ $1 == "$pattern"* ]] && return 0
	done
	return 1
}

# Adds the line that the test should have printed itself.
verdict() { # NAME STATUS LIMIT TAP-FILE [silent]
	local name=$1 status=$2 limit=$3 tap=$4 silent=${5:-}
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		echo "not ok - $name: no end within $limit s" >>"$tap"
	elif [ "$status" != 0 ] && ! grep -q '^not ok' "$tap"; then
		echo "not ok - $name: ended with status $status" >>"$tap"
	elif [ ! -s "$tap" ] && [ "$silent" = silent ]; then
		echo "ok - $name" >>"$tap"
	elif [ ! -s "$tap" ]; then
		echo "not ok - $name: printed no result" >>"$tap"
	fi
}

# Runs one test and shows its lines as a block. "silent" programs tell by their status alone.
run_one() { # NAME LIMIT [silent] COMMAND...
	local name=$1 limit=$2 silent='' file start=$SECONDS status
	shift 2
	[ "$1" = silent ] && { silent=silent; shift; }
	file=$LOGS/${name//\//.}
	LAB_KEEP=$file.logs timeout -k 10 "$limit" "$@" >"$file.log" 2>&1 </dev/null
	status=$?
	grep -aE '^(not )?ok\b' "$file.log" >"$file.tap"
	verdict "$name" $status "$limit" "$file.tap" $silent
	{
		flock 9
		echo "# $name ($((SECONDS - start)) s)"
		cat "$file.tap"
		grep -q '^not ok' "$file.tap" && tail -n 70 "$file.log" | sed 's/^/    | /'
	} 9>"$LOGS/lock"
}

run() { # NAME LIMIT ...
	wanted "$1" && run_one "$@"
}

binaries() { # DIRECTORY-OF-SOURCES BUILD-DIRECTORY
	local source
	for source in "tests/$1"/test_*.c; do
		source=${source%.c}
		echo "$2/$source"
	done
}

build() {
	# What everything else stands on: without it there is nothing to run. Another run in the
	# same tree may be building, hence the lock.
	run_one build/gcc 900 silent flock build/.lock $MAKE all tests bench-programs
	grep -q '^not ok' "$LOGS/build.gcc.tap" && return 1
	# The machines of the vm ring cannot build it.
	vm_wanted && run_one build/next-abi 900 silent flock build/.lock $MAKE next-abi
	run build/next-abi 900 silent flock build/.lock $MAKE next-abi
	run build/clang 900 silent flock build/.lock $MAKE CC=clang BUILD_SUFFIX=-clang all tests
	run san 900 silent flock build/.lock $MAKE SAN=1 $(binaries unit build-san)
	return 0
}

programs() { # RING BUILD-DIRECTORY SOURCES LIMIT
	local binary
	for binary in $(binaries "$3" "$2"); do
		run "$1/$(basename "$binary")" "$4" "$binary"
	done
}

bpf_ring() {
	if [ "$(id -u)" -ne 0 ]; then
		wanted bpf && run_one bpf 10 echo "ok 1 - bpf # SKIP needs root"
		return
	fi
	programs bpf build bpf 120
}

limit_of() { # SCRIPT
	local limit
	limit=$(sed -n 's/^# limit: \([0-9]*\).*/\1/p' "$1")
	echo "${limit:-120}"
}

# The longest first, several at a time.
net_ring() {
	local script limit
	while read -r limit script; do
		wanted "net/$(basename "$script" .sh)" || continue
		while [ "$(jobs -rp | wc -l)" -ge "${TEST_JOBS:-4}" ]; do
			wait -n
		done
		run_one "net/$(basename "$script" .sh)" "$limit" "$script" &
	done < <(for script in tests/net/test_*.sh; do
		echo "$(limit_of "$script") $script"
	done | sort -rn)
	wait
}

# Many minutes on an emulated CPU, so only when asked for by name.
vm_wanted() {
	[[ " $TESTS" == *\ vm* ]]
}

vm_group() { # NAME: then tells which tests that were, and on which kernel
	wanted "vm/$1" || return
	run_one "vm/$1" 7300 tests/vm/run.sh "$1"
	grep -aE '^# (Linux|[a-z]+/test_)' "$LOGS/vm.$1.log"
}

vm_ring() {
	local group
	vm_wanted || return
	for group in bpf-relay bpf-gateway race relay gateway reload control unit; do
		vm_group $group
	done
}

count() { # EXTENDED-REGEX
	cat "$LOGS"/*.tap | grep -aE "$1" | wc -l
}

# Prints the last line; the status says whether all is well.
summary() {
	local all skipped failed
	all=$(count '^(not )?ok')
	skipped=$(count '^(not )?ok.*# ?(SKIP|skip)')
	failed=$(cat "$LOGS"/*.tap | grep -aE '^not ok' | grep -acvE '# ?(SKIP|skip)')
	echo
	echo "$((all - skipped - failed)) passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$all" -gt 0 ]
}

trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM

if build; then
	programs unit build unit 120
	programs san build-san unit 300
	bpf_ring
	run fuzz/replay 600 silent tests/fuzz/run.sh --replay
	run tree/check-deps 60 silent $MAKE check-deps
	run tree/format 120 silent $MAKE format-check
	run tree/clone 600 tests/clone.sh
	net_ring
	vm_ring
fi
summary
