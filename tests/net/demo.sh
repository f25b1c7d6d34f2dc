#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What Turnpike does, shown in about two minutes on this machine's own network namespaces: two stock
# WireGuard peers, each behind a NAT that gives every destination another port, meet through a
# relay that forwards their packets in XDP; and then they use an office LAN through a gateway that
# sits behind a NAT of its own; and in the end (demo_control.sh) a control plane configures all of it.
# Needs root; lib.sh says how it is isolated.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"
. "$LAB_DIR/control_lab.sh"

# --- how it looks -----------------------------------------------------------------------------

if [ -t 1 ]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
	BOLD='' DIM='' GREEN='' RED='' PLAIN=''
fi

PASSED=0

say() {
	printf '%s\n' "$*"
}

step() {
	printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"
}

ok() {
	PASSED=$((PASSED + 1))
	printf '  %sPASS%s  %s\n' "$GREEN" "$PLAIN" "$*"
}

not_ok() {
	TAP_FAILED=$((TAP_FAILED + 1))
	printf '  %sFAIL%s  %s\n' "$RED" "$PLAIN" "$*"
}

note() {
	printf '%s        %s%s\n' "$DIM" "$*" "$PLAIN"
}

lab_summary() {
	printf '\n%d passed, %d failed\n' $PASSED $TAP_FAILED
}

# judge TEXT CONDITION...: PASS when the test command holds.
judge() {
	local text=$1
	shift
	if "$@" >/dev/null; then
		ok "$text"
	else
		not_ok "$text"
	fi
}

# --- the players ------------------------------------------------------------------------------

keys() {
	local name
	for name in relay gateway alice bob carol; do
		(umask 077 && "$B/turnpike" genkey >$LAB/$name.key) || die "turnpike genkey"
		"$B/turnpike" pubkey <$LAB/$name.key >$LAB/$name.pub || die "turnpike pubkey"
	done
}

# A stock peer: the file that the relay prints for it plus its own private key, given to wg-quick.
stock_peer() { # NAME
	tp relay peer-config "$1" |
		sed "s|^ *PrivateKey *=.*|PrivateKey = $(cat $LAB/$1.key)|" >$LAB/$1.conf
	chmod 600 $LAB/$1.conf
	in_ns "$1" wg-quick up $LAB/$1.conf >>$LAB/log/wg-quick-$1.log 2>&1 ||
		not_ok "wg-quick took the file for $1"
}

# Carol, who knows the keys of the other network's nodes and asks the relay for them.
carol_tries_others() {
	local peer
	for peer in alice bob; do
		wg set carol peer "$(cat $LAB/$peer.pub)" endpoint $R4 allowed-ips "$(node_ip $peer)/32"
		ip -n carol route replace "$(node_ip $peer)" dev carol
	done
}

cat <<'PICTURE'

  alice ── NAT ──┐                          alice, bob   network "office", stock wireguard-go
                 ├── internet ── relay      carol        network "lab", the same
  bob ──── NAT ──┤       203.0.113.99:443   relay        turnpike-relay, XDP on its only NIC
  carol ─────────┤                          gateway      turnpike-gateway, a node of "office",
                 └─ NAT ── gateway                       with a LAN behind it
                              └── 192.168.10.0/24: web .10, echo .20
PICTURE

step "1. A relay and its nodes"
lab_up
lab_site alice 1
lab_site bob 2
lab_host carol 3
lab_site gateway 9
keys
NETWORKS="office:alice,bob,gateway lab:carol"
relay_conf
say "  Keys are made by 'turnpike genkey'; the relay's file lists public keys, network by network:"
sed -n '/name = /{s/^ */    /;s/"\(.\{8\}\)[^"]*=";/"\1…";/p}' $LAB/relay.conf
relay_start
judge "relay is up, XDP attached: $(relay_get .attach)" test "$(relay_get .attach)" = native

step "2. Each peer gets a plain wg-quick file"
say "  turnpike relay peer-config alice"
tp relay peer-config alice | sed "s/^/    $DIM│$PLAIN /"
for node in alice bob carol; do stock_peer $node; done
wait_for 40 node_online alice bob carol
judge "nodes registered: $(relay_get .nodes.online) of $(relay_get .nodes.known); the gateway comes later" \
	node_online alice bob carol

step "3. The NATs are of the bad kind"
for port in $RELAY_PORT $STUN_PORT; do
	printf 'x' | in_ns alice nc -u -w 1 -p 40001 $RELAY4 $port >/dev/null 2>&1
