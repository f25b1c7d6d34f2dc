# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2153
#
# The lab of lib.sh, grown by an office LAN behind a gateway. Tests source it after lib.sh:
#
#	                                  192.168.10.0/24
#	 inet ── nat-gateway ── gateway ────────┬──────── web .10   HTTP 80, 8080
#	      198.18.9.0/24  10.9.0.0/24  .1    ├──────── echo .20  TCP and UDP 7, 9, 7000-7009
#	                      eth0     lan0     │                   (both have all of that)
#	                       overlay wg0      └──────── branch .254 ──── far 192.168.20.10
#	                       100.64.1.9                     (lab_branch: a router, a narrow hop)
#
# IPv6 beside it: fd10::H in the LAN, fd20::10 behind the branch, fd64::N in the overlay.
#
# The overlay comes in three kinds: through the relay (gateway_office), with WireGuard from peer to
# peer (gateway_direct), and as plain Ethernet without any WireGuard (gateway_plain), which needs no
# handshakes and no crypto.

LAN4=192.168.10
LAN6=fd10:
WEB=$LAN4.10
ECHO=$LAN4.20
FAR=192.168.20.10
GATEWAY_LAN=$LAN4.1
MULTI_PORTS="7000 7001 7002 7003 7004 7005 7006 7007 7008 7009"

# Settings of the next gateway_conf.
GW_NODES="alice bob"
GW_ATTACH=native
GW_MASQUERADE=true
GW_FILTERING=address-dependent
GW_SUBNETS="$LAN4.0/24"
GW_EGRESS= # further settings of the group
GW_DEFAULT=deny
GW_ACL= # further settings of the group
GW_EXTRA=
GW_PATIENCE=60 # seconds that a start may take
GW_ENDPOINT=relay # relay, direct or none: how the overlay is made
GW_BACKEND=auto # of WireGuard, where there is one
GW_RULES=("all any any")

declare -A NODE_TAGS=([alice]=staff)

# --- the LAN ----------------------------------------------------------------------------------

lan_up() {
	lab_ns office
	ip -n office link add br0 type bridge
	ip -n office link set br0 up
	lan_wire gateway lan0
	lab_addr gateway lan0 $GATEWAY_LAN/24 ${LAN6}:1/64
	lan_host web 10
	lan_host echo 20
}

# Into the LAN's switch.
lan_wire() { # NS DEV
	lab_wire "$1" "$2" office "$1"
	ip -n office link set "$1" master br0
}

lan_host() { # NAME H
	lab_ns "$1"
	lan_wire "$1" eth0
	lab_addr "$1" eth0 "$LAN4.$2/24" "${LAN6}:$2/64"
	lan_serve "$1"
}

lan_serve() { # NAME [OPTION...]
	local name=$1 port options=(-w 80 -w 8080 -t 7 -u 7 -t 9 -u 9)
	shift
	for port in $MULTI_PORTS; do
		options+=(-t "$port" -u "$port")
	done
	spawn "serve-$name" "$name" "$B/tests/interop/lan_server" "${options[@]}" "$@"
	wait_for 60 grep -q ready "$LAB/log/serve-$name.log" || die "$name does not serve"
}

# Another subnet, behind a router of the LAN; its hop may be narrow.
lab_branch() { # [MTU]
	lab_router branch
	lan_wire branch eth0
	lab_addr branch eth0 $LAN4.254/24 ${LAN6}:254/64
	lab_ns far
	lab_wire far eth0 branch far
	lab_addr branch far 192.168.20.1/24 fd20::1/64
	lab_addr far eth0 $FAR/24 fd20::10/64
	ip -n branch link set far mtu "${1:-1500}"
	ip -n far link set eth0 mtu "${1:-1500}"
	ip -n far route add default via 192.168.20.1
	ip -n far -6 route add default via fd20::1
	ip -n branch route add default via $GATEWAY_LAN
	ip -n gateway route add 192.168.20.0/24 via $LAN4.254
	ip -n gateway -6 route add fd20::/64 via ${LAN6}:254
	lan_serve far
}

# The way back to the overlay, which the LAN needs where nothing is masqueraded.
lan_routes() { # NAME...
	local ns
	for ns; do
		ip -n "$ns" route replace 100.64.1.0/24 via $GATEWAY_LAN
		ip -n "$ns" -6 route replace fd64::/64 via ${LAN6}:1
	done
}

