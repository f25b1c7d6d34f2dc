#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The daemon ends, by SIGKILL and by SIGTERM, and comes back: flows lose nothing, with WireGuard's
# sessions, mappings and the policy as they were.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

gateway_direct
tcp_hold tcp alice $ECHO 7
tcp=$TCP_FD
tcp_says tcp "$tcp" zero
flow() { # FIELD
	gw gateway flows --json | jq -r ".[] | select(.protocol == \"tcp\" and .remote_port == 7) | .$1"
}
external=$(flow external)
wireguard=$(pgrep -xo wireguard-go)

for signal in KILL TERM; do
	ping_start run alice $WEB 0.02
	ping_more run 20
	stop gateway $signal
	status=$?
	[ $signal = KILL ] || equal "SIGTERM is a clean end" 0 $status
	expect "SIG$signal: packets go on without a daemon" ping_more run 50
	expect "TCP too" tcp_says tcp "$tcp" "without-$signal"
	expect "and new flows are still judged and mapped" web_asker bob
	gateway_start
	expect "and with the next one" ping_more run 50
	ping_lossless run "SIG$signal and restart"
	expect "the connection goes on" tcp_says tcp "$tcp" "after-$signal"
	equal "on the same port" "$external" "$(flow external)"
	equal "in the same WireGuard" "$wireguard" "$(pgrep -xo wireguard-go)"
	expect "new flows come" web_asker alice
done

# Another policy was written meanwhile: the next daemon enforces it, on flows that are there, too.
stop gateway KILL
GW_RULES=("web any $WEB tcp 80")
gateway_conf
gateway_start
gw_counts policy_changed 1+ "a policy that changed meanwhile ends what it forbids" eval "echo x >&$tcp"
expect "and lets pass what it allows" web_asker alice

expect "detach" gw gateway detach
gone() {
	! running gateway
}
expect "ends the daemon" wait_for 30 gone
refuse "and the forwarding" web_asker alice
equal "nothing is left pinned" "" "$(find $LAB/pins -mindepth 1 -path '*gateway*' -type f)"