done
a=$(lab_nat_ports alice $RELAY4 $STUN_PORT)
b=$(in_ns nat-alice awk '/sport=40001 dport=443 / { sub(/.*dport=/, ""); print $1 }' /proc/net/nf_conntrack)
judge "alice's NAT: one local port leaves as $b for one destination, as $a for another" \
	test "$a" != "$b"
seen=$(stun alice $RELAY4)
judge "STUN on the same port tells alice her public address: ${seen:-no answer}" \
	test "${seen%:*}" = 198.18.1.2

step "4. Alice and bob meet"
wait_for 40 reaches alice bob
xdp=$(relay_forwarded xdp) user=$(relay_forwarded user)
ping=$(in_ns alice ping -n -q -i 0.05 -c 40 "$(node_ip bob)")
got=$(awk '/packets transmitted/ { print $4 }' <<<"$ping")
judge "ping alice -> bob: $got of 40, average $(awk -F/ '/^rtt/ { print $5 }' <<<"$ping") ms" \
	test "${got:-0}" = 40
spawn iperf bob iperf3 -s -1
wait_for 20 listens bob 5201
mbit=$(in_ns alice iperf3 -c "$(node_ip bob)" -t 3 -J |
	jq -r '.end.sum_received.bits_per_second / 1e6 | floor')
judge "TCP alice -> bob: $mbit Mbit/s through both tunnels (3 s, wireguard-go's speed)" \
	test "${mbit:-0}" -gt 0
xdp=$(($(relay_forwarded xdp) - xdp)) user=$(($(relay_forwarded user) - user))
judge "$xdp data packets forwarded in XDP, $user by the daemon" test $xdp -gt 1000 -a $user -lt 10

step "5. What the relay could see"
capture_start wire inet relay0 udp port $RELAY_PORT
capture_start inside alice alice icmp
secret=$(printf 'turnpike demo!!!' | od -An -tx1 | tr -d ' \n')
in_ns alice ping -n -q -i 0.02 -c 50 -p "$secret" "$(node_ip bob)" >/dev/null
captured() { # both have come to read what passed
	[ "$(capture_count wire)" -gt 150 ] && [ "$(capture_count inside)" -ge 100 ]
}
wait_for 10 captured
capture_stop wire
capture_stop inside
total=$(capture_count wire)
typed=$(capture_count wire 'udp[8] >= 1 and udp[8] <= 4 and udp[9:2] = 0 and udp[11] = 0')
judge "$typed of $total packets on the relay's wire are WireGuard messages" \
	test "$total" -gt 150 -a "$typed" = "$total"
inside=$(grep -ac 'turnpike demo' $LAB/inside.pcap)
outside=$(grep -ac 'turnpike demo' $LAB/wire.pcap)
judge "the plaintext: found in alice's tunnel, on the relay's wire $outside times" \
	test "$inside" -gt 0 -a "$outside" = 0

step "6. Carol belongs to another network"
carol_tries_others
refused=$(relay_reason target_unknown)
reached=0
for node in alice bob; do
	reaches carol $node >/dev/null 2>&1 && reached=$((reached + 1))
done
refused=$(($(relay_reason target_unknown) - refused))
judge "carol reaches $reached of 2 nodes; the relay refused $refused handshakes" \
	test $reached = 0 -a $refused -gt 0
say "  turnpike explain pair carol alice"
tp explain pair carol alice | tail -n 1 | sed "s/^/    $DIM│$PLAIN /"

step "7. Alice's NAT forgets her"
ping_start rebind alice "$(node_ip bob)" 0.02
before=$(node_get alice endpoint)
ping_more rebind 20
lab_nat_rebind alice
ping_more rebind 50
read -r sent received gap < <(ping_stop rebind)
after=$(node_get alice endpoint)
judge "address $before became $after" test "$before" != "$after"
# WireGuard itself would notice after 15 seconds, and try again each 5.
judge "traffic was back after $gap ms ($((sent - received)) of $sent pings lost)" test "$gap" -lt 5000

step "8. The daemon dies"
ping_start kill alice "$(node_ip bob)" 0.02
ping_more kill 20
stop relay KILL
say "  kill -9; nobody is at home"
ping_more kill 50
relay_start
ping_more kill 50
read -r sent received gap < <(ping_stop kill)
spared=$(lab_drops_since kill) # not the relay's doing, see lab_drops
judge "killed and restarted under a ping: $((sent - received)) of $sent lost" \
	test "$received" -gt 0 -a $((sent - received)) -le "$spared"
