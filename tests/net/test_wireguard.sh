#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 360
#
# A WireGuard device as userspace/wireguard.h keeps it, through tests/interop/wireguard_device.c on
# the host `here`; the others are stock peers. Of wireguard-go, or of the kernel with LAB_WG=kernel.
#
#	here ─────────── hub ─────────── far (roams from .2 to .3)
#	     198.18.9.0    └──────────── other
. "$(dirname "$0")/lib.sh"

BACKEND=wireguard-go
[ "${LAB_WG:-}" != kernel ] || BACKEND=kernel
PORT=51820
ROUNDS=20

# --- hosts ------------------------------------------------------------------------------------

host() { # NAME N
	NODE[$1]=$2
	lab_ns "$1"
	lab_wire "$1" eth0 hub "$1"
	lab_addr hub "$1" "198.18.$2.1/24"
	lab_addr "$1" eth0 "198.18.$2.2/24"
	ip -n "$1" route add default via "198.18.$2.1"
	node_keys "$1"
}

stock_peer() { # NAME: which knows here, and answers to its own address and to 10.9.7.1
	wg_device "$1"
	wg set "$1" private-key "$LAB/$1.key" listen-port $PORT peer "$(cat $LAB/here.pub)" \
		preshared-key $LAB/psk allowed-ips "$(node_ip here)/32"
	lab_addr "$1" lo 10.9.7.1/32
}

# --- the device -------------------------------------------------------------------------------

keeper_start() {
	rm -f $LAB/in
	mkfifo $LAB/in
	: >$LAB/log/keeper.log
	spawn keeper here sh -c "exec '$B/tests/interop/wireguard_device' here auto /usr/bin/wireguard-go <$LAB/in"
	exec 3>$LAB/in
	wait_for 20 grep -q '^open' $LAB/log/keeper.log || die "no device: $(cat $LAB/log/keeper.log)"
}

keeper_end() {
	exec 3>&-
	wait "${LAB_PID[keeper]}"
	unset 'LAB_PID[keeper]'
}

opened() {
	sed -n 's/^open //p' $LAB/log/keeper.log
}

# How many commands have been answered; it is the latest one's number.
answered() {
	grep -c '^\(ok\|failed\) ' $LAB/log/keeper.log
}

answered_over() { # N
	[ "$(answered)" -gt "$1" ]
}

# Counts in the log, as `expect` runs its command in a subshell.
tell() { # COMMAND...: succeeds when the command did
	local before
	before=$(answered)
	echo "$*" >&3
	wait_for 20 answered_over "$before" && grep -q "^ok $((before + 1)) " $LAB/log/keeper.log
}

why() { # of the latest command
	sed -n "s/^failed $(answered) .*: //p" $LAB/log/keeper.log
}

# What the latest command printed.
printed() {
	awk -v n="$(answered)" '
		/^(ok|failed) / { if ($2 == n) { printf "%s", text }; text = ""; next }
		{ text = text $0 "\n" }' $LAB/log/keeper.log
}

peer_lines() { # NAME ENDPOINT ALLOWED...
	printf 'peer %s\npsk %s\nendpoint %s\nkeepalive 25\n' "$(cat "$LAB/$1.pub")" "$(cat $LAB/psk)" "$2"
	printf 'allowed %s\n' "${@:3}"
}