# Alice pings the web server fifty times a second, from here to lan_pings_lossless.
lan_pings() {
	ping_start lan alice $WEB 0.02
}
lan_pings_lossless() { # TEXT
	ping_more lan 5
	ping_lossless lan "$1"
}

# What the LAN hosts saw: lines "http 80 from ADDRESS:PORT".
lan_log() { # NAME
	grep ' from ' "$LAB/log/serve-$1.log"
}

lan_forget() { # NAME...
	local ns
	for ns; do
		: >"$LAB/log/serve-$ns.log"
	done
}

# --- configuration ----------------------------------------------------------------------------

quoted() { # WORD...: as a libconfig list
	local word sep=''
	for word; do
		printf '%s"%s"' "$sep" "$word"
		sep=', '
	done
}

# A rule in a line: "NAME FROM TO [PROTOCOL [PORT...]]", FROM and TO separated by commas inside,
# "~NAME" for one in shadow mode.
gw_rule() { # WORD...
	local name=${1#\~} from=$2 to=$3 protocol=${4:-all} shadow=''
	[ "$name" = "$1" ] || shadow=' shadow = true;'
	printf '{ name = "%s"; from = [%s]; to = [%s]; protocol = "%s";' "$name" \
		"$(quoted ${from//,/ })" "$(quoted ${to//,/ })" "$protocol"
	[ $# -lt 5 ] || printf ' ports = [%s];' "$(quoted "${@:5}")"
	printf '%s }' "$shadow"
}

gw_rules() {
	local rule sep=''
	for rule in "${GW_RULES[@]}"; do
		# shellcheck disable=SC2086
		printf '%s\n    %s' "$sep" "$(gw_rule $rule)"
		sep=,
	done
}

# A node as the gateway's peer.
gw_peer() { # NODE
	local node=$1 endpoint=''
	node_keys "$node"
	case $GW_ENDPOINT in
	relay) endpoint=$R4 ;;
	direct) endpoint=198.18.${NODE[$node]}.2:51820 ;;
	esac
	printf '{ name = "%s"; public_key = "%s"; allowed_ips = ["%s/32", "%s/128"];' "$node" \
		"$(cat "$LAB/$node.pub")" "$(node_ip "$node")" "$(node_ip6 "$node")"
	[ -z "$endpoint" ] || printf ' endpoint = "%s";' "$endpoint"
	[ -z "${NODE_TAGS[$node]:-}" ] || printf ' tags = [%s];' "$(quoted ${NODE_TAGS[$node]})"
	printf ' }'
}

gw_peers() {
	local node sep=''
	if [ $GW_ENDPOINT = relay ]; then
		printf '\n    { name = "relay"; public_key = "%s"; endpoint = "%s"; ' \
			"$(cat $LAB/relay.pub)" $R4
		printf 'allowed_ips = ["%s/32"]; keepalive = 25; }' $SERVICE
		sep=,
	fi
	for node in $GW_NODES; do
		printf '%s\n    %s' "$sep" "$(gw_peer "$node")"
		sep=,
	done
}

gw_overlay() {
	local backend=$GW_BACKEND
	[ $GW_ENDPOINT != none ] || backend=none
	cat <<-CONF
		{ name = "wg0"; address = "$(node_ip gateway)/24"; address6 = "$(node_ip6 gateway)/64";
		  listen_port = 51820; mtu = ${WG_MTU:-1420}; backend = "$backend";
		  private_key_file = "$LAB/gateway.key"; peers = ($(gw_peers) ); }
	CONF
}

gateway_conf() {
	node_keys gateway
	cat >$LAB/gateway.conf <<-CONF
		overlays = ( $(gw_overlay)${GW_OVERLAYS:+, $GW_OVERLAYS} );
		attach = "$GW_ATTACH";
		egress = {
		  uplinks = [$(quoted ${GW_UPLINKS:-lan0})];
		  subnets = [$(quoted $GW_SUBNETS)];
		  masquerade = $GW_MASQUERADE;
		  filtering = "$GW_FILTERING";
		  $GW_EGRESS
		};
		acl = { default = "$GW_DEFAULT"; $GW_ACL rules = ($(gw_rules) ); };
		metrics_listen = "127.0.0.1:9587";
		control_socket = "$LAB/gateway.sock";
		pin_path = "$LAB/pins";
		state_dir = "$LAB/gateway-state";
		$GW_EXTRA
	CONF
}

# --- the daemon -------------------------------------------------------------------------------

