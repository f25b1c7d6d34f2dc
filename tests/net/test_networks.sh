#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Who may talk to whom: nodes of one network do, nodes of different networks do not, and a key that
# the relay does not know gets no answer at all.

. "$(dirname "$0")/lib.sh"

lab_office
wg_up carol $R4 alice bob
expect "carol, of another network, registers" wait_for 20 node_online carol

counted() { # REASON MORE-THAN
	[ "$(relay_reason "$1")" -gt "$2" ]
}
before=$(relay_reason target_unknown)
refuse "carol does not reach alice" reaches carol alice
refuse "nor bob" reaches carol bob
expect "the relay counts why" wait_for 30 counted target_unknown "$before"
wg set alice peer "$(cat $LAB/carol.pub)" endpoint $R4 allowed-ips "$(node_ip carol)/32"
refuse "alice, who has carol in her file, does not reach her either" reaches alice carol
expect "explain says that they share no network" \
	sh -c "'$B/turnpike' explain pair carol alice -s $LAB/relay.sock | grep -i network"

# Mallory has a key of her own that no network lists.
lab_host mallory 4
node_keys mallory
wg_up mallory $R4 alice
capture_start wire inet mallory udp port $RELAY_PORT
before=$(relay_reason key_unknown)
expect "an unknown key's registration is counted" wait_for 20 counted key_unknown "$before"
refuse "and takes her nowhere" reaches mallory alice
capture_stop wire
equal "she gets no packet back" 0 "$(capture_count wire src host $RELAY4)"