FAR="198.18.1.2:$PORT" OTHER="198.18.2.2:$PORT"
config() { # writes $LAB/config: FAR-PREFIXES OTHER-PREFIXES [LINE...]
	{
		printf 'private %s\nport %s\n' "$(cat $LAB/here.key)" $PORT
		# shellcheck disable=SC2086
		peer_lines far $FAR "$(node_ip far)/32" $1
		# shellcheck disable=SC2086
		peer_lines other $OTHER "$(node_ip other)/32" $2
		[ $# -lt 3 ] || printf '%s\n' "${@:3}"
	} >$LAB/config
}

apply() { # as config
	config "$@"
	tell apply $LAB/config
}

allowed_of() { # NAME
	wg show here allowed-ips | awk -v key="$(cat "$LAB/$1.pub")" '$1 == key { $1 = ""; print }' |
		tr ' ' '\n' | sort | xargs
}

endpoint_is() { # ENDPOINT: of far
	wg show here endpoints | grep -q "^$(cat $LAB/far.pub)[[:space:]]$1$"
}

flood_start() { # NAME
	ping_start "$1" here "$(node_ip far)" 0.004 3>&- # or the keeper would not see the end of its input
}

lab_router hub
host here 9
host far 1
host other 2
wg genpsk >$LAB/psk
stock_peer far
stock_peer other
for i in 1 2 3; do
	STRANGER[i]=$(wg genkey | wg pubkey)
done

# --- made and told ----------------------------------------------------------------------------

keeper_start
equal "the device is made, of $BACKEND" "$BACKEND made" "$(opened)"
expect "it is configured" apply "" ""
expect "and gets an MTU" tell mtu 1420
expect "and an address" tell address "$(node_ip here)/24"
expect "and is set up" tell up
expect "it reaches one peer" wait_for 20 reaches here far
expect "and the other" wait_for 20 reaches here other
tell stats
expect "a peer's counters and endpoint are told" grep -q \
	"^$(cat $LAB/far.pub) $FAR [1-9][0-9]* [1-9][0-9]* [1-9][0-9]*$" <<<"$(printed)"
expect "and the port" grep -qx "port $PORT" <<<"$(printed)"

# --- changes under traffic --------------------------------------------------------------------

unrelated_changes() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		apply "" "" "peer ${STRANGER[1]}" "allowed 10.20.0.0/16" "allowed fd20::/64" || return
		apply "" "" "peer ${STRANGER[1]}" "endpoint 192.0.2.77:$((i + 1))" "keepalive $((i + 1))" \
			"allowed 10.21.0.0/16" || return
		apply "" "" "peer ${STRANGER[2]}" "allowed 10.21.0.0/16" || return
		apply "" "" || return
	done
}
flood_start unrelated
expect "others are added, changed and removed, $ROUNDS times" unrelated_changes
ping_lossless unrelated "a peer that has nothing to do with it"
equal "no one else is left" 2 "$(wg show here peers | wc -l)"

prefix_changes() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		apply "10.9.1.0/24 fd09:1::/64" "" || return
		apply "10.9.2.0/24" "" || return
	done
}
flood_start prefixes
expect "a peer's own prefixes come and go, $ROUNDS times" prefix_changes
ping_lossless prefixes "those it keeps"
equal "and those that it should have are left" "10.9.2.0/24 $(node_ip far)/32" "$(allowed_of far)"
equal "a peer made on the way is not" 2 "$(wg show here peers | wc -l)"

expect "a prefix is given to one peer" apply "10.9.7.1/32" "10.9.8.0/24"
expect "and one more to the other, and both are swapped" apply "10.9.8.0/24" "10.9.7.1/32"
equal "so one has this" "$(node_ip far)/32 10.9.8.0/24" "$(allowed_of far | tr ' ' '\n' | sort -r | xargs)"
equal "and the other that" "10.9.7.1/32 $(node_ip other)/32" "$(allowed_of other)"
expect "a route leads there" tell route 10.9.7.1/32
expect "and packets arrive" wait_for 30 in_ns here ping -n -q -c 1 -W 2 10.9.7.1
refuse "the same prefix for two is refused" apply "10.9.7.1/32" "10.9.7.1/32"
equal "and changes nothing" "10.9.7.1/32 $(node_ip other)/32" "$(allowed_of other)"

# Keys are random bits: 42 characters of them, and an end that makes it 32 bytes.
strangers() { # N
	local i=0 bits
	while read -r bits; do
		printf 'peer %s\nallowed 10.%d.%d.%d/32\nallowed fd30::%x/128\n' \
			"${bits}A=" $((30 + i / 65536)) $((i / 256 % 256)) $((i % 256)) $i
		i=$((i + 1))
	done < <(tr -dc A-Za-z0-9+/ </dev/urandom | fold -w 42 | head -n "$1")
}
MANY=${MANY:-1000}
many=$(strangers "$MANY")
flood_start many
expect "$MANY peers more" apply "" "" "$many"
equal "are all there" $((MANY + 2)) "$(wg show here peers | wc -l)"
equal "with both prefixes" "$MANY" "$(wg show here allowed-ips | grep -c 'fd30::')"
expect "they go" apply "" ""
ping_lossless many "meanwhile"
equal "and are gone" 2 "$(wg show here peers | wc -l)"

# --- a peer that roams, a process that ends ---------------------------------------------------

# The former address goes first, or the new one would go with it, as its secondary.
roam() {
	ip -n far addr del 198.18.1.2/24 dev eth0
	lab_addr far eth0 198.18.1.3/24
	ip -n far route replace default via 198.18.1.1
	wg set far peer "$(cat $LAB/here.pub)" endpoint "198.18.9.2:$PORT" persistent-keepalive 1
}
roam
expect "a peer roams" wait_for 20 endpoint_is "198.18.1.3:$PORT"
expect "and is reached there" wait_for 30 reaches here far
flood_start roamed
expect "a change of something else" apply "10.9.1.0/24" "" "peer ${STRANGER[1]}"
expect "and back" apply "" ""
ping_more roamed 20
ping_lossless roamed "the peer that roamed"
expect "which is still where it was" endpoint_is "198.18.1.3:$PORT"

