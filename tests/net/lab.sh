# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# The lab's hosts, networks, NATs, WireGuard nodes and relay. lib.sh shows the topology.

RELAY_PORT=443
STUN_PORT=3478
RELAY4=203.0.113.99
RELAY6=2001:db8:99::99
SERVICE=100.127.255.1
R4=$RELAY4:$RELAY_PORT
R6="[$RELAY6]:$RELAY_PORT"
R4_SECOND=192.0.2.99:$RELAY_PORT

declare -A NODE=() # node name -> its number N

# --- hosts and wires --------------------------------------------------------------------------

lab_ns() { # NAME...
	local ns
	for ns; do
		ip netns add "$ns" || die "cannot make namespace $ns"
		ip -n "$ns" link set lo up
		in_ns "$ns" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
}

lab_router() { # NAME...
	local ns
	lab_ns "$@"
	for ns; do
		in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	done
}

# A veth pair. Hosts finish their checksums before they send, as real NICs would; relays' and the
# gateway's own ends stay as the kernel made them.
lab_wire() { # NS DEV NS DEV
	local ns dev
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3" || die "cannot wire $1 to $3"
	[[ $1 != relay* ]] || lab_xdp_receiver "$3" "$4"
	while [ $# -gt 0 ]; do
		ns=$1 dev=$2
		shift 2
		[[ $ns == relay* ]] || [ "$ns" = gateway ] || in_ns "$ns" ethtool -K "$dev" tx off >/dev/null
		ip -n "$ns" link set "$dev" up
	done
}

# A wire that takes MS milliseconds each way.
lab_long_wire() { # NS DEV NS DEV MS
	local wire=wire-$1
	lab_ns "$wire"
	in_ns "$wire" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	lab_wire "$1" "$2" "$wire" near
	lab_wire "$wire" far "$3" "$4"
	spawn "$wire" "$wire" "$B/tests/interop/delay_wire" near far "$5"
	wait_for 60 grep -q ready "$LAB/log/$wire.log" || die "no wire of $5 ms to $1"
}

# Frames that the other end's XDP program sends only arrive where there is a program too.
lab_xdp_receiver() { # NS DEV
	in_ns "$1" ip link set dev "$2" xdp object "$B/tests/bpf/pass.bpf.o" section xdp ||
		die "cannot attach pass.bpf.o"
}

lab_addr() { # NS DEV ADDRESS/BITS...
	local ns=$1 dev=$2 addr
	shift 2
	for addr; do
		case $addr in
		*:*) ip -n "$ns" addr add "$addr" dev "$dev" nodad ;;
		*) ip -n "$ns" addr add "$addr" dev "$dev" ;;
		esac
	done
}

# The public network, and the relay with one NIC or two.
lab_up() { # [NICS]
	local nics=${1:-1}
	lab_router inet
	lab_ns relay
	lab_wire relay wan0 inet relay0
	lab_addr relay wan0 $RELAY4/24 $RELAY6/64
	lab_addr inet relay0 203.0.113.1/24 2001:db8:99::1/64
	ip -n relay route add default via 203.0.113.1
	ip -n relay -6 route add default via 2001:db8:99::1
	[ "$nics" -eq 1 ] && return
	lab_wire relay wan1 inet relay1
	lab_addr relay wan1 192.0.2.99/24 2001:db8:98::99/64
	lab_addr inet relay1 192.0.2.1/24 2001:db8:98::1/64
}

# A host with a public address of its own, MS milliseconds away.
lab_host() { # NAME N [MS]
	NODE[$1]=$2
	lab_ns "$1"
	if [ -n "${3:-}" ]; then
		lab_long_wire "$1" eth0 inet "$1" "$3"
	else
		lab_wire "$1" eth0 inet "$1"
	fi
	lab_addr inet "$1" "198.18.$2.1/24" "2001:db8:$2::1/64"
	lab_addr "$1" eth0 "198.18.$2.2/24" "2001:db8:$2::2/64"
	ip -n "$1" route add default via "198.18.$2.1"
	ip -n "$1" -6 route add default via "2001:db8:$2::1"
}

