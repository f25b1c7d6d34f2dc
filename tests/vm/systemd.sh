# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# What tests of installed units share: results as TAP lines, and what systemd and the kernel say of a
# unit. They change the machine that they run on, so it has to be one of their own.

N=0 FAILED=0

expect() { # TEXT COMMAND...
	local text=$1 out status=ok
	shift
	N=$((N + 1))
	out=$("$@" 2>&1) || status="not ok"
	echo "$status $N - $text"
	[ "$status" = ok ] && return
	FAILED=1
	printf '%s\n' "failed: $*" "$out" | sed 's/^/# /'
	journalctl -u 'turnpike-*' -n 30 -o cat --no-pager | sed 's/^/# journal: /'
	return 1
}
not() {
	! "$@"
}
property() { # UNIT NAME VALUE: what systemd says about the unit
	local is
	is=$(systemctl show -P "$2" "$1")
	[ "$is" = "$3" ] || { echo "$2 is $is"; false; }
}
main_pid() { # UNIT
	systemctl show -P MainPID "$1"
}
proc() { # UNIT FIELD VALUE: what the kernel says about the daemon
	grep -P "^$2:\t$3$" "/proc/$(main_pid "$1")/status"
}
soon() { # COMMAND...
	local end=$((SECONDS + 900))
	until "$@" >/run/soon.out 2>&1; do
		[ $SECONDS -lt $end ] || { cat /run/soon.out; return 1; }
		sleep 0.2
	done
}

# What it keeps of root once it has started.
confined() { # UNIT CAPABILITIES
	local uid
	uid=$(id -u turnpike)
	expect "$1: it is the user turnpike, whom sysusers made" proc "$1" Uid "$uid\\t$uid\\t$uid\\t$uid"
	expect "$1: with capabilities $2" proc "$1" CapEff "$2"
	expect "$1: an empty bounding set" proc "$1" CapBnd 0000000000000000
	expect "$1: no new privileges" proc "$1" NoNewPrivs 1
	expect "$1: and a seccomp filter" proc "$1" Seccomp 2
}