gw() { # COMMAND...: the command line tool, asking this lab's gateway
	"$B/turnpike" "$@" -s $LAB/gateway.sock
}

gateway_launch() { # [OPTION...]
	mkdir -p $LAB/gateway-state
	spawn gateway gateway "${GATEWAY_BIN:-$B/turnpike-gateway}" -c $LAB/gateway.conf "$@"
}

gateway_ready() {
	gw gateway status --json
}

gateway_settled() {
	! running gateway || gateway_ready
}

gateway_start() { # [OPTION...]
	gateway_launch "$@"
	wait_for "$GW_PATIENCE" gateway_settled
	gateway_ready >/dev/null 2>&1 || die "the gateway did not start"
}

# With the settings as they are now; returns when they are in force.
gateway_reload() {
	local before
	before=$(gw_generation)
	gateway_conf
	kill -HUP "${LAB_PID[gateway]}"
	wait_for 60 gw_past "$before" || die "the gateway did not reload"
}

gw_generation() {
	gw_get .policy.generation
}

gw_past() { # GENERATION
	[ "$(gw_generation)" != "$1" ]
}

gw_get() { # JQ-FILTER: out of `gateway status`
	gw gateway status --json | jq -r "$1"
}

# How often a reason was counted.
gw_reason() { # NAME
	gw gateway drops --json | jq --arg r "$1" '[.[] | select(.reason == $r) | .packets] | add // 0'
}

# Flows that a rule let pass (or, in shadow mode, would have).
gw_hits() { # RULE
	gw gateway acl --json | jq --arg r "$1" '.rules[] | select(.name == $r) | .flows'
}

gw_flow_count() { # JQ-CONDITION
	gw gateway flows --json | jq "[.[] | select($1)] | length"
}

# gw_counts REASON N TEXT COMMAND...: the command succeeds, and meanwhile that reason was counted N
# times, or ("N+") at least so often.
gw_counts() {
	local reason=$1 n=$2 text=$3 before out
	shift 3
	before=$(gw_reason "$reason")
	if ! out=$("$@" 2>&1); then
		not_ok "$text"
		note "failed: $*: $out"
	elif wait_for 20 gw_counted "$reason" "$before" "$n"; then
		ok "$text"
	else
		not_ok "$text"
		note "$reason was counted $(($(gw_reason "$reason") - before)) times, not $n"
	fi
}

gw_counted() { # REASON BEFORE N
	local got=$(($(gw_reason "$1") - $2))
	case $3 in
	*+) [ $got -ge "${3%+}" ] ;;
	*) [ $got -eq "$3" ] ;;
	esac
}

gw_metrics() {
	in_ns gateway curl -sf "http://127.0.0.1:9587${1:-/metrics}"
}

# --- overlays ---------------------------------------------------------------------------------

node_ip6() { # NODE
	echo "fd64::${NODE[$1]}"
}

node_addr6() { # NODE DEV
	lab_addr "$1" "$2" "$(node_ip6 "$1")/64"
}

node_routes() { # NODE DEV [VIA]
	local subnet
	for subnet in $GW_SUBNETS; do
		case $subnet in
		*:*) ip -n "$1" -6 route replace "$subnet" ${3:+via "$(node_ip6 gateway)"} dev "$2" ;;
		*) ip -n "$1" route replace "$subnet" ${3:+via "$(node_ip gateway)"} dev "$2" ;;
		esac
	done
}

# What a node sends to the gateway: its own addresses, the subnets, and the other nodes when they
# are reached through it.
gw_allowed() { # [NODE...]
	local node
	printf '%s/32,%s/128' "$(node_ip gateway)" "$(node_ip6 gateway)"
	for node in $GW_SUBNETS; do
		printf ',%s' "$node"
	done
	for node; do
		printf ',%s/32,%s/128' "$(node_ip "$node")" "$(node_ip6 "$node")"
	done
}

# A node with the gateway as its peer, beside what wg_up has given it.
node_joins() { # NODE ENDPOINT [OTHER-NODE...]
	local node=$1 endpoint=$2
	shift 2
	wg set "$node" peer "$(cat $LAB/gateway.pub)" endpoint "$endpoint" \
		allowed-ips "$(gw_allowed "$@")"
	node_addr6 "$node" "$node"
	node_routes "$node" "$node"
}

reaches_gateway() { # NODE
	in_ns "$1" ping -n -q -c 1 -W 1 "$(node_ip gateway)"
}

gateway_site() {
	lab_site gateway 9
	lan_up
}