# A host in a LAN whose router masquerades IPv4 with a fresh port for every destination, and lets
# IPv6 through as it is.
lab_site() { # NAME N
	local nat=nat-$1
	NODE[$1]=$2
	lab_router "$nat"
	lab_ns "$1"
	lab_wire "$1" eth0 "$nat" lan
	lab_wire "$nat" wan inet "$1"
	lab_addr "$1" eth0 "10.$2.0.2/24" "2001:db8:$2::2/64"
	lab_addr "$nat" lan "10.$2.0.1/24" "2001:db8:$2::1/64"
	lab_addr "$nat" wan "198.18.$2.2/24" "2001:db8:f$2::2/64"
	lab_addr inet "$1" "198.18.$2.1/24" "2001:db8:f$2::1/64"
	ip -n "$1" route add default via "10.$2.0.1"
	ip -n "$1" -6 route add default via "2001:db8:$2::1"
	ip -n "$nat" route add default via "198.18.$2.1"
	ip -n "$nat" -6 route add default via "2001:db8:f$2::1"
	ip -n inet -6 route add "2001:db8:$2::/64" via "2001:db8:f$2::2"
	in_ns "$nat" nft -f - <<-'RULES'
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat
				oifname "wan" masquerade random,fully-random
			}
		}
	RULES
}

# The NAT forgets its mappings, as after a reboot: it takes its public address off and puts it (or
# another one, host part H) back, which is when the kernel drops masqueraded connections.
lab_nat_rebind() { # NAME [H]
	local n=${NODE[$1]} host=${2:-2} old
	old=$(ip -n "nat-$1" -4 -o addr show dev wan | awk '{ print $4 }')
	ip -n "nat-$1" addr del "$old" dev wan
	lab_addr "nat-$1" wan "198.18.$n.$host/24"
	ip -n "nat-$1" route replace default via "198.18.$n.1"
}

# Public ports by which the NAT currently maps this node's traffic to a destination.
lab_nat_ports() { # NAME DESTINATION PORT
	in_ns "nat-$1" awk -v dst="dst=$2" -v port="dport=$3" \
		'$0 ~ dst" sport=[0-9]+ "port" " { sub(/.*dport=/, ""); print $1 }' /proc/net/nf_conntrack
}

# --- WireGuard nodes --------------------------------------------------------------------------

node_ip() { # NODE
	echo "100.64.1.${NODE[$1]}"
}

node_keys() { # NODE...
	local node
	for node; do
		[ -e "$LAB/$node.key" ] && continue
		(umask 077 && wg genkey >"$LAB/$node.key")
		wg pubkey <"$LAB/$node.key" >"$LAB/$node.pub"
	done
}

# The config of a stock peer that has the relay at ENDPOINT and reaches PEERs through it.
wg_conf() { # NODE ENDPOINT PEER...
	local node=$1 endpoint=$2 peer
	shift 2
	printf '[Interface]\nPrivateKey = %s\n' "$(cat "$LAB/$node.key")"
	printf '[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s/32\nPersistentKeepalive = 25\n' \
		"$(cat $LAB/relay.pub)" "$endpoint" $SERVICE
	for peer; do
		printf '[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s/32\n' \
			"$(cat "$LAB/$peer.pub")" "$endpoint" "$(node_ip "$peer")"
	done
}

# wg(8), in the namespace of the interface that it speaks of, where there is one.
wg() { # COMMAND [NODE...]
	if [ -f "/run/netns/${2:-}" ]; then
		in_ns "$2" wg "$@"
	else
		command wg "$@"
	fi
}

