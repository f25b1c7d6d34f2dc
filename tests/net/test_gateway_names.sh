#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Host names as endpoints: not known at start, known later, changed while nothing is heard, kept over
# a restart without name servers. Peers with addresses notice nothing of it.
# limit: 360

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

echo nameserver 127.0.0.1 >$LAB/resolv.conf
echo "198.18.77.1 hosts.example" >$LAB/hosts
: >$LAB/names
mount --bind $LAB/resolv.conf /etc/resolv.conf || die "no /etc/resolv.conf"
mount --bind $LAB/hosts /etc/hosts || die "no /etc/hosts"

dns_start() {
	spawn dns gateway "$B/tests/interop/dns_server" $LAB/names
	wait_for 10 grep -q ready $LAB/log/dns.log || die "no name server"
}

key() { # NAME
	[ -e "$LAB/$1.pub" ] || wg genkey | wg pubkey >"$LAB/$1.pub"
	cat "$LAB/$1.pub"
}

named() { # PEER ENDPOINT
	printf '{ name = "%s"; public_key = "%s"; endpoint = "%s"; }' "$1" "$(key "$1")" "$2"
}

GW_PEERS="$(named ghost ghost.example:5001), $(named listed hosts.example:5002), $(named typo no.such.example:5003)"
eval "$(declare -f gw_peers | sed '1s/gw_peers/gw_peers_plain/')"
gw_peers() {
	gw_peers_plain
	printf ',\n    %s' "$GW_PEERS"
}

endpoint_is() { # PEER ENDPOINT
	wg show wg0 endpoints | grep -qxF "$(key "$1")	$2"
}

known_as() { # PEER ENDPOINT
	[ "$(gw_get ".overlays[0].names[] | select(.peer == \"$1\") | .address")" = "$2" ]
}

state_of() { # PEER
	gw_get ".overlays[0].names[] | select(.peer == \"$1\") | .state"
}

# --- names that are not known ----------------------------------------------------------------------

gateway_direct
expect "peers with addresses work while no name server is there" reaches_web alice
ping_start others alice $WEB 0.02
equal "a name that is not known has no endpoint" "(none)" \
	"$(wg show wg0 endpoints | awk -v k="$(key ghost)" '$1 == k { print $2 }')"
expect "the status names it" grep -q "ghost.example:5001 is not known" <<<"$(gw gateway status)"
expect "one in /etc/hosts needs no server" wait_for 30 endpoint_is listed 198.18.77.1:5002
equal "and is resolved" resolved "$(state_of listed)"

echo "ghost.example 198.18.77.2" >$LAB/names
dns_start
expect "a server comes: the name is known" wait_for 90 endpoint_is ghost 198.18.77.2:5001
expect "says the status, too" known_as ghost 198.18.77.2:5001
# --- names that change -----------------------------------------------------------------------------

GW_PEERS="$GW_PEERS, $(named second second.example:5004)"
printf '%s\n' "second.example 198.18.77.3" "second.example 2001:db8:77::3" "ghost.example 198.18.77.4" >$LAB/names
ip -n gateway -6 route del default
gateway_reload
expect "a reload brings another name; without a route to IPv6 it is the IPv4 address" \
	wait_for 40 endpoint_is second 198.18.77.3:5004
expect "a name from which nothing is heard is looked up again" wait_for 120 endpoint_is ghost 198.18.77.4:5001
asked_again() {
	[ "$(grep -ci no.such.example $LAB/log/dns.log)" -gt 2 ]
}
expect "so is one that does not exist" wait_for 90 asked_again
refuse "which is not resolved" test "$(state_of typo)" = resolved
ping_lossless others "a peer with an address, all the while"

# --- a restart without name servers ----------------------------------------------------------------

stop dns
stop gateway KILL
wg set wg0 peer "$(key ghost)" endpoint 198.18.77.9:9 # as if it had roamed
gateway_start
expect "what was known is known after a restart" known_as ghost 198.18.77.4:5001
expect "and a peer that has roamed stays where it is" endpoint_is ghost 198.18.77.9:9