# Alice and bob behind their NATs, the gateway behind one of its own; all meet at the relay.
gateway_office() {
	local node
	GW_ENDPOINT=relay
	lab_up
	lab_site alice 1
	lab_site bob 2
	gateway_site
	NETWORKS="office:alice,bob,gateway"
	relay_conf
	relay_start
	gateway_conf
	gateway_start
	wg_up alice $R4 bob
	wg_up bob $R4 alice
	for node in alice bob; do node_joins $node $R4; done
	wait_for 40 node_online alice bob gateway || die "not all nodes registered at the relay"
	wait_for 40 reaches_web alice || die "alice does not reach the LAN"
}

# WireGuard from peer to peer, all with public addresses. Bob is reached by alice through the
# gateway, too.
gateway_direct() {
	local node
	GW_ENDPOINT=direct
	lab_up
	lab_host alice 1
	lab_host bob 2
	lab_host gateway 9
	lan_up
	gateway_conf
	gateway_start
	for node in alice bob; do
		wg_device $node
		wg set $node private-key $LAB/$node.key listen-port 51820
	done
	node_joins alice 198.18.9.2:51820 bob
	node_joins bob 198.18.9.2:51820 alice
	for node in alice bob; do
		wait_for 40 reaches_web $node || die "$node does not reach the LAN"
	done
}

# An overlay without WireGuard: nodes and gateway on an Ethernet of their own.
gateway_plain() {
	local node
	GW_ENDPOINT=none
	NODE=([gateway]=9 [alice]=1 [bob]=2 [c3]=3 [c4]=4 [c5]=5 [c6]=6)
	lab_ns gateway fabric
	ip -n fabric link add br0 type bridge
	ip -n fabric link set br0 up
	plain_wire gateway wg0
	lan_up
	for node in $GW_NODES; do
		lab_ns "$node"
		plain_wire "$node" "$node"
	done
	gateway_conf
	gateway_start
	for node in $GW_NODES; do
		node_routes "$node" "$node" via
	done
}

plain_wire() { # NODE DEV
	lab_wire "$1" "$2" fabric "$1"
	ip -n fabric link set "$1" master br0
	ip -n "$1" link set "$2" mtu "${WG_MTU:-1420}"
	lab_addr "$1" "$2" "$(node_ip "$1")/24" "$(node_ip6 "$1")/64"
}

# --- traffic ----------------------------------------------------------------------------------

# Who the web server says is asking.
web_asker() { # NODE [HOST[:PORT]]
	in_ns "$1" curl -sf --noproxy '*' -m 5 "http://${2:-$WEB}/"
}

# One packet, which a busy machine may keep longer than it takes to try again: who asks once says -W.
reaches_web() { # NODE [PING-OPTION...]
	in_ns "$1" ping -n -q -c 1 -W 1 "${@:2}" $WEB
}

fetch() { # NODE BYTES [HOST]: prints how many bytes came
	in_ns "$1" curl -sf --noproxy '*' -m 60 -o /dev/null -w '%{size_download}' \
		"http://${3:-$WEB}/bytes/$2"
}

udp() { # NODE OPTION... ADDRESS:PORT...
	local node=$1
	shift
	in_ns "$node" "$B/tests/interop/udp_client" "$@"
}

# The greeting of a TCP port: the address by which it sees the asker.
tcp_asker() { # NODE HOST PORT
	in_ns "$1" nc -N -w 10 "$2" "$3" </dev/null
}

# Why a connection was not made, in the kernel's words; nothing when it was, or nobody said a word.
tcp_refusal() { # NODE HOST PORT [SECONDS]
	in_ns "$1" timeout "${4:-10}" bash -c "exec 3<>/dev/tcp/$2/$3" 2>&1 | sed -n 's/^bash: connect: //p'
}

# A connection that stays open until it is stopped: what is written to fd 1 of NAME.in goes through
# it and comes back in NAME.log.
tcp_hold() { # NAME NODE HOST PORT
	mkfifo "$LAB/$1.in"
	spawn "$1" "$2" sh -c "exec nc -N $3 $4 <$LAB/$1.in"
	exec {TCP_FD}>"$LAB/$1.in"
	wait_for 60 test -s "$LAB/log/$1.log"
}

# Says a word through the held connection and waits for its echo.
tcp_says() { # NAME FD WORD
	echo "$3" >&"$2"
	wait_for 60 grep -q "^$3\$" "$LAB/log/$1.log"
}
