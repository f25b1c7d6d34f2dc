#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What is left of a relay: with --detach-on-exit or after `turnpike relay detach` nothing, without
# them exactly what goes on forwarding.
# limit: 330

. "$(dirname "$0")/lib.sh"

attached() {
	ip -n relay -d link show wan0 | grep -q 'prog/xdp'
}
pins() {
	find $LAB/pins -mindepth 1 ! -name '*.debug' | wc -l # bpffs has two of those by itself
}

lab_office
expect "a program is attached" attached
stop relay
equal "it ends cleanly" 0 $?
expect "the program stays" attached
expect "so do its pins" test "$(pins)" -gt 0
expect "and forwards" reaches alice bob

relay_start --detach-on-exit
expect "adopted, it forwards" reaches alice bob
stop relay
equal "it ends cleanly" 0 $?
refuse "detached: no program is attached" attached
equal "no pin is left" 0 "$(pins)"
expect "nor its socket" test ! -e $LAB/relay.sock
refuse "nothing forwards" reaches alice bob -W 1

# Nothing is left that could tell the relay of its nodes, so it waits for their next handshake,
# which WireGuard makes with the first keepalive after two minutes.
relay_start
expect "started afresh, nodes register again" wait_for 160 node_online alice bob
expect "and reach each other" wait_for 60 reaches alice bob

expect "turnpike relay detach" tp relay detach
detached() {
	! running relay && ! attached
}
expect "ends the daemon and detaches" wait_for 30 detached
equal "no pin is left" 0 "$(pins)"
