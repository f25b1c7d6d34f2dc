# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Live packets through a gateway, each variant between namespaces of its own with the same addresses:
#
#	o-VARIANT  ov ─────── wg0  r-VARIANT  lan0 ─────── lan  l-VARIANT
#	100.64.1.1 ... .200     .254          .254       192.168.10.7
#
# The overlay is a plain Ethernet: no crypto, so that the gateway is what is measured. Source,
# forwarder and sink (a drop rule at the ingress hook) run on one CPU, as in live.sh.
#
#	direct	ov and lan are one wire: what source, sink and a veth hop cost
#	gateway	turnpike-gateway, XDP to XDP
#	tc	the same with attach = "off", tc to tc, as with an overlay that is no Ethernet
#	nft	forwarding and masquerade; what is established passes, then one look-up in a set
#	plain	the same, each node's packet compared with the rules one by one
#
# All hold the same policy: GWL_RULES pairs of node and port.

GWL_NODES=200
GWL_PORTS=50 # of each node
GWL_RULES=$((GWL_NODES * GWL_PORTS))
GWL_LAN=192.168.10
GWL_FLOWS=(1 1000 10000)
GWL_VARIANTS=(gateway tc nft plain)
GWL_NEW=8000 # flows that are opened in a row
declare -A GWL_MAC=([ov]=02:00:00:00:01:01 [wg0]=02:00:00:00:01:02 [lan0]=02:00:00:00:02:02
	[lan]=02:00:00:00:02:01)

# --- wires ------------------------------------------------------------------------------------

gwl_link() { # NS DEV NS DEV
	ip -n "$1" link add "$2" address "${GWL_MAC[$2]}" type veth peer name "$4" netns "$3" \
		address "${GWL_MAC[$4]}" || die "cannot wire $1 to $3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
	# Without a program, a queue that takes frames from XDP is only polled for GRO.
	in_ns "$1" ethtool -K "$2" gro on
	in_ns "$3" ethtool -K "$4" gro on
}

# What arrives is counted and dropped; only packets of the source are.
gwl_sink() { # NS DEV
	in_ns "$1" nft -f - <<-RULES
		table netdev sink {
			counter arrived { }
			chain in {
				type filter hook ingress device "$2" priority 0
				udp length 96 counter name arrived drop
			}
		}
	RULES
}

gwl_neighbours() { # VARIANT
	local i
	for ((i = 1; i <= GWL_NODES; i++)); do
		echo "neigh replace 100.64.1.$i lladdr ${GWL_MAC[ov]} dev wg0 nud permanent"
	done | ip -n "r-$1" -batch - || die "no neighbours"
	ip -n "r-$1" neigh replace $GWL_LAN.7 lladdr "${GWL_MAC[lan]}" dev lan0 nud permanent
}

gwl_variant() { # VARIANT
	lab_ns "o-$1" "r-$1" "l-$1"
	gwl_link "o-$1" ov "r-$1" wg0
	gwl_link "r-$1" lan0 "l-$1" lan
	lab_addr "o-$1" ov 100.64.1.1/24
	lab_addr "r-$1" wg0 100.64.1.254/24
	lab_addr "r-$1" lan0 $GWL_LAN.254/24
	lab_addr "l-$1" lan $GWL_LAN.7/24
	ip -n "o-$1" link set ov mtu 1420
	ip -n "r-$1" link set wg0 mtu 1420
	ip -n "o-$1" route add $GWL_LAN.0/24 via 100.64.1.254
	gwl_neighbours "$1"
	gwl_sink "o-$1" ov
	gwl_sink "l-$1" lan
}

# --- the same policy twice --------------------------------------------------------------------

# Lines "NODE PORT".
gwl_policy() {
	awk -v nodes=$GWL_NODES -v ports=$GWL_PORTS \
		'BEGIN { for (p = 0; p < ports; p++) for (n = 1; n <= nodes; n++) print n, 5000 + p }'
}

gwl_peers() {
	local i sep=''
	for ((i = 1; i <= GWL_NODES; i++)); do
		printf '%s{ name = "n%d"; public_key = "%s"; allowed_ips = ["100.64.1.%d/32"]; }\n' "$sep" $i \
			"$(head -c 32 /dev/urandom | base64)" $i
		sep=,
	done
}

