#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A stock pair that shakes hands again and again, as a peer does that is restarted, or that a gateway
# moves between relays and back: at once while the pair has few live sessions; from then on the relay
# asks for a cookie first, and the peer comes back with one. None is dropped.
# limit: 300

. "$(dirname "$0")/lib.sh"

FREE=5 # relay/flows.h: PAIR_UNPROVEN

lab_office

anew() { # alice forgets bob, and makes new keys
	wg set alice peer "$(cat $LAB/bob.pub)" remove
	wg set alice peer "$(cat $LAB/bob.pub)" endpoint $R4 allowed-ips "$(node_ip bob)/32"
	wait_for 60 reaches alice bob
}
sessions() {
	echo $(($(relay_get .flows) / 2))
}
challenges() {
	relay_get .handshakes.challenges
}

until [ "$(sessions)" -ge $FREE ]; do
	n=$(sessions)
	expect "handshake $((n + 1))" anew
	equal "is at once" 0 "$(challenges)"
	[ "$(sessions)" -gt "$n" ] || die "there is no session more"
done
expect "handshake $((FREE + 1))" anew
expect "is asked for a cookie" test "$(challenges)" -ge 1
asked=$(challenges)
expect "so is the next, which has forgotten it" anew
expect "and gets through by it" test "$(challenges)" -gt "$asked"
for reason in handshake_quota target_paced; do
	equal "nothing was dropped as $reason" 0 "$(relay_reason $reason)"
done
