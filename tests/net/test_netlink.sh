#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 240
#
# The kernel's devices, neighbours, routes and addresses as the relay sees them:
# tests/interop/netlink_watch.c follows two destinations, one a family, from the host `here`.
#
#	             192.0.2.0/24, 2001:db8:1::/64
#	        e0 ────────────────────────────────── e0  one    .1, ::1
#	here                                                              ─ ─ ─ 203.0.113.0/24,
#	 .2     e1 ────────────────────────────────── e1  two    .1, ::1        2001:db8:99::/64
#	 ::2         198.51.100.0/24, 2001:db8:2::/64
. "$(dirname "$0")/lib.sh"

D4=203.0.113.7
D6=2001:db8:99::7
ONE=02:00:00:00:01:0
TWO=02:00:00:00:02:00
LOG=$LAB/log/watch.log
WAIT=60

on() { # NS IP-ARGUMENTS...
	ip -n "$@"
}

# The newest line about a destination.
says() { # DST TEXT
	[ "$(grep -a "^$1: " "$LOG" | tail -n 1)" = "$1: $2" ]
}

becomes() { # TEXT DST LINE
	expect "$1" wait_for $WAIT says "$2" "$3" || note "now: $(grep -a "^$2: " "$LOG" | tail -n 1)"
}

count() { # LINE
	grep -acxF -- "$1" "$LOG"
}

counted() { # LINE N
	[ "$(count "$1")" -ge "$2" ]
}

has() { # LINE
	grep -aqxF -- "$1" "$LOG"
}

knob() { # NS NAME=VALUE...
	in_ns "$1" sysctl -qw "${@:2}"
}

via() { # 1|2 4|6 [MAC]
	case $1$2 in
	14) echo "e0 via 192.0.2.1 ${3:-${ONE}0} mtu 1500" ;;
	16) echo "e0 via 2001:db8:1::1 ${3:-${ONE}0} mtu 1500" ;;
	24) echo "e1 via 198.51.100.1 $TWO mtu 1500" ;;
	26) echo "e1 via 2001:db8:2::1 $TWO mtu 1500" ;;
	esac
}

both_become() { # TEXT 1|2 [MAC]
	becomes "$1 (IPv4)" $D4 "$(via "$2" 4 "${3:-}")"
	becomes "$1 (IPv6)" $D6 "$(via "$2" 6 "${3:-}")"
}

both_unresolved() { # TEXT
	becomes "$1 (IPv4)" $D4 unresolved
	becomes "$1 (IPv6)" $D6 unresolved
}

routes_by() { # 1|2 [4|6]
	local via4=192.0.2.1 via6=2001:db8:1::1 dev=e0
	[ "$1" = 1 ] || via4=198.51.100.1 via6=2001:db8:2::1 dev=e1
	[ "${2:-4}" = 6 ] || on here route replace 203.0.113.0/24 via $via4 dev $dev
	[ "${2:-6}" = 4 ] || on here -6 route replace 2001:db8:99::/64 via $via6 dev $dev
}

# A change of either family has all destinations looked up: each change is made by itself.
each_becomes() { # TEXT 1|2 COMMAND... (the family is added)
	"${@:3}" 6
	becomes "$1 (IPv6)" $D6 "$(via "$2" 6)"
	"${@:3}" 4
	becomes "$1 (IPv4)" $D4 "$(via "$2" 4)"
}

rule() { # add|del 4|6
	if [ "$2" = 4 ]; then
		on here rule "$1" from 192.0.2.2 lookup 100
	else
		on here -6 rule "$1" from 2001:db8:1::2 lookup 100
	fi
}

lab_ns here one two
lab_wire here e0 one e0
lab_wire here e1 two e1
on one link set e0 address ${ONE}0
on two link set e1 address $TWO
lab_addr here e0 192.0.2.2/24 2001:db8:1::2/64
lab_addr here e1 198.51.100.2/24 2001:db8:2::2/64
lab_addr one e0 192.0.2.1/24 2001:db8:1::1/64
lab_addr two e1 198.51.100.1/24 2001:db8:2::1/64
# Let the kernel doubt its neighbours in seconds rather than in a minute.
for dev in e0 e1; do
	for family in ipv4 ipv6; do
		knob here net.$family.neigh.$dev.base_reachable_time_ms=1000 \
			net.$family.neigh.$dev.delay_first_probe_time=1 \
			net.$family.neigh.$dev.retrans_time_ms=200
	done
	# An address that goes down with its device would come back as a different test.
	knob here net.ipv6.conf.$dev.keep_addr_on_down=1
