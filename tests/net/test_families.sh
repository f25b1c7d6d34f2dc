#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Peers on IPv4, on IPv6, and one of each: ping, full-size packets and TCP, all of it in XDP.
# limit: 180

. "$(dirname "$0")/lib.sh"

NETWORKS="office:alice,bob,carol,dave"
lab_up
lab_site alice 1
lab_site bob 2
lab_host carol 3
lab_host dave 4
relay_conf
relay_start

wg_up alice $R4 bob carol dave
wg_up bob $R4 alice carol dave
wg_up carol "$R6" alice bob dave
wg_up dave "$R6" alice bob carol
expect "four nodes register, two by each family" \
	wait_for 40 node_online alice bob carol dave

through() { # FROM TO TEXT
	local xdp user
	expect "$3: ping" wait_for 40 reaches "$1" "$2"
	xdp=$(relay_forwarded xdp) user=$(relay_forwarded user)
	expect "$3: packets of the tunnel's full size" reaches "$1" "$2" -M "do" -s 1392
	expect "$3: 2 MB over TCP arrive intact" tcp_transfer "$1" "$2" 2000000
	xdp=$(($(relay_forwarded xdp) - xdp)) user=$(($(relay_forwarded user) - user))
	expect "$3: forwarded in XDP ($xdp) and not by the daemon ($user)" \
		test $xdp -gt 1400 -a $user -lt 10
}

through alice bob "IPv4 to IPv4"
through carol dave "IPv6 to IPv6"
through alice carol "IPv4 to IPv6"
through dave bob "IPv6 to IPv4"

equal "the service address answers inside an IPv4 node's tunnel" 0 \
	"$(in_ns alice ping -n -q -c 1 -W 5 $SERVICE >/dev/null; echo $?)"
equal "and inside an IPv6 node's" 0 \
	"$(in_ns carol ping -n -q -c 1 -W 5 $SERVICE >/dev/null; echo $?)"
