#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 240
#
# NCP between userspace/ncp* and tests/interop/ncp_peer.go, which is made of docs/ncp.md and Go's
# flynn/noise and shares nothing with ours, in both roles, over loopback in a namespace "host".

. "$(dirname "$0")/lib.sh"

OURS=$B/tests/interop/ncp_peer
THEIRS=$LAB/ncp_peer_go
[ -x "$OURS" ] || die "$OURS is not built"
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$B/go-cache GOFLAGS='' CGO_ENABLED=0 \
	go build -o $THEIRS "$LAB_ROOT/tests/interop/ncp_peer.go" || die "ncp_peer.go does not build"

lab_ns host
node_keys control node stranger

# A control of this make at PORT, and what a node then does there. The control has to end well, too.
with_control() { # PROGRAM PORT COMMAND...
	local program=$1 port=$2
	shift 2
	control_start "$program" "$port" || return 1
	in_ns host "$@" && wait "${LAB_PID[control]}" && return
	cat $LAB/log/control.log
	return 1
}

control_says() { # TEXT
	grep -q "$1" $LAB/log/control.log
}

control_start() { # PROGRAM PORT
	stop control
	: >$LAB/log/control.log
	spawn control host "$1" control $LAB/control.key "$2"
	wait_for 10 control_says listening
}

# Ours ends for exactly this reason, and the node gets nowhere.
refused() { # PORT REASON COMMAND...
	local port=$1 reason=$2
	shift 2
	control_start "$OURS" "$port" || return 1
	! in_ns host "$@" && wait_for 20 control_says "ended: $reason" && ! control_says established
}

both_ended() {
	[ "$(grep -c 'ended: peer' $LAB/log/control.log)" = 2 ]
}

replayed() { # PORT
	control_start "$OURS" "$1" || return 1
	in_ns host $THEIRS replay $LAB/node.key "$1" "$KEY" && wait_for 20 both_ended &&
		[ "$(grep -c accepting $LAB/log/control.log)" = 2 ] && ! control_says established
}

KEY=$(cat $LAB/control.pub)

expect "the vector of the unit tests fits flynn/noise, too" \
	$THEIRS vector "$LAB_ROOT/tests/unit/noise_ik_vector.json"
expect "their node, our control: 3 MB over many records, echoes, goodbye" \
	with_control "$OURS" 8001 $THEIRS node $LAB/node.key 8001 "$KEY"
expect "our control learned their key" control_says "accepting $(cat $LAB/node.pub)"
expect "our node, their control: the same" \
	with_control $THEIRS 8002 "$OURS" node $LAB/node.key 8002 "$KEY"
expect "their control learned our key" control_says "accepting $(cat $LAB/node.pub)"
expect "a node that was given another control's key is refused" \
	refused 8003 crypto $THEIRS node $LAB/node.key 8003 "$(cat $LAB/stranger.pub)"
expect "a node with another prologue is refused" \
	refused 8004 crypto $THEIRS node $LAB/node.key 8004 "$KEY" turnpike-ncp-2
expect "a replayed first message is answered and leads nowhere" replayed 8005
