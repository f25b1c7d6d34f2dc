#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The relay as it is installed, run by systemd: the unit starts it with what it needs and no more,
# and knows when it is ready, reloaded, dead, stopped or detached.
# limit: 120

N=0 FAILED=0
NAME=turnpike-relay
CONF=/etc/turnpike/relay.conf

expect() { # TEXT COMMAND...
	local text=$1 out status=ok
	shift
	N=$((N + 1))
	out=$("$@" 2>&1) || status="not ok"
	echo "$status $N - $text"
	[ "$status" = ok ] && return
	FAILED=1
	printf '%s\n' "failed: $*" "$out" | sed 's/^/# /'
	journalctl -u $NAME -n 30 -o cat --no-pager | sed 's/^/# journal: /'
}
not() {
	! "$@"
}
property() { # NAME VALUE: what systemd says about the unit
	local is
	is=$(systemctl show -P "$1" $NAME)
	[ "$is" = "$2" ] || { echo "$1 is $is"; false; }
}
proc() { # FIELD VALUE: what the kernel says about the daemon
	grep -P "^$1:\t$2$" "/proc/$(systemctl show -P MainPID $NAME)/status"
}
known() { # NODES
	[ "$(turnpike relay status --json | jq .nodes.known)" = "$1" ]
}
attached() {
	ip -d link show wan0 | grep -q prog/xdp
}
link_id() {
	bpftool link show pinned /sys/fs/bpf/turnpike/relay/v*/link_wan0 | awk '{ print $1; exit }'
}
soon() { # COMMAND...
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.2
	done
	"$@"
}
conf() { # NODE...
	local node sep=
	cat >$CONF <<-CONF
		interfaces = [ "wan0" ];
		listen_port = 443;
		private_key_file = "/etc/turnpike/relay.key";
		networks = ( { name = "office"; nodes = (
	CONF
	for node; do
		echo "$sep { name = \"$node\"; public_key = \"$(turnpike genkey | turnpike pubkey)\"; }" >>$CONF
		sep=,
	done
	echo ' ); } );' >>$CONF
}

ip link add wan0 type veth peer name far0
ip link set wan0 up
ip link set far0 up
ip addr add 203.0.113.99/24 dev wan0
mkdir -p /etc/turnpike
(umask 077 && turnpike genkey >/etc/turnpike/relay.key)

conf alice bob
sed -i 's/443/99999/' $CONF
expect "a configuration with an error: the start fails" not systemctl start $NAME
systemctl stop $NAME
conf alice bob
expect "it starts, and says itself that it is ready" systemctl start $NAME
expect "active" property ActiveState active
expect "and running" property SubState running
expect "it answers" known 2
expect "XDP is attached" attached
uid=$(id -u turnpike)
expect "it is the user turnpike, whom sysusers made" proc Uid "$uid\\t$uid\\t$uid\\t$uid"
expect "with two capabilities (NET_ADMIN, BPF)" proc CapEff 0000008000001000
expect "an empty bounding set" proc CapBnd 0000000000000000
expect "no new privileges" proc NoNewPrivs 1
expect "and a seccomp filter" proc Seccomp 2

conf alice bob carol
expect "a reload" systemctl reload $NAME
expect "is taken" soon known 3
expect "and over for systemd" soon property SubState running

link=$(link_id)
pid=$(systemctl show -P MainPID $NAME)
expect "a restart" systemctl restart $NAME
expect "is another process" not property MainPID "$pid"
expect "that has the same link" test "$(link_id)" = "$link"
expect "and answers" known 3

kill -KILL "$(systemctl show -P MainPID $NAME)"
expect "killed, it is started again" soon property NRestarts 1
expect "and answers" soon known 3
expect "with the same link" test "$(link_id)" = "$link"

expect "a stop" systemctl stop $NAME
expect "is clean" property Result success
expect "and leaves XDP" attached
expect "it starts again" systemctl start $NAME
expect "turnpike relay detach" turnpike relay detach
expect "ends it without a restart" soon property ActiveState inactive
expect "cleanly" property Result success
expect "and takes XDP off" not attached

exposure=$(systemd-analyze security $NAME --no-pager | tail -n 1)
expect "systemd-analyze security tells: $(grep -o 'Overall.*' <<<"$exposure")" test -n "$exposure"
exit $FAILED
