#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Nodes whose address changes under them: a NAT that forgets its mappings, another public address,
# another family, both ends at once, and a node that is silent when it happens.
# limit: 240

. "$(dirname "$0")/lib.sh"

lab_office

# The best of three: what is judged is the relay's round trips, not this machine's scheduler.
ping_start rebind alice "$(node_ip bob)" 0.02
best=100000
for _ in 1 2 3; do
	ping_more rebind 20
	before=$(node_get alice endpoint)
	lab_nat_rebind alice
	from=$(now_ms)
	ping_more rebind 3 || not_ok "traffic returns after alice's NAT has forgotten her"
	took=$(($(now_ms) - from))
	[ $took -lt $best ] && best=$took
	expect "the relay follows alice's new port" test "$before" != "$(node_get alice endpoint)"
done
expect "traffic is back within a second ($best ms)" test $best -lt 1000

lab_nat_rebind alice 3
expect "alice gets another public address: traffic returns" ping_more rebind 20
equal "and the relay has it" 198.18.1.3 "$(node_get alice endpoint | sed 's/:.*//')"

lab_nat_rebind alice
lab_nat_rebind bob
expect "both NATs forget at once: traffic returns" ping_more rebind 20

user=$(relay_forwarded user)
ping_more rebind 50
expect "and is forwarded in XDP again" test $(($(relay_forwarded user) - user)) -lt 10

for peer in relay bob; do
	wg set alice peer "$(cat $LAB/$peer.pub)" endpoint "$R6"
done
expect "alice speaks IPv6 from now on: traffic returns" ping_more rebind 20
# Her IPv4 address answers, too, so only the session that was seen from IPv6 follows her there.
alice_sends_from() {
	tp relay flows --json | jq -r '.[] | select(.from == "alice").source' | grep -qF "$1"
}
expect "her session with bob is forwarded from IPv6" wait_for 20 alice_sends_from "[2001:db8:1::2]"
ping_stop rebind >/dev/null

# Bob is silent, so only his keepalive can tell of the new mapping.
wg_keepalive bob 1
before=$(node_get bob endpoint)
lab_nat_rebind bob
moved() {
	[ "$(node_get bob endpoint)" != "$before" ]
}
expect "bob's keepalive alone re-registers him" wait_for 20 moved
expect "and alice reaches him there" wait_for 30 reaches alice bob