done
routes_by 1

# The daemon's privilege: CAP_NET_ADMIN and no other.
spawn watch here setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+net_admin \
	--ambient-caps=-all,+net_admin --bounding-set=-all,+net_admin \
	"$B/tests/interop/netlink_watch" 192.0.2.2 $D4 2001:db8:1::2 $D6

# --- neighbours -------------------------------------------------------------------------------

both_become "an unknown neighbour is resolved without a packet to send" 1

knob one net.ipv4.conf.e0.arp_notify=1 net.ipv6.conf.e0.ndisc_notify=1
on one link set e0 address ${ONE}1
both_become "a neighbour's new MAC is taken from its announcement" 1 ${ONE}1

knob one net.ipv4.conf.e0.arp_notify=0 net.ipv6.conf.e0.ndisc_notify=0
on one link set e0 address ${ONE}2
both_become "a neighbour's new MAC is found without an announcement" 1 ${ONE}2

on here neigh replace 192.0.2.1 lladdr ${ONE}9 dev e0 nud permanent
on here neigh replace 2001:db8:1::1 lladdr ${ONE}9 dev e0 nud permanent
both_become "a neighbour set by hand is used" 1 ${ONE}9
probes4=$(count "probe 192.0.2.1") probes6=$(count "probe 2001:db8:1::1")
wait_for $WAIT counted "probe 192.0.2.1" $((probes4 + 2))
wait_for $WAIT counted "probe 2001:db8:1::1" $((probes6 + 2))
equal "and stays as it was set through probes (IPv4)" \
	"192.0.2.1 dev e0 lladdr ${ONE}9 PERMANENT" "$(on here neigh show 192.0.2.1 | sed 's/ *$//')"
equal "and stays as it was set through probes (IPv6)" \
	"2001:db8:1::1 dev e0 lladdr ${ONE}9 PERMANENT" \
	"$(on here neigh show 2001:db8:1::1 | sed 's/ router//; s/ *$//')"
on here neigh del 192.0.2.1 dev e0
on here neigh del 2001:db8:1::1 dev e0
both_become "deleted, it is resolved again" 1 ${ONE}2
on one link set e0 address ${ONE}0
both_become "and once more after a silent change" 1

# --- routes -----------------------------------------------------------------------------------

each_becomes "a moved route is followed" 2 routes_by 2
expect "flows are told (IPv4)" has "moved $D4"
expect "flows are told (IPv6)" has "moved $D6"

on here route replace 203.0.113.0/24 via inet6 2001:db8:1::1 dev e0
becomes "an IPv6 router for an IPv4 destination" $D4 "e0 via 2001:db8:1::1 ${ONE}0 mtu 1500"

declare -A REFUSAL=([prohibit]="Permission denied" [blackhole]="Invalid argument"
	[unreachable]="No route to host")
for type in prohibit blackhole unreachable; do
	on here route replace $type 203.0.113.0/24
	on here -6 route del 2001:db8:99::/64
	on here -6 route add $type 2001:db8:99::/64
	both_unresolved "a route of type $type is none"
	# IPv6's was none already when it had been deleted.
	expect "which the lookup says (IPv4)" wait_for $WAIT has "no route to $D4: ${REFUSAL[$type]}"
	expect "which the lookup says (IPv6)" wait_for $WAIT has "no route to $D6: ${REFUSAL[$type]}"
	on here -6 route del $type 2001:db8:99::/64
	routes_by 2
	both_become "and after it there is one" 2
done

on here route add default via 192.0.2.1 dev e0 table 100
on here -6 route add default via 2001:db8:1::1 dev e0 table 100
each_becomes "a rule for the source address counts" 1 rule add
each_becomes "and counts no more when it is gone" 2 rule del

if on here nexthop add id 7 via 192.0.2.1 dev e0 2>/dev/null; then
	on here nexthop add id 8 via 2001:db8:1::1 dev e0
	on here route replace 203.0.113.0/24 nhid 7
	on here -6 route del 2001:db8:99::/64
	on here -6 route add 2001:db8:99::/64 nhid 8
	both_become "a route by nexthop object" 1
	knob here net.ipv4.nexthop_compat_mode=0
	on here nexthop replace id 7 via 198.51.100.1 dev e1
	on here nexthop replace id 8 via 2001:db8:2::1 dev e1
	both_become "which is replaced under the route" 2
	on here nexthop flush >/dev/null 2>&1
	on here -6 route flush 2001:db8:99::/64
	routes_by 2
	both_become "and taken away" 2
