#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Peers with the kernel's own WireGuard. Unlike wireguard-go it sends without DF and takes TCP in
# packets of up to 64 KB: a relay that has to fragment must do so, and nobody may notice.
# limit: 120

LAB_WG=kernel
. "$(dirname "$0")/../net/lib.sh"

if ! ip link add probe type wireguard 2>/dev/null; then
	skip "WireGuard in the kernel" "this kernel has none"
	exit 0
fi

# Alice speaks to the relay's first NIC, bob to its second, which will turn out to be narrow.
INTERFACES="wan0 wan1"
lab_up 2
lab_site alice 1
lab_site bob 2
ip -n relay route add 198.18.2.0/24 via 192.0.2.1
relay_conf
relay_start
wg_up alice $R4 bob
wg_up bob $R4_SECOND alice
expect "both register" wait_for 30 node_online alice bob
expect "and reach each other through the relay" wait_for 30 reaches alice bob

forwarded() { # TEXT COMMAND...: succeeds, forwarded in XDP and not by the daemon
	local text=$1 xdp user
	shift
	xdp=$(relay_forwarded xdp) user=$(relay_forwarded user)
	expect "$text" "$@"
	xdp=$(($(relay_forwarded xdp) - xdp)) user=$(($(relay_forwarded user) - user))
	expect "$text: by XDP ($xdp packets), not by the daemon ($user)" \
		test $xdp -ge 40 -a $user -lt 5
}

capture_start plain inet alice src host 198.18.1.2 and 'udp[8] = 4'
forwarded "packets of the tunnel's full size" reaches alice bob -s 1392 -c 20 -i 0.05
capture_stop plain
expect "which leave their node without DF" test "$(capture_count plain 'ip[6] & 0x40 = 0')" -ge 20
equal "and none of them with it" 0 "$(capture_count plain 'ip[6] & 0x40 != 0')"
forwarded "4 MB over TCP arrive intact" tcp_transfer alice bob 4000000
forwarded "and the other way" tcp_transfer bob alice 4000000

ip -n relay link set wan1 mtu 1400
ip -n inet link set relay1 mtu 1400
expect "bob is told of the link that became narrow" wait_for 20 reaches bob alice -s 1392
capture_start narrow inet relay1 src host 192.0.2.99 and 'ip[6:2] & 0x3fff != 0'
user=$(relay_forwarded user)
expect "a full-size packet arrives over a link of 1400 bytes" wait_for 20 reaches alice bob -s 1392
expect "and so do the next" reaches alice bob -s 1392 -c 20 -i 0.05
user=$(($(relay_forwarded user) - user))
capture_stop narrow
expect "sent by the daemon ($user)" test $user -ge 20
expect "in fragments ($(capture_count narrow))" test "$(capture_count narrow)" -ge 40
forwarded "what fits goes on as before" reaches alice bob -c 20 -i 0.05
expect "1 MB over TCP arrives intact through it" tcp_transfer alice bob 1000000
expect "and the other way" tcp_transfer bob alice 1000000
