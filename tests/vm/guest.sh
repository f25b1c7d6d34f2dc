#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What runs inside: the tests listed in /vm/tests, by their paths below tests/ without `.sh`, one
# after the other. Their lines become one TAP stream with a plan at its end, with a comment that tells
# of each test how it went; of one that fails the end of the output is shown. Who watches the console
# sees all of it as it comes.

set -u
shopt -s nullglob
cd /turnpike || exit 1
export LC_ALL=C HOME=/root CMOCKA_MESSAGE_OUTPUT=TAP LAB_WG=kernel LAB_SLOW=12
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
N=0

line() { # ok|"not ok" TEXT...
	local status=$1
	shift
	N=$((N + 1))
	echo "$status $N - $*"
}

command_of() { # TEST
	if [ -e "tests/$1.sh" ]; then
		echo "tests/$1.sh"
	else
		echo "build/tests/$1"
	fi
}

limit_of() { # TEST
	local limit=
	[ -e "tests/$1.sh" ] && limit=$(sed -n 's/^# limit: \([0-9]*\).*/\1/p' "tests/$1.sh")
	echo "${limit:-120}"
}

# Prints the TAP lines of a test's output anew; cmocka calls a skipped case "not ok # SKIP".
relay_lines() { # TEST < OUTPUT
	local text status
	while read -r text; do
		status=ok
		[[ $text == not* && ! $text =~ '# SKIP' ]] && status="not ok"
		[[ $text =~ ^(not )?ok\ *[0-9]*\ *-?\ *(.*) ]]
		line "$status" "$1: ${BASH_REMATCH[2]}"
	done < <(grep -aE '^(not )?ok\b')
}

# An emulated CPU is slow, the more so on a busy machine: each test has LAB_SLOW times the time that
# it has elsewhere.
run_test() { # TEST
	local test=$1 limit out status start=$SECONDS before=$N
	local passed failed skipped
	limit=$(($(limit_of "$test") * LAB_SLOW))
	out=/tmp/${test//\//.}.log
	: >"$out"
	tail -s 1 -f "$out" >/dev/ttyS0 2>&1 &
	timeout -k 10 $limit "$(command_of "$test")" >"$out" 2>&1 </dev/null
	status=$?
	kill $!
	wait $! 2>/dev/null
	relay_lines "$test" <"$out"
	skipped=$(grep -aE '^(not )?ok\b' "$out" | grep -ac '# SKIP')
	failed=$(grep -aE '^not ok' "$out" | grep -acv '# SKIP')
	passed=$((N - before - failed - skipped))
	if [ $status = 124 ] || [ $status = 137 ]; then
		line "not ok" "$test: no end within $limit s"
	elif [ $status != 0 ] && [ "$failed" = 0 ]; then
		line "not ok" "$test: ended with status $status"
	elif [ $N = $before ]; then
		line "not ok" "$test: printed no result"
	fi
	echo "# $test: $passed passed, $failed failed, $skipped skipped, status $status, $((SECONDS - start)) s"
	[ $status = 0 ] || tail -n 40 "$out" | sed 's/^/#   | /'
}

echo "# $(uname -sr), $(nproc) CPUs, up after $(cut -d' ' -f1 /proc/uptime) s"
while read -r test <&3; do
	run_test "$test"
done 3</vm/tests
echo "1..$N"
