#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Nodes whose address changes under them: a NAT that forgets its mappings, another public address,
# another family, both ends at once, and a node that is silent when it happens.
# limit: 240

. "$(dirname "$0")/lib.sh"

lab_office

moved() { # NODE FROM
	local now
	now=$(node_get "$1" endpoint)
	[ -n "$now" ] && [ "$now" != "$2" ]
}
came_back() { # MS: how long after that time the first ping came back that was sent since
	awk -v from="$1" '/bytes from/ {
		t = substr($1, 2) * 1000
		sub(/.*=/, "", $(NF - 1))
		if (t - $(NF - 1) >= from) {
			printf "%d\n", t - from
			found = 1
			exit
		}
	} END { exit !found }' $LAB/log/ping-rebind.log
}

# The best of three, or of some more on a busy machine: what is judged is the relay's round trips, not
# the scheduler.
ping_start rebind alice "$(node_ip bob)" 0.02
best=100000
for try in {1..10}; do
	[ "$try" -le 3 ] || [ $best -ge 1000 ] || break
	ping_more rebind 20
	before=$(node_get alice endpoint)
	lab_nat_rebind alice
	from=$(now_ms)
	wait_for 30 came_back "$from" || not_ok "traffic returns after alice's NAT has forgotten her"
	took=$(came_back "$from")
	[ "${took:-$best}" -lt $best ] && best=$took
	expect "the relay follows alice's new port" wait_for 10 moved alice "$before"
done
expect "traffic is back within a second ($best ms)" test $best -lt 1000

lab_nat_rebind alice 3
expect "alice gets another public address: traffic returns" ping_more rebind 20
address_is() { # ADDRESS: alice's
	[ "$(node_get alice endpoint | sed 's/:.*//')" = "$1" ]
}
expect "and the relay has it" wait_for 10 address_is 198.18.1.3

lab_nat_rebind alice
lab_nat_rebind bob
expect "both NATs forget at once: traffic returns" ping_more rebind 20

in_xdp() { # 50 pings, of which the daemon forwards hardly one
	local user
	user=$(relay_forwarded user)
	ping_more rebind 50 && [ $(($(relay_forwarded user) - user)) -lt 10 ]
}
expect "and is forwarded in XDP again" wait_for 30 in_xdp

# Her IPv4 address answers, too, so only the session that was seen from IPv6 follows her there.
alice_sends_from() {
	tp relay flows --json | jq -r '.[] | select(.from == "alice").source' | grep -qF "$1"
}
speaks_ipv6() { # unless a reply that was on its way leads her back, as stock peers are by what they receive
	local peer
	for peer in relay bob; do
		wg set alice peer "$(cat $LAB/$peer.pub)" endpoint "$R6"
	done
	wait_for 5 alice_sends_from "[2001:db8:1::2]"
}
expect "alice speaks IPv6 from now on: her session with bob is forwarded from there" wait_for 40 speaks_ipv6
expect "traffic returns" ping_more rebind 20
ping_stop rebind >/dev/null

# Bob is silent, so only his keepalive can tell of the new mapping.
wg_keepalive bob 1
before=$(node_get bob endpoint)
lab_nat_rebind bob
expect "bob's keepalive alone re-registers him" wait_for 20 moved bob "$before"
expect "and alice reaches him there" wait_for 30 reaches alice bob