# A WireGuard interface in the node's namespace, named like the node and not yet configured: of
# wireguard-go, or the kernel's own with LAB_WG=kernel.
wg_device() { # NODE
	if [ "${LAB_WG:-}" = kernel ]; then
		ip -n "$1" link add "$1" type wireguard || die "cannot make a WireGuard interface"
	else
		spawn "wg-$1" "$1" wireguard-go -f "$1"
		wait_for 60 test -S "/run/wireguard/$1.sock" || die "wireguard-go of $1 did not start"
	fi
	ip -n "$1" addr add "$(node_ip "$1")/24" dev "$1"
	ip -n "$1" link set "$1" up mtu "${WG_MTU:-1420}"
	ip -n "$1" route add $SERVICE dev "$1"
}

wg_set() { # NODE ENDPOINT PEER...
	wg_conf "$@" >"$LAB/$1.wg"
	wg setconf "$1" "$LAB/$1.wg"
}

wg_up() { # NODE ENDPOINT PEER...
	wg_device "$1"
	wg_set "$@"
}

# A keepalive now and every SECONDS from now on (a changed interval waits for the old one).
wg_keepalive() { # NODE SECONDS
	wg set "$1" peer "$(cat $LAB/relay.pub)" persistent-keepalive 0
	wg set "$1" peer "$(cat $LAB/relay.pub)" persistent-keepalive "$2"
}

wg_down() { # NODE
	stop "wg-$1"
	ip -n "$1" link del "$1" 2>/dev/null
	wait_for 20 not ip -n "$1" link show "$1" || true
}

# --- the relay --------------------------------------------------------------------------------

# Settings of the next relay_conf.
ATTACH=native
INTERFACES=wan0
NETWORKS="office:alice,bob lab:carol"
RELAY_EXTRA=
declare -A NODE_GROUP=() # node -> its group
declare -A ADMIT=()	 # network -> its setting, 'admit = [ "phones servers" ];'

relay_networks() {
	local network node sep='' nsep
	for network in $NETWORKS; do
		printf '%s\n  { name = "%s"; nodes = (' "$sep" "${network%%:*}"
		sep=, nsep=''
		for node in $(tr , ' ' <<<"${network#*:}"); do
			node_keys "$node"
			printf '%s\n    { name = "%s"; public_key = "%s"; ' \
				"$nsep" "$node" "$(cat "$LAB/$node.pub")"
			printf '%s' "${NODE_GROUP[$node]:+group = \"${NODE_GROUP[$node]}\"; }"
			printf '%s}' "${NODE[$node]:+address = \"$(node_ip "$node")/24\"; }"
			nsep=,
		done
		printf ' ); %s}' "${ADMIT[${network%%:*}]:-}"
	done
}

relay_conf() {
	node_keys relay
	cat >$LAB/relay.conf <<-CONF
		interfaces = [ "${INTERFACES// /\", \"}" ];
		attach = "$ATTACH";
		listen_port = $RELAY_PORT;
		private_key_file = "$LAB/relay.key";
		service_address = "$SERVICE";
		public_endpoints = [ "$R4", "$R6" ];
		stun = { port = $STUN_PORT; };
		metrics_listen = "127.0.0.1:9586";
		control_socket = "$LAB/relay.sock";
		pin_path = "$LAB/pins";
		state_dir = "$LAB/state";
		$RELAY_EXTRA
		networks = ( $(relay_networks) );
	CONF
}

tp() { # COMMAND...: the command line tool, asking this lab's relay
	"$B/turnpike" "$@" -s $LAB/relay.sock
}

relay_launch() { # [OPTION...]
	mkdir -p $LAB/state
	spawn relay relay "${RELAY_BIN:-$B/turnpike-relay}" -c $LAB/relay.conf "$@"
}

relay_ready() {
	tp relay status --json
}

# Starts it and waits until it answers; ends the test when it does not.
relay_start() { # [OPTION...]
	relay_launch "$@"
	wait_for 60 relay_settled
	relay_ready >/dev/null 2>&1 || die "the relay did not start"
}

relay_settled() {
	! running relay || relay_ready
}

relay_reload() {
	kill -HUP "${LAB_PID[relay]}"
}

# relay_get JQ-FILTER: out of `relay status`.
relay_get() {
	tp relay status --json | jq -r "$1"
}

