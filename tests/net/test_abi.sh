#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# An upgrade to a build whose map layout differs: live flows are carried over, then the program is
# swapped under running traffic.
# limit: 600

. "$(dirname "$0")/lib.sh"

NEXT=$LAB_ROOT/build-next/turnpike-relay
lab_next
lab_office
here() { # which layouts have pins
	(cd $LAB/pins && echo */v*)
}
equal "pins of this layout" relay/v3 "$(here)"

upgrade() { # TEXT BINARY SIGNAL
	ping_start run alice "$(node_ip bob)" 0.02
	ping_more run 20
	stop relay "$3"
	ping_more run 10
	RELAY_BIN=$2 relay_start
	ping_more run 50
	ping_lossless run "$1"
	expect "$1: the nodes are known" node_online alice bob
	expect "$1: new sessions are made" new_session
}
new_session() {
	wg_down bob
	wg_up bob $R4 alice
	wait_for 30 reaches bob alice && wait_for 20 reaches alice bob
}

upgrade "to the next layout" "$NEXT" TERM
equal "its pins took the place of the old ones" relay/v4 "$(here)"
upgrade "and back, after SIGKILL" "$B/turnpike-relay" KILL
equal "with the old pins again" relay/v3 "$(here)"
