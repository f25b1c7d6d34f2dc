# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# TCP between two wireguard-go peers: wired to the relay, a NIC each, and wired to each other.
#
#	e2e-a  to-relay ──── nic-a  e2e-relay  nic-b ──── to-relay  e2e-b
#	       to-peer  ───────────────────────────────── to-peer
#
# Two pairs of tunnels, one for each way, up all the time.

E2E_A=198.18.1 E2E_B=198.18.2 E2E_DIRECT=198.18.3

# Frames that XDP sends arrive where a program has the queue polled; and packets that came through
# XDP weigh twice as much in a socket's receive buffer, of which wireguard-go has little. So all ends
# have a program that lets everything in, the direct wire's too: else the two ways would differ by
# what the receiver's buffer holds.
e2e_wire() { # NS DEV ADDR NS DEV ADDR
	ip -n "$1" link add "$2" type veth peer name "$5" netns "$4" || die "cannot wire $1 to $4"
	e2e_end "$1" "$2" "$3"
	e2e_end "$4" "$5" "$6"
}

e2e_end() { # NS DEV ADDR
	ip -n "$1" addr add "$3" dev "$2"
	if [ "$1" != e2e-relay ]; then
		in_ns "$1" ethtool -K "$2" tx off >/dev/null
		lab_xdp_receiver "$1" "$2"
	fi
	ip -n "$1" link set "$2" up
}

e2e_network() {
	lab_ns e2e-a e2e-b e2e-relay
	e2e_wire e2e-a to-relay $E2E_A.2/24 e2e-relay nic-a $E2E_A.1/24
	e2e_wire e2e-b to-relay $E2E_B.2/24 e2e-relay nic-b $E2E_B.1/24
	e2e_wire e2e-a to-peer $E2E_DIRECT.1/24 e2e-b to-peer $E2E_DIRECT.2/24
}

# A tunnel named WAY on one side: inner address 100.64.NET.HOST.
e2e_tunnel() { # NS NAME NET HOST CONFIG-TEXT
	spawn "wg-$2" "$1" wireguard-go -f "$2"
	wait_for 10 test -S "/run/wireguard/$2.sock" || die "wireguard-go $2 did not start"
	wg setconf "$2" <(echo "$5")
	ip -n "$1" addr add "100.64.$3.$4/24" dev "$2"
	ip -n "$1" link set "$2" up mtu 1420
}

e2e_peer() { # KEY-NAME ENDPOINT ALLOWED [KEEPALIVE]
	printf '[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s\nPersistentKeepalive = %s\n' \
		"$(cat "$LAB/$1.pub")" "$2" "$3" "${4:-0}"
}

e2e_side() { # KEY-NAME PORT
	printf '[Interface]\nPrivateKey = %s\nListenPort = %s\n' "$(cat "$LAB/$1.key")" "$2"
}

e2e_tunnels() {
	node_keys relay a b
	e2e_tunnel e2e-a ra 1 1 "$(e2e_side a 51820)
		$(e2e_peer relay $E2E_A.1:$RELAY_PORT $SERVICE/32 25)
		$(e2e_peer b $E2E_A.1:$RELAY_PORT 100.64.1.2/32)"
	e2e_tunnel e2e-b rb 1 2 "$(e2e_side b 51820)
		$(e2e_peer relay $E2E_B.1:$RELAY_PORT $SERVICE/32 25)
		$(e2e_peer a $E2E_B.1:$RELAY_PORT 100.64.1.1/32)"
	e2e_tunnel e2e-a da 2 1 "$(e2e_side a 51821)
		$(e2e_peer b $E2E_DIRECT.2:51821 100.64.2.2/32)"
	e2e_tunnel e2e-b db 2 2 "$(e2e_side b 51821)
		$(e2e_peer a $E2E_DIRECT.1:51821 100.64.2.1/32)"
}

e2e_relay() {
	mkdir -p $LAB/state-e2e $LAB/pins/e2e
	cat >$LAB/relay-e2e.conf <<-CONF
		interfaces = [ "nic-a", "nic-b" ];
		attach = "native";
		listen_port = $RELAY_PORT;
		private_key_file = "$LAB/relay.key";
		service_address = "$SERVICE";
		metrics_listen = "off";
		control_socket = "$LAB/relay-e2e.sock";
		pin_path = "$LAB/pins/e2e";
		state_dir = "$LAB/state-e2e";
		networks = ( { name = "e2e"; nodes = (
			{ name = "a"; public_key = "$(cat $LAB/a.pub)"; },
			{ name = "b"; public_key = "$(cat $LAB/b.pub)"; } ); } );
	CONF
	spawn relay-e2e e2e-relay "$B/turnpike-relay" -c $LAB/relay-e2e.conf
	wait_for 20 bench_relay_answers e2e || die "the relay of the end-to-end run did not start"
}

e2e_pings() { # NET
	in_ns e2e-a ping -n -q -c 1 -W 1 "100.64.$1.2"
}

e2e_iperf() { # NET SECONDS
	in_ns e2e-a iperf3 -J -c "100.64.$1.2" -p "520$1" -t "$2" -O 1 |
		jq -c '{mbit: (.end.sum_received.bits_per_second / 1e6 | round),
			retransmits: .end.sum_sent.retransmits}'
}

# One line of JSON for each transfer, into $LAB/e2e.
bench_end_to_end() { # ROUNDS SECONDS
	local round net
	: >$LAB/e2e
	e2e_network
	node_keys relay a b
	e2e_relay
	e2e_tunnels
	for net in 1 2; do
		spawn "iperf-$net" e2e-b iperf3 -s -p "520$net"
		wait_for 30 e2e_pings $net || die "no tunnel, network $net"
	done
	for ((round = 0; round < $1; round++)); do
		for net in 1 2; do
			e2e_iperf $net "$2" | jq -c --arg w "$([ $net = 1 ] && echo relayed || echo direct)" \
				'{way: $w} + .' >>$LAB/e2e
		done
	done
	"$B/turnpike" relay status --json -s $LAB/relay-e2e.sock | jq -c .forwarded >$LAB/e2e-forwarded
	for net in ra rb da db; do
		stop wg-$net
	done
	stop relay-e2e
}