# Packets (or bytes) forwarded by path xdp or user.
relay_forwarded() { # PATH [packets|bytes]
	relay_get ".forwarded.$1.${2:-packets}"
}

# How often a reason was counted, on both paths.
relay_reason() { # NAME
	tp relay drops --json | jq --arg r "$1" '[.[] | select(.reason == $r) | .xdp + .user] | add // 0'
}

node_get() { # NODE FIELD
	tp relay nodes --json | jq -r --arg n "$1" ".[] | select(.name == \$n) | .$2"
}

node_online() { # NODE...
	local node
	for node; do
		[ "$(node_get "$node" state)" = online ] || return 1
	done
}

# --- traffic ----------------------------------------------------------------------------------

reaches() { # FROM TO [PING-OPTION...]
	local from=$1 to=$2
	shift 2
	in_ns "$from" ping -n -q -c 1 -W 2 "$@" "$(node_ip "$to")"
}

# Both ends up, both directions tried: what a test starts from.
pair_up() { # A B
	wait_for 40 node_online "$1" "$2" || pair_lost "$1" "$2" "$1 and $2 did not register"
	wait_for 40 reaches "$1" "$2" || pair_lost "$1" "$2" "$1 does not reach $2 through the relay"
}

# Ends the test with what the relay and the peers know of the two.
pair_lost() { # A B TEXT...
	local a=$1 b=$2
	shift 2
	{
		tp explain pair "$a" "$b"
		tp relay flows
		tp relay drops
		wg show "$a" && wg show "$b"
		ip -n relay neigh
	} 2>&1 | sed 's/^/# /'
	die "$@"
}

# The lab that most tests start from: alice and bob behind their NATs, talking through the relay.
lab_office() { # [NICS]
	lab_up "${1:-1}"
	lab_site alice 1
	lab_site bob 2
	lab_host carol 3
	relay_conf
	relay_start
	wg_up alice $R4 bob
	wg_up bob $R4 alice
	pair_up alice bob
}

# A ping that runs until ping_stop; INTERVAL in seconds.
ping_start() { # NAME FROM ADDRESS [INTERVAL]
	lab_drops >"$LAB/drops-$1"
	: >"$LAB/log/ping-$1.log"
	spawn "ping-$1" "$2" ping -n -D -i "${4:-0.05}" "$3"
	wait_for 10 ping_replies_over "$1" 0 || note "ping $1 has no reply yet"
}

ping_replies() { # NAME
	grep -c 'bytes from' "$LAB/log/ping-$1.log"
}

ping_replies_over() { # NAME N
	[ "$(ping_replies "$1")" -gt "$2" ]
}

# Waits for N replies more than there are now.
ping_more() { # NAME N
	wait_for $((10 + $2)) ping_replies_over "$1" $(($(ping_replies "$1") + $2))
}

# Ends the ping; prints "SENT RECEIVED LONGEST-GAP-MS". Sent counts up to the latest that came back:
# those behind it were still under way. A gap lies between two replies.
ping_stop() { # NAME
	stop "ping-$1" INT
	awk '
		/bytes from/ {
			t = substr($1, 2) * 1000
			if (last && t - last > gap)
				gap = t - last
			last = t
			got++
			seq = $6
			sub(/.*=/, "", seq)
			if (seq + 0 > sent)
				sent = seq + 0
		}
		END { printf "%d %d %d\n", sent, got, gap }' "$LAB/log/ping-$1.log"
}

# Ends the ping; some must have come back, and none may be lost but those that the machine dropped for want of CPU, see lab_drops.
ping_lossless() { # NAME TEXT
	local sent received gap spared
	read -r sent received gap < <(ping_stop "$1")
	spared=$(lab_drops_since "$1")
	expect "$2: $((sent - received)) of $sent pings lost (longest gap $gap ms, $spared to full queues)" \
		test "$received" -gt 0 -a $((sent - received)) -le "$spared"
}

lab_drops_since() { # NAME of a ping
	local n=$(($(lab_drops) - $(cat "$LAB/drops-$1")))
	echo $((n > 0 ? n : 0)) # a device that has gone took its own along
}

