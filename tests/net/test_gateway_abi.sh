#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# An upgrade of the gateway to a build whose map layout differs: flows, mappings and what they are
# counted by are carried over, then the programs are swapped under running traffic.
# limit: 600

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

lab_next
gateway_direct
here() { # which layouts have pins
	(cd $LAB/pins && echo gateway/v*)
}
flow() { # FIELD
	gw gateway flows --json | jq -r ".[] | select(.protocol == \"tcp\" and .remote_port == 7) | .$1"
}
equal "pins of this layout" gateway/v3 "$(here)"
tcp_hold tcp alice $ECHO 7
tcp=$TCP_FD
tcp_says tcp "$tcp" zero
external=$(flow external)

upgrade() { # TEXT BINARY SIGNAL WORD
	local sent
	ping_start run alice $WEB 0.02
	ping_more run 20
	sent=$(flow out.packets)
	stop gateway "$3"
	ping_more run 10
	GATEWAY_BIN=$2 gateway_start
	ping_more run 50
	ping_lossless run "$1"
	expect "$1: the connection goes on" tcp_says tcp "$tcp" "$4"
	equal "$1: on the same port" "$external" "$(flow external)"
	expect "$1: its counters too" test "$(flow out.packets)" -gt "$sent"
	expect "$1: new flows come, of all nodes" web_asker bob
}

upgrade "to the next layout" "$LAB_ROOT/build-next/turnpike-gateway" TERM next
equal "its pins took the place of the old ones" gateway/v4 "$(here)"
upgrade "and back, after SIGKILL" "$B/turnpike-gateway" KILL back
equal "with the old pins again" gateway/v3 "$(here)"

# Carried flows are judged like any other.
GW_RULES=("web any $WEB tcp 80")
gateway_conf
kill -HUP "${LAB_PID[gateway]}"
gw_counts policy_changed 1+ "a policy that forbids it ends a carried flow" \
	wait_for "$GW_PATIENCE" eval "echo x >&$tcp; [ \$(gw_reason policy_changed) -gt 0 ]"