else
	skip "routes by nexthop object" "this kernel has none"
fi

# --- links ------------------------------------------------------------------------------------

on two link set e1 down
both_unresolved "carrier lost"
on two link set e1 up
lab_addr two e1 2001:db8:2::1/64 # gone with the link, over there
both_become "carrier back" 2

on here link set e1 mtu 1400
becomes "another MTU (IPv4)" $D4 "$(via 2 4 | sed 's/1500/1400/')"
becomes "another MTU (IPv6)" $D6 "$(via 2 6 | sed 's/1500/1400/')"
on here link set e1 mtu 1500
both_become "the former MTU" 2

on here link set e1 down
both_unresolved "device down"
on here link set e1 up
routes_by 2
both_become "device up, routes set again" 2

on here link del e1
both_unresolved "device gone"
lab_wire here e1 two e1
on two link set e1 address $TWO
lab_addr here e1 198.51.100.2/24 2001:db8:2::2/64
lab_addr two e1 198.51.100.1/24 2001:db8:2::1/64
routes_by 2
both_become "another device by its name" 2

if on here link add link e0 name e0.5 type vlan protocol 802.1ad id 5 2>/dev/null; then
	on here link add link e0.5 name e0.5.6 type vlan id 6
	on here link set e0.5 up
	on here link set e0.5.6 up
	lab_addr here e0.5.6 192.0.2.130/25
	on here neigh add 192.0.2.129 lladdr $TWO dev e0.5.6 nud permanent
	on here route replace 203.0.113.0/24 via 192.0.2.129 dev e0.5.6
	becomes "stacked VLANs" $D4 "e0.5.6 via 192.0.2.129 $TWO mtu 1500 vlan 88a8.5 vlan 8100.6"
	routes_by 2
	becomes "and back" $D4 "$(via 2 4)"
else
	skip "stacked VLANs" "this kernel has no VLAN devices (tests/unit/test_netlink.c has the messages)"
fi

# --- this host's addresses --------------------------------------------------------------------

link_local=$(on here -6 -o addr show dev e0 scope link | sed 's|.*inet6 \([^/]*\)/.*|\1|')
for addr in 127.0.0.1 ::1 192.0.2.2 2001:db8:1::2 "$link_local"; do
	expect "$addr is local from the start" has "local + $addr"
done

lab_addr here e0 192.0.2.77/24 2001:db8:1::77/64
for addr in 192.0.2.77 2001:db8:1::77; do
	expect "$addr added" wait_for $WAIT has "local + $addr"
done
lab_addr here lo 192.0.2.77/32 2001:db8:1::77/128
on here addr del 192.0.2.77/24 dev e0
on here addr del 2001:db8:1::77/64 dev e0
lab_addr here e0 192.0.2.78/24 2001:db8:1::78/64 # reported after all of that
for addr in 192.0.2.7 2001:db8:1::7; do
	expect "${addr}8 added" wait_for $WAIT has "local + ${addr}8"
	refuse "${addr}7 is still local: another device has it" has "local - ${addr}7"
	equal "${addr}7 was told once" 1 "$(count "local + ${addr}7")"
done
on here addr del 192.0.2.77/32 dev lo
on here addr del 2001:db8:1::77/128 dev lo
for addr in 192.0.2.77 2001:db8:1::77; do
	expect "$addr removed" wait_for $WAIT has "local - $addr"
done

# --- more events than a socket holds ----------------------------------------------------------

flood() {
	local i
	for ((i = 0; i < 30000; i++)); do
		echo "neigh replace 192.0.2.200 lladdr 02:00:00:00:$((i % 90 + 10)):$((i / 90 % 90 + 10)) dev e0"
	done | on here -batch -
}

kill -STOP "${LAB_PID[watch]}"
lab_addr here e0 192.0.2.90/24
flood
lab_addr here e0 192.0.2.91/24
on here addr del 192.0.2.78/24 dev e0
routes_by 1
on here neigh replace 192.0.2.1 lladdr ${ONE}7 dev e0 nud permanent
on here neigh replace 2001:db8:1::1 lladdr ${ONE}7 dev e0 nud permanent
kill -CONT "${LAB_PID[watch]}"
both_become "a flood of events hides nothing" 1 ${ONE}7
expect "events were lost in it" grep -aq "events were lost" "$LOG"
expect "an address added meanwhile" wait_for $WAIT has "local + 192.0.2.91"
expect "an address removed meanwhile" wait_for $WAIT has "local - 192.0.2.78"

stop watch
equal "the program ends when told to" 0 $?
