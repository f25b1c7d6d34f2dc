#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 240
#
# userspace/noise.c and cookie.c against stock wireguard-go, without a relay:
#
#	ours 192.0.2.2, 2001:db8::2 ────────── stock 192.0.2.1, 2001:db8::1
#	     (10.99.0.2 inside)                      wg0, 10.99.0.1

. "$(dirname "$0")/lib.sh"

PEER=$B/tests/interop/noise_wireguard_go
[ -x "$PEER" ] || die "$PEER is not built"

lab_ns ours stock
lab_wire ours eth0 stock eth0
lab_addr ours eth0 192.0.2.2/24 2001:db8::2/64
lab_addr stock eth0 192.0.2.1/24 2001:db8::1/64
node_keys ours stock psk other_psk

# A wireguard-go without memory of the handshakes before.
stock_start() {
	spawn wg-stock stock wireguard-go -f wg0
	wait_for 10 test -S /run/wireguard/wg0.sock || die "wireguard-go did not start"
	ip -n stock addr add 10.99.0.1/24 dev wg0
	ip -n stock link set wg0 up
	in_ns stock wg set wg0 listen-port 51820 private-key $LAB/stock.key
}

stock_stop() {
	stop wg-stock
	wait_for 20 not test -e /run/wireguard/wg0.sock
}

# What the stock side knows of us: wg set's own words.
stock_peer() { # [endpoint E] [persistent-keepalive N] [preshared-key FILE]
	in_ns stock wg set wg0 peer "$(cat $LAB/ours.pub)" allowed-ips 10.99.0.2/32 "$@"
}

ours() { # ROLE PEER-ENDPOINT OUR-ENDPOINT [PSK-FILE]
	local role=$1
	shift
	in_ns ours "$PEER" "$role" $LAB/ours.key "$(cat $LAB/stock.pub)" "$@"
}

# The handshake as initiator fails for the one reason that is expected here.
ours_refused() { # PEER-ENDPOINT OUR-ENDPOINT [PSK-FILE]
	ours initiator "$@" 2>&1 | grep 'the response does not authenticate'
}

ours_says() { # TEXT
	grep -q "$1" $LAB/log/ours.log
}

# As responder: ours in the background first, then the stock side, then its kernel's ping.
respond_to_stock() { # ROLE STOCK-ENDPOINT OUR-ENDPOINT OUR-PSK-FILE [WORDS OF WG SET...]
	local role=$1 at=$2 us=$3 psk=$4
	shift 4
	: >$LAB/log/ours.log
	spawn ours ours "$PEER" "$role" $LAB/ours.key "$(cat $LAB/stock.pub)" "$at" "$us" ${psk:+"$psk"}
	wait_for 10 ours_says listening || return 1
	stock_peer "$@"
	stock_peer endpoint "$us" persistent-keepalive 1 # only now, for this makes it initiate
	wait_for 40 ours_says 'both ways' &&
		wait_for 20 in_ns stock ping -n -q -c 1 -W 2 10.99.0.2 &&
		wait "${LAB_PID[ours]}" && return
	cat $LAB/log/ours.log
	stop ours
	return 1
}

handshake_seen() {
	[ "$(in_ns stock wg show wg0 latest-handshakes | cut -f 2)" -gt 0 ]
}

V4=(192.0.2.1:51820 192.0.2.2:40000)
V6=("[2001:db8::1]:51820" "[2001:db8::2]:40000")

stock_start
stock_peer persistent-keepalive 1
expect "initiator: handshake, data and keepalives with wireguard-go" ours initiator "${V4[@]}"
expect "initiator: wireguard-go counts the handshake" handshake_seen
expect "initiator: the same over IPv6" ours initiator "${V6[@]}"
stock_peer preshared-key $LAB/psk.key
expect "initiator: with a preshared key" ours initiator "${V4[@]}" $LAB/psk.key
expect "initiator: another preshared key is refused" ours_refused "${V4[@]}" $LAB/other_psk.key
expect "initiator: the missing preshared key is refused" ours_refused "${V4[@]}"
stock_stop

stock_start
expect "responder: wireguard-go's handshake, data, keepalives and ping" \
	respond_to_stock responder "${V4[@]}" ''
stock_stop

stock_start
expect "responder: the same over IPv6 with a preshared key" \
	respond_to_stock responder "${V6[@]}" $LAB/psk.key preshared-key $LAB/psk.key
stock_stop

stock_start
expect "responder: wireguard-go returns with the cookie that it was sent" \
	respond_to_stock demanding "${V4[@]}" ''
stock_stop

stock_start
stock_peer persistent-keepalive 1
expect "initiator: under load, wireguard-go's cookie opens and is honoured" ours flooding "${V4[@]}"
