# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What every network test stands on. A test is a bash file that starts with
#
#	. "$(dirname "$0")/lib.sh"
#
# and then runs alone, on a machine of its own: sourcing this re-executes the file as process 1 of
# fresh mount, process and network namespaces with an empty /run. So two runs never meet, nothing
# touches the host's network, and when the test ends in whatever way (SIGKILL included) the kernel
# ends every process it started and drops its namespaces, mounts, BPF pins and temporary files.
# Only the logs are kept, in LAB_KEEP, when that is set.
#
# The standard topology (lab.sh builds it; every host is a namespace):
#
#	      lan 10.1.0.0/24             198.18.1.0/24
#	alice ───────────────── nat-alice ─────────────┐
#	   .2                .1           .2           │.1
#	      lan 10.2.0.0/24             198.18.2.0/24│        203.0.113.0/24
#	bob ─────────────────── nat-bob ───────────── inet ──────────────────── relay
#	   .2                .1           .2           │.1  .1              .99  (wan0)
#	                                  198.18.3.0/24│         192.0.2.0/24
#	carol ─────────────────────────────────────────┘ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ relay
#	   .2                                           .1  .1              .99  (wan1, if asked for)
#
# IPv6 beside it, without NAT: 2001:db8:N::2 is a node, 2001:db8:99::99 (wan1: 2001:db8:98::99) the
# relay. Inside the tunnel, node N is 100.64.1.N.

set -u
shopt -s nullglob

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_ROOT=$(cd "$LAB_DIR/../.." && pwd)
LAB_TEST=$(basename "$0" .sh)
B=${BUILD:-$LAB_ROOT/build}

if [ "$(id -u)" -ne 0 ]; then
	echo "ok 1 - $LAB_TEST # SKIP needs root"
	exit 0
fi
if [ -z "${LAB_INSIDE:-}" ]; then
	LAB_INSIDE=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc \
		bash "$0" "$@"
fi
unset LAB_INSIDE

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
mount -t tmpfs -o mode=755 lab /run
LAB=/run/lab
mkdir -p $LAB/log $LAB/pins /run/netns /run/wireguard
mount -t bpf bpf /sys/fs/bpf # for the tools: iproute2 takes the first that it finds
mount -t bpf bpf $LAB/pins
ip link set lo up

# --- results, as TAP lines --------------------------------------------------------------------

TAP_N=0
TAP_FAILED=0

ok() { # TEXT...
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $*"
}

not_ok() { # TEXT...
	TAP_N=$((TAP_N + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_N - $*"
}

skip() { # TEXT REASON
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1 # SKIP $2"
}

note() { # TEXT...
	echo "# $*"
}

# expect TEXT COMMAND...: the command's status is the result; its output is shown when it fails.
expect() {
	local text=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$text"
		return 0
	fi
	not_ok "$text"
	note "failed: $*"
	[ -z "$out" ] || tail -n 8 <<<"$out" | sed 's/^/#   /'
	return 1
}

# refuse TEXT COMMAND...: the command has to fail.
refuse() {
	local text=$1
	shift
	expect "$text" not "$@"
}

not() {
	! "$@"
}

# equal TEXT WANT GOT
equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
		return 0
	fi
	not_ok "$1"
	note "wanted '$2', got '$3'"
	return 1
}

# die TEXT...: the lab itself is broken; nothing further makes sense.
die() {
	not_ok "$*"
	exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds; its last status when it never did. An
# emulated machine says by LAB_SLOW how many times as long all takes there.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000 * ${LAB_SLOW:-1}))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || return 1
		sleep 0.05
	done
}

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# --- processes --------------------------------------------------------------------------------

declare -A LAB_PID=()

# in_ns NS COMMAND...: never `ip netns exec`, which mounts another /sys and loses the pins.
in_ns() {
	local ns=$1
	shift
	nsenter --net="/run/netns/$ns" "$@"
}

# spawn NAME NS COMMAND...: in the background, output in $LAB/log/NAME.log.
spawn() {
	local name=$1 ns=$2
	shift 2
	nsenter --net="/run/netns/$ns" "$@" >>"$LAB/log/$name.log" 2>&1 </dev/null &
	LAB_PID[$name]=$!
}

# Builds $LAB_ROOT/build-next, whose map layouts differ, where there is a tree to build it from.
lab_next() {
	[ -e "$LAB_ROOT/Makefile" ] || return 0
	flock "$LAB_ROOT/build/.lock" make --no-print-directory -C "$LAB_ROOT" next-abi \
		>$LAB/log/build.log 2>&1 && return
	tail -n 5 $LAB/log/build.log
	die "the next layout does not build"
}

running() { # NAME
	[ -n "${LAB_PID[$1]:-}" ] && kill -0 "${LAB_PID[$1]}" 2>/dev/null
}

# stop NAME [SIGNAL]: returns the process's exit status (128 + signal when a signal ended it).
stop() {
	local pid=${LAB_PID[$1]:-}
	[ -n "$pid" ] || return 0
	unset "LAB_PID[$1]"
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

lab_summary() {
	echo "1..$TAP_N"
}

lab_end() {
	local status=$? name
	trap - EXIT
	for name in "${!LAB_PID[@]}"; do
		kill -TERM "${LAB_PID[$name]}" 2>/dev/null
	done
	if [ $TAP_FAILED -gt 0 ]; then
		status=1
		for name in relay gateway; do
			[ -s $LAB/log/$name.log ] && tail -n 15 $LAB/log/$name.log | sed "s/^/# $name: /"
		done
	fi
	[ -z "${LAB_KEEP:-}" ] || cp -rT $LAB/log "$LAB_KEEP"
	lab_summary
	exit $status
}
trap lab_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

. "$LAB_DIR/lab.sh"