judge "nodes known to the new daemon without a handshake: $(relay_get .nodes.online)" \
	node_online alice bob

step "9. An office LAN behind a gateway"
say "  The gateway is one more node, behind a NAT, with a policy: staff may use the web server,"
say "  anyone may download from port 8080, nothing else passes."
lan_up
GW_RULES=("web tag:staff $WEB tcp 80" "files any $WEB tcp 8080")
gateway_conf
gateway_start
say "  turnpike gateway status"
gw gateway status | sed -n "2,6p" | sed "s/^/    $DIM│$PLAIN /"
for node in alice bob; do
	wg set $node peer "$(cat $LAB/gateway.pub)" endpoint $R4 allowed-ips "$(gw_allowed)"
	node_routes $node $node
done
wait_for 40 node_online gateway
judge "the gateway registered at the relay, from $(node_get gateway endpoint)" node_online gateway
wait_for 40 web_asker alice
page=$(web_asker alice)
judge "alice loads a page from $WEB; the host sees ${page:-nobody}, the gateway" \
	test "${page%:*}" = $GATEWAY_LAN
xdp=$(relay_forwarded xdp)
mbit=$(in_ns alice curl -sf --noproxy '*' -m 60 -o /dev/null -w '%{speed_download}' "http://$WEB/bytes/20000000" |
	awk '{ printf "%d", $1 * 8 / 1e6 }')
xdp=$(($(relay_forwarded xdp) - xdp))
judge "20 MB at $mbit Mbit/s, $xdp packets of it forwarded by the relay in XDP" \
	test "${mbit:-0}" -gt 0 -a $xdp -gt 5000

step "10. What the policy does not allow"
refused=$(tcp_refusal alice $ECHO 7)
judge "alice to $ECHO port 7: ${refused:-connected}" test "$refused" = "No route to host"
refused_to() { # NODE: who has not met the gateway yet, and may have to knock twice
	[ -n "$(tcp_refusal "$1" $WEB 80 3)" ]
}
wait_for 40 refused_to bob
refused=$(tcp_refusal bob $WEB 80)
judge "bob, who is no staff, to $WEB port 80: ${refused:-connected}" test "$refused" = "No route to host"
say "  turnpike gateway acl"
gw gateway acl | sed "s/^/    $DIM│$PLAIN /"
hits=$(gw_hits web) denied=$(gw gateway acl --json | jq .default_refused)
judge "counted by rule: web let in $hits flows, the default refused $denied" \
	test "$hits" -ge 2 -a "$denied" -ge 2
say "  turnpike explain flow bob $WEB tcp 80"
gw explain flow bob $WEB tcp 80 | tail -n 1 | sed "s/^/    $DIM│$PLAIN /"

step "11. The policy changes under traffic"
ping_start policy alice "$(node_ip bob)" 0.05
spawn download alice curl -sf --noproxy '*' -m 60 --limit-rate 3M -o /dev/null -w '%{size_download}' \
	"http://$WEB:8080/bytes/9000000"
GW_RULES=("files any $WEB tcp 8080" "echo alice $ECHO tcp 7")
gateway_reload
say "  alice loses the web and gets port 7 of $ECHO, while she downloads from port 8080"
asker=$(tcp_asker alice $ECHO 7)
judge "what was refused is allowed: alice to $ECHO port 7, seen as ${asker:-nobody}" \
	test "${asker%:*}" = $GATEWAY_LAN
judge "what was allowed is refused: alice to $WEB port 80" not web_asker alice
wait "${LAB_PID[download]}"
unset "LAB_PID[download]"
judge "the download was not disturbed: $(cat $LAB/log/download.log) of 9000000 bytes" \
	test "$(cat $LAB/log/download.log)" = 9000000
ping_stop policy >/dev/null

step "12. No packet filter did that"
rules=$(in_ns gateway nft list ruleset)
judge "'nft list ruleset' in the gateway: ${rules:-empty}" test -z "$rules"
judge "net.ipv4.ip_forward in the gateway: $(in_ns gateway sysctl -n net.ipv4.ip_forward)" \
	test "$(in_ns gateway sysctl -n net.ipv4.ip_forward)" = 0

. "$LAB_DIR/demo_control.sh"
