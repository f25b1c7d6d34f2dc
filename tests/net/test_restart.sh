#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The daemon ends, by SIGKILL and by SIGTERM, and comes back: established traffic loses nothing,
# and what moved or began meanwhile is found.
# limit: 180

. "$(dirname "$0")/lib.sh"

lab_office

for signal in KILL TERM; do
	ping_start run alice "$(node_ip bob)" 0.02
	ping_more run 20
	stop relay $signal
	status=$?
	[ $signal = KILL ] || equal "SIGTERM is a clean end" 0 $status
	expect "SIG$signal: packets go on without a daemon" ping_more run 50
	relay_start
	expect "and with the next one" ping_more run 50
	ping_lossless run "SIG$signal and restart"
	expect "it knows the nodes it had" node_online alice bob
	expect "and their flows" test "$(relay_get .flows)" -ge 2
	user=$(relay_forwarded user)
	expect "XDP forwards" reaches alice bob -c 20 -i 0.02
	expect "and the daemon does not" test $(($(relay_forwarded user) - user)) -lt 5
done

# A NAT that forgets while nobody is at home.
ping_start run alice "$(node_ip bob)" 0.05
ping_more run 5
stop relay KILL
lab_nat_rebind alice
relay_start
expect "a node that moved meanwhile is found" ping_more run 20
ping_stop run >/dev/null

# The same for a silent one, whose keepalives come in a session that the new daemon has no key for.
wg_keepalive bob 1
before=$(node_get bob endpoint)
stop relay KILL
lab_nat_rebind bob
relay_start
moved() {
	[ "$(node_get bob endpoint)" != "$before" ]
}
expect "so is a silent one, by its keepalive alone" wait_for 20 moved

# New sessions after a restart, with the registrations of before.
stop relay KILL
relay_start
wg_down bob
wg_up bob $R4 alice
expect "a node that restarted makes a new session" wait_for 30 reaches bob alice
expect "and is reached in it" wait_for 20 reaches alice bob

# A second daemon on the same pins would fight the first.
spawn second relay "$B/turnpike-relay" -c $LAB/relay.conf
ended() {
	! running second
}
expect "a second daemon refuses to run beside the first" wait_for 30 ended
expect "which goes on" reaches alice bob
