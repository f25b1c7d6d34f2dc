#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# docs/quickstart.md step by step, with the daemons as they are installed and run by systemd; then
# each of the three is restarted and killed under traffic.
#
#	                        198.18.1.0/24
#	 this machine:    ann ──────────────┐
#	 control, relay                     │             192.168.10.0/24
#	 eth0 ───────────────────────────── inet (NAT) ──────────┬──── office   turnpike-gateway
#	 203.0.113.10, .99      198.18.2.0/24│             .254  │ .2
#	                  bea ──────────────┘                    └──── web      HTTP on port 80
#	                                                           .5
#
# Office is a machine of its own in the text. Here it is a network namespace that the gateway's unit is
# put into, and its auth key takes the place of the relay's, which has joined by then.
# limit: 400

. "$(dirname "$0")/systemd.sh"

B=${BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build}
UNITS="turnpike-control turnpike-relay turnpike-gateway"
WORK=$(mktemp -d)
cd "$WORK" || exit 1

in_ns() { # NS COMMAND...
	ip netns exec "$@"
}

# --- the machines -----------------------------------------------------------------------------

wire() { # DEV NS ADDRESS ROUTER-ADDRESS: from inet to that namespace's eth0
	ip netns add "$2"
	ip -n "$2" link add eth0 type veth peer name "$1" netns inet
	host_end "$2" "$3" "${4%/*}"
	router_end "$1" "$4"
}
host_end() { # NS ADDRESS ROUTER
	in_ns "$1" ethtool -K eth0 tx off >/dev/null
	ip -n "$1" link set lo up
	ip -n "$1" addr add "$2" dev eth0
	ip -n "$1" link set eth0 up
	[ -z "$3" ] || ip -n "$1" route add default via "$3"
}
router_end() { # DEV ADDRESS
	in_ns inet ethtool -K "$1" tx off >/dev/null
	ip -n inet link set "$1" up
	[ -z "$2" ] || ip -n inet addr add "$2" dev "$1"
}

this_machine() {
	ip link add eth0 type veth peer name relay0 netns inet
	# What the relay's XDP program sends out of a veth only arrives where there is a program, too.
	in_ns inet ip link set dev relay0 xdp object "$B/tests/bpf/pass.bpf.o" section xdp
	router_end relay0 203.0.113.1/24
	ip addr add 203.0.113.10/24 dev eth0
	ip addr add 203.0.113.99/24 dev eth0
	ip link set eth0 up
	ip route add default via 203.0.113.1
}

lan() {
	ip -n inet link add lan type bridge
	router_end lan 192.168.10.254/24
	wire lan-office office 192.168.10.2/24 ""
	wire lan-web web 192.168.10.5/24 ""
	for name in office web; do
		ip -n inet link set lan-$name master lan
		ip -n $name route replace default via 192.168.10.254
	done
	in_ns web "$B/tests/interop/lan_server" -w 80 >web.log &
}

nat() {
	in_ns inet sysctl -qw net.ipv4.ip_forward=1
	in_ns inet nft -f - <<-NFT
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat;
				ip saddr 192.168.10.0/24 oifname "relay0" masquerade
			}
		}
	NFT
}

ip netns add inet
ip -n inet link set lo up
this_machine
lan
wire ann ann 198.18.1.2/24 198.18.1.1/24
wire bea bea 198.18.2.2/24 198.18.2.1/24
nat
mkdir -p /etc/systemd/system/turnpike-gateway.service.d
printf '[Service]\nNetworkNamespacePath=/run/netns/office\n' \
	>/etc/systemd/system/turnpike-gateway.service.d/office.conf
systemctl daemon-reload

# --- 1. control -------------------------------------------------------------------------------

ctl() {
	turnpike control "$@"
}
credentials() {
	[ -s /var/lib/turnpike/control-admin.json ]
}
active() { # UNIT
	expect "$1 is active" property "$1" ActiveState active
	expect "$1 is running" property "$1" SubState running
}

cp /etc/turnpike/control.conf.example /etc/turnpike/control.conf
expect "control starts" systemctl enable --now turnpike-control
active turnpike-control
confined turnpike-control 0000000000000000
expect "and has made its first administrator" credentials
expect "who logs in" ctl login --server http://127.0.0.1:8443 \
	--credentials /var/lib/turnpike/control-admin.json