gwl_conf() { # VARIANT ATTACH
	cat <<-CONF
		overlays = ( { name = "wg0"; address = "100.64.1.254/24"; listen_port = 51820; mtu = 1420;
			backend = "none"; peers = ( $(gwl_peers) ); } );
		attach = "$2";
		egress = { uplinks = ["lan0"]; subnets = ["$GWL_LAN.0/24"]; masquerade = true;
			ports = "1024-60415"; ports_per_block = 64; };
		acl = { default = "deny"; rules = (
			{ name = "tcp"; from = ["n1"]; to = ["$GWL_LAN.0/24"]; protocol = "tcp"; }
			$(gwl_policy | awk -v lan=$GWL_LAN.0/24 '{ printf ",{ name = \"r%d\"; from = [\"n%d\"]; " \
				"to = [\"%s\"]; protocol = \"udp\"; ports = [\"%d\"]; }\n", NR, $1, lan, $2 }') ); };
		metrics_listen = "off";
		control_socket = "$LAB/gwl-$1.sock";
		pin_path = "$LAB/pins/gwl-$1";
		state_dir = "$LAB/state-gwl-$1";
	CONF
}

gwl_gateway() { # VARIANT ATTACH
	mkdir -p "$LAB/state-gwl-$1"
	in_ns "r-$1" sysctl -qw net.ipv4.ip_local_port_range="61000 65000"
	gwl_conf "$1" "$2" >"$LAB/gwl-$1.conf"
	spawn "gwl-$1" "r-$1" taskset -c "$RELAY_CPU" "$B/turnpike-gateway" -c "$LAB/gwl-$1.conf"
	wait_for 60 gwl_answers "$1" ||
		die "the gateway $1 did not start: $(tail -n 3 "$LAB/log/gwl-$1.log")"
}

gwl_answers() { # VARIANT
	"$B/turnpike" gateway status --json -s "$LAB/gwl-$1.sock"
}

