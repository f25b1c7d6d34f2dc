#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 360
#
# Two plain members behind NATs: files that name the control plane and nothing else. They reach each
# other through the relay, as the policy says, take none of the host's ports, and stay what they are
# over a kill.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

lab_up
lab_site alice 1
lab_site bob 2
control_up
ctl tenant create acme >/dev/null || die "no tenant"
ctl network create office >/dev/null || die "no network"
relay_joins
# A socket amid the ports that a gateway with uplinks would want for its own.
spawn bob-port bob nc -l 0.0.0.0 20000
before=$(in_ns bob cat /proc/sys/net/ipv4/ip_local_reserved_ports)
agent_joins alice
agent_joins bob
refuse "no word of uplinks" grep -q uplinks $LAB/bob.conf

pings() { # FROM TO
	in_ns "$1" ping -n -q -c 1 -W 1 "$(member_ip "$2")"
}
expect "alice reaches bob" wait_for 60 pings alice bob
expect "bob reaches alice" wait_for 20 pings bob alice
equal "by the relay alone: neither knows an address of the other" \
	"$R4" "$(member_wg alice show all endpoints | grep -o '[0-9.]*:[0-9]*$' | sort -u)"
equal "no port is reserved" "$before" "$(in_ns bob cat /proc/sys/net/ipv4/ip_local_reserved_ports)"
equal "there are no uplinks" "[]" "$(member_get bob gateway '.uplinks | tostring')"

# --- by policy ----------------------------------------------------------------------------------

spawn bob-web bob nc -l -k "$(member_ip bob)" 8080
asks() {
	in_ns alice nc -z -w 1 "$(member_ip bob)" 8080
}
expect "all is allowed at first: a service of bob's" wait_for 30 asks
cat >$LAB/policy.json <<-RULES
	[ { "name": "to-bob", "from": ["alice"], "to": ["bob"], "protocol": "icmp" } ]
RULES
expect "a rule for alice's pings" ctl policy apply $LAB/policy.json --name initial
expect "her connections are refused then" wait_for 30 not asks
expect "her pings pass" wait_for 20 pings alice bob
expect "bob's do not" wait_for 30 not pings bob alice

# --- asked for what it can't do -------------------------------------------------------------------

state_of() { # NAME node|device
	ctl "$2" list | grep "^$1 "
}
refuses() { # NAME
	state_of "$1" device | grep -q "failed: .*egress.uplinks: is required for egress.subnets"
}
expect "bob, who has no uplink, is made a gateway" ctl egress set bob 192.168.99.0/24
expect "and says why that can't be" wait_for 30 refuses bob
expect "where the network's nodes are listed, too" grep -q "failed: .*egress.uplinks" <(state_of bob node)
expect "and in --json" test "$(ctl device list --json | jq -r '.[] | select(.name == "bob").state.failure' | grep -c uplinks)" = 1
expect "what was in force is" wait_for 20 pings alice bob
ctl egress set bob >/dev/null
works() { # NAME
	[ "$(ctl device list --json | jq --arg name "$1" '.[] | select(.name == $name).state | (.failure // "") == "" and .toldRevision == .acknowledgedRevision')" = true ]
}
expect "without that he has in force what he is told" wait_for 30 works bob

# --- killed -------------------------------------------------------------------------------------

stop control KILL
stop bob KILL
agent_start bob
expect "killed and started anew, without a control plane" wait_for 30 pings alice bob
refuse "under the rule that was" asks