expect "a tenant" ctl tenant create acme
expect "a network" ctl network create office
CONTROL_KEY=$(ctl daemon | awk '$1 == "key" { print $2 }')
expect "the key that nodes connect to, $CONTROL_KEY" grep -qE "^[A-Za-z0-9+/]{43}=\$" <<<"$CONTROL_KEY"

# --- 2. the relay -----------------------------------------------------------------------------

auth_key() { # NAME ROLE: into the file that the text names
	ctl auth-key create "$1" --role "$2" | grep -o 'tpk_[A-Za-z0-9_-]*' | head -n 1 >"$1.auth"
	install -m 600 /dev/stdin /etc/turnpike/auth.key <"$1.auth"
	grep -q tpk_ /etc/turnpike/auth.key
}
control_line() {
	echo 'control = { server = "203.0.113.10:8447"; public_key = "'"$CONTROL_KEY"'"; auth_key_file = "/etc/turnpike/auth.key"; };'
}
joined() { # relay|gateway
	[ "$(turnpike "$1" status --json | jq .control.connected)" = true ]
}

expect "an auth key of role relay" auth_key fra relay
expect "the relay's key" turnpike genkey /etc/turnpike/relay.key
cat >/etc/turnpike/relay.conf <<CONF
interfaces = [ "eth0" ];
listen_port = 443;
private_key_file = "/etc/turnpike/relay.key";
public_endpoints = [ "203.0.113.99:443" ];
$(control_line)
CONF
expect "the relay starts" systemctl enable --now turnpike-relay
active turnpike-relay
confined turnpike-relay 0000008000001000 # NET_ADMIN, BPF
expect "and joins" soon joined relay
RELAY=$(ctl relay list --json | jq -r '.[0].name')
expect "it serves the network, as $RELAY" ctl relay serve "$RELAY"

# --- 3. the gateway ---------------------------------------------------------------------------

node_row() { # JQ-FILTER: of the only node yet
	ctl node list --json | jq -r ".[0] | $1"
}
expect "an auth key of role gateway" auth_key office gateway
cat >/etc/turnpike/gateway.conf <<CONF
$(control_line)
egress = { uplinks = [ "eth0" ]; };
CONF
expect "the gateway starts" systemctl enable --now turnpike-gateway
active turnpike-gateway
confined turnpike-gateway 0000008000001000
expect "and joins" soon joined gateway
expect "it has an address" test "$(node_row .allocatedIp)" = 100.64.1.1
GATEWAY=$(node_row .deviceName)
expect "and leads to the LAN, as $GATEWAY" ctl egress set "$GATEWAY" 192.168.10.0/24

# --- 4. the phones ----------------------------------------------------------------------------

# The file is what comes before the QR code, whose characters are none of ASCII's.
phone() { # NAME: as if it had scanned the code
	ctl peer add "$1" --qr >"$1.out" || return 1
	grep -av '[^ -~]' "$1.out" >"$1.conf"
	grep -aq '[^ -~]' "$1.out" && in_ns "$1" wg-quick up "$WORK/$1.conf"
}
phone_again() { # NAME: as if it had scanned that of a new file
	local key
	key=$(sed -n 's/^PrivateKey = //p' "$1.conf")
	in_ns "$1" wg-quick down "$WORK/$1.conf" || return 1
	ctl peer export "$1" | sed "s|^PrivateKey = .*|PrivateKey = $key|" >"$1.fresh" || return 1
	mv "$1.fresh" "$1.conf"
	in_ns "$1" wg-quick up "$WORK/$1.conf"
}
address() { # NAME
	sed -n 's/^Address = \([0-9.]*\)\/.*/\1/p' "$1.conf"
}
reaches() { # NAME ADDRESS
	in_ns "$1" ping -n -q -c 2 -W 5 "$2"
}
page() { # NAME
	in_ns "$1" curl -sf -m 20 http://192.168.10.5/
}
stale() { # NAME
	ctl peer stale | grep -w "$1"
}

expect "ann's file and code" phone ann
expect "bea's" phone bea
expect "ann's is stale now" stale ann
expect "and is printed anew" phone_again ann
expect "ann reaches bea through the relay" soon reaches ann "$(address bea)"
expect "ann loads a page in the office" soon page ann
equal_sources() {
	[ "$(sort -u <<<"$(sed -n 's/^http 80 from \([0-9.]*\):.*/\1/p' web.log)")" = 192.168.10.2 ]
}
expect "which sees the gateway's address" equal_sources