gwl_nft_begin() {
	echo "table ip gateway {
		chain out { type nat hook postrouting priority srcnat; oifname lan0 masquerade; }
		set allowed { type ipv4_addr . inet_service; elements = {"
	gwl_policy | awk '{ print "100.64.1." $1 " . " $2 "," }'
	echo "	} }
		chain forward {
			type filter hook forward priority 0; policy drop;
			ip saddr 100.64.1.1 tcp dport 5201 accept
			iifname lan0 ct state established,related accept"
}

gwl_nft() { # VARIANT set|plain
	in_ns "r-$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 \
		net.netfilter.nf_conntrack_udp_timeout=300
	{
		gwl_nft_begin
		if [ "$2" = set ]; then
			echo "ct state established,related accept"
			echo "iifname wg0 ip daddr $GWL_LAN.0/24 ip saddr . udp dport @allowed accept"
		else
			gwl_policy | awk -v lan=$GWL_LAN.0/24 \
				'{ print "ip saddr 100.64.1." $1 " ip daddr " lan " udp dport " $2 " accept" }'
		fi
		printf "}\n}\n"
	} >"$LAB/$1.nft"
	in_ns "r-$1" nft -f "$LAB/$1.nft" || die "nft does not take the rules"
}

# --- flows ------------------------------------------------------------------------------------

# Flows of the nodes from a source port on, in random order.
gwl_flows() { # N FIRST-PORT
	awk -v n="$1" -v first="$2" -v nodes=$GWL_NODES -v ports=$GWL_PORTS -v lan=$GWL_LAN 'BEGIN {
		for (i = 0; i < n; i++) printf "100.64.1.%d:%d %s.7:%d 1 %s.7:1\n", 1 + i % nodes,
			first + i / nodes, lan, 5000 + (7 * i) % ports, lan }' | shuf --random-source=<(yes)
}

# Opens the flows and looks at the LAN where their answers have to go. Several times if need be:
# slow variants lose packets of a burst.
gwl_open() { # VARIANT N
	local dump=$LAB/gwl-dump try
	: >$LAB/gwl-seen
	for try in 1 2 3 4 5; do
		: >$LAB/log/gwl-dump.log
		spawn gwl-dump "l-$1" tcpdump -n -i lan --immediate-mode -U -B 32768 -w "$dump" udp
		wait_for 5 grep -q listening $LAB/log/gwl-dump.log || die "no tcpdump"
		in_ns "o-$1" "$B/bench/source" -i ov -m "${GWL_MAC[wg0]}" -f "$LAB/gwl-out-$2" -n "$2" \
			-r $((20000 / try)) >/dev/null
		sleep 0.2
		stop gwl-dump
		tcpdump -n -r "$dump" 2>/dev/null >>$LAB/gwl-seen
		gwl_answers_to $LAB/gwl-seen >"$LAB/gwl-in-$1-$2"
		[ "$(wc -l <"$LAB/gwl-in-$1-$2")" -lt "$2" ] || return 0
	done
	die "$1: not all of $2 flows came through"
}

# The flows back, in random order.
gwl_answers_to() { # DUMP
	sed -n 's/^.* IP \([0-9.]*\)\.\([0-9]*\) > \([0-9.]*\)\.\([0-9]*\): .*/\3:\4 \1:\2 1 \1:\2/p' "$1" |
		sort -u | shuf --random-source=<(yes)
}

# --- measuring --------------------------------------------------------------------------------

gwl_arrived() { # NS
	in_ns "$1" nft -j list counter netdev sink arrived | jq '.nftables[] | .counter.packets // empty'
}

# A line of JSON about what the source has sent with these options.
gwl_window() { # VARIANT DIRECTION FLOWS OPTION...
	local v=$1 direction=$2 n=$3 from dev to mac before sent
	shift 3
	case $direction in
	in) from=l-$v dev=lan to=o-$v mac=${GWL_MAC[lan0]} ;;
	*) from=o-$v dev=ov to=l-$v mac=${GWL_MAC[wg0]} ;;
	esac
	before=$(gwl_arrived "$to")
	sent=$(in_ns "$from" taskset -c "$SOURCE_CPU" "$B/bench/source" -i $dev -m "$mac" "$@") ||
		die "the source does not run on $v"
	jq -c -n --arg v "$v" --arg direction "$direction" --argjson flows "$n" --argjson sent "$sent" \
		--argjson got $(($(gwl_arrived "$to") - before)) '{ variant: $v, direction: $direction,
		flows: $flows, sent: $sent.packets, got: $got, pps: ($got / $sent.cpu_seconds | round),
		busy: ($sent.cpu_seconds / $sent.seconds) }' >>$LAB/gateway_live
}

gwl_round() { # SECONDS
	local v n
	for n in "${GWL_FLOWS[@]}"; do
		for v in direct "${GWL_VARIANTS[@]}"; do
			gwl_window "$v" out "$n" -w "$1" -f "$LAB/gwl-out-$n"
			[ $v = direct ] || gwl_window "$v" in "$n" -w "$1" -f "$LAB/gwl-in-$v-$n"
		done
	done
}

gwl_new() { # ROUND
	local v
	gwl_flows $GWL_NEW $((30000 + $1 * GWL_NEW / GWL_NODES)) >$LAB/gwl-new
	for v in direct "${GWL_VARIANTS[@]}"; do
		gwl_window "$v" new $GWL_NEW -n $GWL_NEW -f $LAB/gwl-new
	done
}

gwl_begin() {
	local v n
	lab_ns o-direct l-direct
	gwl_link o-direct ov l-direct lan
	gwl_sink l-direct lan
	for v in "${GWL_VARIANTS[@]}"; do gwl_variant "$v"; done
	gwl_gateway gateway native
	gwl_gateway tc off
	gwl_nft nft set
	gwl_nft plain plain
	for n in "${GWL_FLOWS[@]}"; do
		gwl_flows "$n" 20000 >"$LAB/gwl-out-$n"
		for v in "${GWL_VARIANTS[@]}"; do gwl_open "$v" "$n"; done
	done
}

# One line of JSON for each window, into $LAB/gateway_live.
bench_gateway_live() { # ROUNDS SECONDS
	local round
	: >$LAB/gateway_live
	gwl_begin
	for ((round = 0; round < $1; round++)); do
		gwl_round "$2"
		gwl_new $round
	done
	stop gwl-gateway
	stop gwl-tc
}