# What was dropped so far because a queue was full: sockets' and tunnels' on the nodes' hosts, the
# receive rings of the relay's and the gateway's NICs and of what these send to, and the machine's
# backlogs.
lab_drops() {
	local node tun n sum=0
	for node in inet office fabric gateway; do
		[ -e "/run/netns/$node" ] || continue
		n=$(in_ns "$node" awk '$1 ~ /^(relay[01]|gateway|lan0):/ { n += $13 } END { print n + 0 }' /proc/net/dev)
		sum=$((sum + n))
	done
	for node in $(printf '%s\n' "${!NODE[@]}" gateway | sort -u); do
		[ -e "/run/netns/$node" ] || continue
		tun="$node:"
		[ "$node" != gateway ] || tun='(wg|tp-).*:'
		n=$(in_ns "$node" awk -v tun="^$tun$" '
			/^Udp: [0-9]/ { n += $6 }
			$1 ~ tun { n += $5 + $13 }
			END { print n + 0 }' /proc/net/snmp /proc/net/dev)
		sum=$((sum + n))
	done
	while read -r _ n _; do
		sum=$((sum + 16#$n))
	done </proc/net/softnet_stat
	echo $sum
}

# A TCP transfer of BYTES from one node to another, verified by checksum.
tcp_transfer() { # FROM TO BYTES
	local sum got
	head -c "$3" /dev/urandom >"$LAB/sent"
	spawn "tcp-$2" "$2" sh -c "exec nc -l -N -w 30 $(node_ip "$2") 5001 >$LAB/received"
	wait_for 60 listens "$2" 5001 || return 1
	in_ns "$1" nc -N -w 30 "$(node_ip "$2")" 5001 <"$LAB/sent" || return 1
	wait "${LAB_PID[tcp-$2]}"
	unset "LAB_PID[tcp-$2]"
	cmp "$LAB/sent" "$LAB/received"
}

listens() { # NS TCP-PORT
	[ -n "$(in_ns "$1" ss -Hltn "sport = :$2")" ]
}

# STUN Binding from one source port; prints the address that the answer maps it to.
stun() { # NS SERVER [PORT]
	in_ns "$1" timeout 5 turnutils_stunclient -p "${3:-$RELAY_PORT}" "$2" 2>&1 |
		sed -n 's/.*UDP reflexive addr: //p' | tail -n 1
}

# Sends packets that a kernel would not; see tests/interop/rawudp.c.
raw() { # NS OPTION...
	local ns=$1
	shift
	in_ns "$ns" "$B/tests/interop/rawudp" "$@"
}

# Records UDP payloads in hex as they pass, in $LAB/log/udp-NAME.log; see tests/interop/udpcap.c.
record_start() { # NAME NS DEV [OPTION...]
	local name=$1 ns=$2 dev=$3
	shift 3
	spawn "udp-$name" "$ns" "$B/tests/interop/udpcap" -i "$dev" "$@"
	wait_for 60 grep -q listening "$LAB/log/udp-$name.log" || die "udpcap did not start"
}

record_stop() { # NAME
	stop "udp-$1"
}

recorded() { # NAME: lines "SRC DST HEX"
	grep ':' "$LAB/log/udp-$1.log"
}

# --- wire captures ----------------------------------------------------------------------------

capture_start() { # NAME NS DEV [FILTER...]
	local name=$1 ns=$2 dev=$3
	shift 3
	spawn "cap-$name" "$ns" tcpdump -i "$dev" -n -U --immediate-mode -Z root -s 0 -w "$LAB/$name.pcap" "$@"
	wait_for 60 grep -q 'listening on' "$LAB/log/cap-$name.log" || die "tcpdump did not start"
}

capture_stop() { # NAME
	stop "cap-$1" INT
}

capture_count() { # NAME [FILTER...]
	local name=$1
	shift
	tcpdump -n -r "$LAB/$name.pcap" "$@" 2>/dev/null | wc -l
}
