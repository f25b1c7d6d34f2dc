#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# XDP in the kernel's generic hook, which hands copies to the programs behind it: nothing of what
# the gateway or its host receives from the LAN is lost for that.
# limit: 120

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_ATTACH=generic
gateway_direct
expect "attached in the generic hook" grep -q xdpgeneric <(ip -n gateway link show lan0)
equal "2 MB of TCP from the LAN" 2000000 "$(fetch alice 2000000 $WEB)"
expect "UDP and its answers" udp alice -n 5 -i 2 $ECHO:7
expect "ping into the LAN" in_ns alice ping -n -q -c 3 -i 0.02 -W 5 $WEB
expect "the LAN reaches the gateway's host" in_ns web ping -n -q -c 3 -i 0.02 -W 5 "$GATEWAY_LAN"