# --- 5. rules ---------------------------------------------------------------------------------

cat >policy.json <<'JSON'
[ { "name": "web",  "from": ["ann", "bea"], "to": ["192.168.10.0/24"], "protocol": "tcp", "ports": ["80", "443"] },
  { "name": "talk", "from": ["ann"], "to": ["bea"] } ]
JSON
expect "a policy" ctl policy apply policy.json --name initial
expect "tells of ann and the office" ctl policy test ann 192.168.10.5 tcp 443
expect "ann may not ping there any more" soon not reaches ann 192.168.10.5
expect "but load the page" soon page ann
expect "and reach bea" soon reaches ann "$(address bea)"
expect "explain pair, on the relay" turnpike explain pair ann bea
expect "explain flow, on the gateway" turnpike explain flow "$(address ann)" 192.168.10.5 tcp 80
expect "the audit record" ctl audit

# --- restarts ---------------------------------------------------------------------------------

# A ping every fifth of a second from ann to bea, which only the relay's program forwards, and a
# page through both, while the daemons come and go.
ping_start() {
	ip netns exec ann ping -n -i 0.2 "$(address bea)" >ping.log & # of in_ns it were the shell's pid
	PING=$!
	soon ping_past 5
}
ping_past() { # REPLIES
	[ "$(grep -c 'bytes from' ping.log)" -ge "$1" ]
}
ping_stop() {
	soon ping_past $(($(grep -c 'bytes from' ping.log) + 10))
	kill -INT $PING
	wait $PING
}
lost() {
	local sent
	sent=$(sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' ping.log | tail -n 1)
	echo $((sent - $(grep -c 'bytes from' ping.log)))
}
works() { # UNIT: what it is for
	case $1 in
	turnpike-control) ctl login --server http://127.0.0.1:8443 --credentials /var/lib/turnpike/control-admin.json ;;
	turnpike-relay) joined relay ;;
	turnpike-gateway) joined gateway ;;
	esac
}

running() { # UNIT
	property "$1" SubState running
}
journalctl_errors() { # UNIT: of this process
	journalctl -u "$1" -p warning "_PID=$(main_pid "$1")" -o cat --no-pager | grep .
}

ping_start
for unit in $UNITS; do
	pid=$(main_pid $unit)
	expect "$unit: a restart" systemctl restart $unit
	expect "is another process" not property $unit MainPID "$pid"
	active $unit
	expect "and works" soon works $unit
	expect "ann loads the page" soon page ann
	expect "$unit: a reload" systemctl reload $unit
	expect "is over" soon running $unit
	expect "and refused nothing" not journalctl_errors $unit
	kill -KILL "$(main_pid $unit)"
	expect "$unit: killed, it is started again" soon property $unit NRestarts 1
	expect "is running" soon running $unit
	expect "and works" soon works $unit
	expect "ann loads the page" soon page ann
done
ping_stop
expect "of $(grep -c 'bytes from' ping.log) pings from ann to bea meanwhile $(lost) were lost" test "$(lost)" = 0

# --- what is left -----------------------------------------------------------------------------

secrets() { # one a line
	awk NF /etc/turnpike/relay.key ./*.auth /var/lib/turnpike/*.key
	jq -r .password /var/lib/turnpike/control-admin.json
	sed -n 's/^PrivateKey = //p' ./*.conf
}
journal_tells() {
	journalctl --no-pager -o cat | grep -F -f <(secrets)
}
readable() { # files of theirs that others may read
	find /var/lib/turnpike /etc/turnpike \( -name '*.key' -o -name '*.db*' -o -name '*admin*' \) -perm /077 | grep .
}
expect "the journal has what the daemons say" grep -q super_admin <(journalctl --no-pager -o cat)
expect "$(secrets | wc -l) secrets, and the journal has none of them" not journal_tells
expect "none of their files is readable by others" not readable
expect "ann reaches bea" soon reaches ann "$(address bea)"
for unit in turnpike-relay turnpike-gateway turnpike-control; do
	expect "$unit stops" systemctl stop $unit
	[ $unit != turnpike-relay ] || expect "ann and bea do not need it" reaches ann "$(address bea)"
	expect "cleanly" property $unit Result success
	expect "and is enabled for the next boot" systemctl is-enabled $unit
done
exit $FAILED
