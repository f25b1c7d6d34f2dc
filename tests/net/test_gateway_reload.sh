#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 240
#
# Overlays and uplinks that come and go by reload, all or nothing, while another overlay loses no
# packet. Alice is in wg0 all the time, carol in wg1 as long as there is one.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_RULES=("all any any")
gateway_direct
lab_host carol 3
node_keys carol
wg_device carol
wg set carol private-key $LAB/carol.key listen-port 51820 peer "$(cat $LAB/gateway.pub)" \
	endpoint 198.18.9.2:51821 allowed-ips "100.64.2.9/32,$LAN4.0/24"
ip -n carol route add 100.64.2.9 dev carol
ip -n carol route add $LAN4.0/24 dev carol

second_overlay() { # NAME ADDRESS PORT KEY-FILE
	printf '{ name = "%s"; address = "%s/24"; listen_port = %s; private_key_file = "%s"; ' "$@"
	printf 'peers = ( { name = "peer-of-%s"; public_key = "%s"; allowed_ips = ["%s/32"]; ' "$1" \
		"$(cat $LAB/carol.pub)" "$(node_ip carol)"
	printf 'endpoint = "198.18.3.2:51820"; } ); }'
}
there() { # DEV
	ip -n gateway link show "$1"
}
log_says() { # TEXT
	grep -q "$1" $LAB/log/gateway.log
}
carols() {
	gw_flow_count '.overlay == "wg1"'
}

# --- one more overlay --------------------------------------------------------------------------

pid=${LAB_PID[gateway]}
lan_pings
GW_OVERLAYS=$(second_overlay wg1 100.64.2.9 51821 $LAB/gateway.key)
gateway_reload
expect "a reload adds an overlay: its device is made" there wg1
expect "its node reaches the LAN" wait_for 20 reaches_web carol
expect "by flows of its own" test "$(carols)" -ge 1
lan_pings_lossless "alice has lost nothing meanwhile"
equal "it is the same process" "$pid" "$(cat /proc/"$pid"/status | sed -n 's/^Pid:\t//p')"

# --- all or nothing -----------------------------------------------------------------------------

both=$GW_OVERLAYS
lan_pings
GW_OVERLAYS="$both, $(second_overlay wg2 100.64.3.9 51822 $LAB/gateway.key | sed 's/peer-of-wg2/x/'),
	$(second_overlay wg3 100.64.4.9 51823 $LAB/nowhere.key)"
gateway_conf
kill -HUP "${LAB_PID[gateway]}"
expect "two more, of which one has no key: refused" wait_for 30 log_says "nothing has changed"
expect "the one that could be made is not left" wait_for 20 not there wg2
expect "carol is served as before" reaches_web carol -W 5
GW_OVERLAYS=$both
gateway_conf
lan_pings_lossless "nor has alice lost anything"
equal "no number is left behind" "wg0 wg1" \
	"$(jq -r '.overlays[] | select(. != "")' $LAB/gateway-state/gateway.json | xargs)"

# --- killed after a reload ----------------------------------------------------------------------

tcp_hold carols carol $ECHO 7
expect "carol holds a connection" tcp_says carols "$TCP_FD" one
stop gateway KILL
expect "the daemon is killed: it goes on" tcp_says carols "$TCP_FD" two
gateway_start
expect "started anew: it goes on" tcp_says carols "$TCP_FD" three
equal "with the devices that were there" 2 "$(grep -c 'WireGuard device adopted' $LAB/log/gateway.log)"

# --- one less -----------------------------------------------------------------------------------

lan_pings
GW_OVERLAYS=
gateway_reload
expect "an overlay that is removed takes its device" wait_for 20 not there wg1
equal "its flows" 0 "$(carols)"
equal "its ports" 0 "$(gw gateway nat --json | jq '[.. | objects | select(.overlay? == "wg1")] | length')"
equal "and its pins" "" "$(find $LAB/pins -name '*wg1*' 2>/dev/null)"
expect "its blocks were given back, and logged" grep -q '"released","overlay":"wg1"' $LAB/gateway-state/gateway-ports.log
refuse "carol reaches nothing" reaches_web carol
lan_pings_lossless "alice has lost nothing"

GW_OVERLAYS=$both
gateway_reload
expect "it comes back" wait_for 20 reaches_web carol

# --- uplinks ------------------------------------------------------------------------------------

GW_UPLINKS="lan0 lan1"
GW_SUBNETS="$LAN4.0/24 192.168.30.0/24"
lan_pings
gateway_reload
expect "an uplink that is not there is waited for" log_says "lan1: there is no such device"
lab_ns far
lab_wire gateway lan1 far eth0
lab_addr far eth0 192.168.30.10/24
lab_addr gateway lan1 192.168.30.1/24
ip -n alice route add 192.168.30.0/24 dev alice
wg set alice peer "$(cat $LAB/gateway.pub)" allowed-ips "$(gw_allowed bob)"
lan_serve far
asks_far() {
	[ "$(web_asker alice 192.168.30.10)" = "$1" ]
}
expect "it comes, and leads there" wait_for 40 web_asker alice 192.168.30.10
expect "masqueraded" lan_log far
lan_pings_lossless "and alice's other way has lost nothing"
ip -n gateway link del lan1
refuse "it vanishes" web_asker alice 192.168.30.10
GW_UPLINKS=lan0
GW_SUBNETS="$LAN4.0/24"
gateway_reload
equal "a reload takes it out" lan0 "$(gw_get '[.uplinks[].name] | join(" ")')"
equal "with its flows" 0 "$(gw_flow_count '.uplink == "lan1"')"
expect "alice is served" reaches_web alice -W 5