expect "what was applied is saved" tell save $LAB/saved
flood_start restart
keeper_end
keeper_start
equal "the next process adopts the device" "$BACKEND adopted" "$(opened)"
expect "takes what was saved" tell load $LAB/saved
expect "and applies the same" apply "" ""
expect "and something else" apply "" "" "peer ${STRANGER[1]}"
keeper_end
keeper_start
expect "another one has nothing saved, and applies the same" apply "" ""
ping_more restart 20
ping_lossless restart "meanwhile"
expect "the roamed peer is where it was" endpoint_is "198.18.1.3:$PORT"
equal "what the former one had added is gone" 2 "$(wg show here peers | wc -l)"

moves() { # unless the peer is heard in between, whose keepalive leads back
	FAR="198.18.1.3:$PORT" && apply "" "" && FAR=198.18.1.3:1 && apply "" "" && endpoint_is "$FAR"
}
expect "a config with another endpoint moves it all the same" wait_for 20 moves
FAR="198.18.1.3:$PORT"
apply "" ""

wg set here peer "${STRANGER[3]}" allowed-ips 10.66.0.0/16
wg set here peer "$(cat $LAB/other.pub)" allowed-ips 10.67.0.0/16
keeper_end
keeper_start
expect "what someone else had changed" apply "" ""
equal "is put right by the next process: peers" 2 "$(wg show here peers | wc -l)"
equal "and prefixes" "$(node_ip other)/32" "$(allowed_of other)"

# --- addresses and routes ---------------------------------------------------------------------

for cidr in 10.50.0.1/24 fd50::1/64; do
	expect "address $cidr" tell address $cidr noprefixroute
	expect "address $cidr again" tell address $cidr noprefixroute
done
tell addresses
equal "they are told" "10.50.0.1/24 noprefixroute $(node_ip here)/24 fd50::1/64 noprefixroute" \
	"$(printed | sort | xargs)"
for cidr in 10.50.0.1/24 fd50::1/64; do
	expect "no address $cidr" tell noaddress $cidr
	expect "no address $cidr again" tell noaddress $cidr
done
tell addresses
equal "they are gone" "$(node_ip here)/24" "$(printed)"

for cidr in 10.51.0.0/16 fd51::/64; do
	expect "route $cidr" tell route $cidr
	expect "route $cidr again" tell route $cidr
done
expect "the route to a prefix with another source" tell route 10.51.0.0/16 0 "$(node_ip here)"
expect "takes the former's place" grep -q "src $(node_ip here)" \
	<<<"$(ip -n here route show 10.51.0.0/16 proto 84)"
ip -n here route add 10.52.0.0/16 dev eth0
ip -n here route add default dev eth0 metric 9
refuse "a route that someone else has" tell route 10.52.0.0/16
equal "is refused" "File exists" "$(why)"
expect "and stays through a deletion" tell noroute 10.52.0.0/16
expect "of ours" grep -q eth0 <<<"$(ip -n here route show 10.52.0.0/16)"
tell routes
equal "routes are told" "10.51.0.0/16 metric 0 source $(node_ip here) 10.9.7.1/32 metric 0 source - fd51::/64 metric 1024 source -" \
	"$(printed | sort | xargs)"
for cidr in 10.51.0.0/16 fd51::/64 10.9.7.1/32; do
	expect "no route $cidr" tell noroute $cidr
	expect "no route $cidr again" tell noroute $cidr
done
tell routes
equal "they are gone" "" "$(printed)"

# --- ends -------------------------------------------------------------------------------------

serving() { # the process of wireguard-go for here
	pgrep -f 'wireguard-go -f here'
}

if [ $BACKEND = wireguard-go ]; then
	kill -KILL "$(serving)"
	expect "wireguard-go is killed, and its device is gone" wait_for 10 not ip -n here link show here
	refuse "which is noticed" tell stats
	spawn wg-here here wireguard-go -f here
	wait_for 10 wg show here # the socket of the one that was killed is still there
	expect "another one is told all anew" apply "" ""
	equal "and has it" 2 "$(wg show here peers | wc -l)"
	tell address "$(node_ip here)/24" && tell up
	expect "so that it works" wait_for 20 reaches here other
fi
expect "the device is deleted" tell delete
expect "and gone" wait_for 30 not ip -n here link show here
if [ $BACKEND = wireguard-go ]; then
	expect "with its process" wait_for 10 not serving
fi
