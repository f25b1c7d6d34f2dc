#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The relay as it is installed, run by systemd: the unit starts it with what it needs and no more,
# and knows when it is ready, reloaded, dead, stopped or detached.
# limit: 120

. "$(dirname "$0")/systemd.sh"

NAME=turnpike-relay
CONF=/etc/turnpike/relay.conf

known() { # NODES
	[ "$(turnpike relay status --json | jq .nodes.known)" = "$1" ]
}
attached() {
	ip -d link show wan0 | grep -q prog/xdp
}
link_id() {
	bpftool link show pinned /sys/fs/bpf/turnpike/relay/v*/link_wan0 | awk '{ print $1; exit }'
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
expect "active" property $NAME ActiveState active
expect "and running" property $NAME SubState running
expect "it answers" known 2
expect "XDP is attached" attached
confined $NAME 0000008000001000 # NET_ADMIN, BPF

conf alice bob carol
expect "a reload" systemctl reload $NAME
expect "is taken" soon known 3
expect "and over for systemd" soon property $NAME SubState running

link=$(link_id)
pid=$(main_pid $NAME)
expect "a restart" systemctl restart $NAME
expect "is another process" not property $NAME MainPID "$pid"
expect "that has the same link" test "$(link_id)" = "$link"
expect "and answers" known 3

kill -KILL "$(main_pid $NAME)"
expect "killed, it is started again" soon property $NAME NRestarts 1
expect "and answers" soon known 3
expect "with the same link" test "$(link_id)" = "$link"

expect "a stop" systemctl stop $NAME
expect "is clean" property $NAME Result success
expect "and leaves XDP" attached
expect "it starts again" systemctl start $NAME
expect "turnpike relay detach" turnpike relay detach
expect "ends it without a restart" soon property $NAME ActiveState inactive
expect "cleanly" property $NAME Result success
expect "and takes XDP off" not attached

exposure=$(systemd-analyze security $NAME --no-pager | tail -n 1)
expect "systemd-analyze security tells: $(grep -o 'Overall.*' <<<"$exposure")" test -n "$exposure"

# Two tests may share a machine.
rm $CONF /etc/turnpike/relay.key
rm -rf /var/lib/turnpike/*
ip link del wan0
exit $FAILED
