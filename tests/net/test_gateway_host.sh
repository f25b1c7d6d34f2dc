#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The gateway beside what else its host does: connections of its own on the masquerade address,
# packet filters that drop what is forwarded, addresses that change.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

gateway_plain
lan_serve gateway
forwards() { # TEXT
	expect "$1: TCP" web_asker alice
	expect "$1: UDP" udp alice -n 5 -i 2 $ECHO:7
	expect "$1: ping" in_ns alice ping -n -q -c 5 -i 0.02 $ECHO
}

# --- the host's own connections ---------------------------------------------------------------

udp alice -m 200 -n 1 $ECHO:7 >/dev/null
expect "the kernel is told to keep off the range" test -n \
	"$(in_ns gateway sysctl -n net.ipv4.ip_local_reserved_ports)"
tcp_hold own gateway $ECHO 7
own=$TCP_FD
expect "the host connects to the LAN" tcp_says own "$own" one
host_asks() {
	udp gateway -m 100 -n 3 -i 2 $ECHO:7
}
expect "a hundred UDP sockets of the host get their answers" wait_for 20 host_asks
expect "so does its ping" in_ns gateway ping -n -q -c 10 -i 0.02 $WEB
expect "the LAN reaches the host's services" udp web -n 5 -i 2 $GATEWAY_LAN:7
expect "by TCP" tcp_asker web $GATEWAY_LAN 7
expect "the LAN pings the host" in_ns web ping -n -q -c 5 -i 0.02 $GATEWAY_LAN
both() {
	udp alice -n 50 -i 5 -m 4 $ECHO:7 &
	host_asks || return 1
	wait $!
}
expect "and nodes at the same time" both
expect "its connection is undisturbed" tcp_says own "$own" two

# A socket on a port of the range: where flows run already it is no reason to end them, else the
# gateway does not start, and says whose port it is.
stop gateway
spawn squatter gateway nc -l -k 20000
wait_for 20 listens gateway 20000
gateway_start
expect "a service on a port of the range: warned of" grep -q '<4>.*20000' $LAB/log/gateway.log
expect "flows go on" tcp_says own "$own" three
gw gateway detach >/dev/null
ended() {
	! running gateway
}
wait_for 30 ended
gateway_launch
expect "where none run, the gateway does not start" wait_for 60 ended
expect "and names the port" grep -q '<3>.*20000' $LAB/log/gateway.log
stop squatter
gateway_start

# --- sums left to the device ------------------------------------------------------------------

# As containers and virtual machines send: what stands in the packet is not its sum yet. The
# switches fill it in behind the gateway, and who receives it checks it.
sums() { # left|done
	local tx=off rx=on
	[ "$1" = done ] || tx=on rx=off
	in_ns fabric ethtool -K gateway tx $tx >/dev/null
	in_ns office ethtool -K gateway tx $tx >/dev/null
	in_ns alice ethtool -K alice tx $tx rx $rx >/dev/null
	in_ns web ethtool -K eth0 tx $tx rx $rx >/dev/null
	in_ns echo ethtool -K eth0 tx $tx rx $rx >/dev/null
}
udp_errors() {
	in_ns "$1" awk '/^Udp:/ { n = $8 } END { print n }' /proc/net/snmp
}
errors=$(udp_errors alice)
sums left
forwards "sums left to the device"
expect "a large transfer" test "$(fetch alice 4000000)" = 4000000
expect "small packets of established flows" udp alice -m 20 -n 20 -i 2 $ECHO:7
expect "no wrong sum came back" test "$(udp_errors alice)" = "$errors"
sums done

# --- packet filters ---------------------------------------------------------------------------

in_ns gateway nft -f - <<-'RULES'
	table inet strict {
		chain forward {
			type filter hook forward priority 0; policy drop;
		}
		chain input {
			type filter hook input priority 0; policy accept;
			ct state invalid drop
		}
		chain output {
			type filter hook output priority 0; policy accept;
			ct state invalid drop
		}
	}
RULES
forwards "FORWARD policy drop, ct state invalid drop"
in_ns gateway sysctl -qw net.ipv4.ip_forward=1
forwards "with ip_forward=1"
in_ns gateway nft -f - <<-'RULES'
	table ip docker {
		chain out {
			type nat hook postrouting priority srcnat;
			oifname "lan0" masquerade
		}
		chain pre {
			type nat hook prerouting priority dstnat;
			iifname "lan0" udp dport 20000 dnat to 127.0.0.1
		}
	}
RULES
forwards "beside somebody's masquerade"
in_ns gateway nft flush ruleset
in_ns gateway sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.lan0.rp_filter=1
forwards "rp_filter=1"
