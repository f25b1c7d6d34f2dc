#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hostile: a stranger never gets more WireGuard bytes than it sent, whatever it sends.

. "$(dirname "$0")/lib.sh"

lab_office
lab_host mallory 5

record_start stranger inet mallory -p $RELAY_PORT
send() { # OPTION...
	raw mallory -s 198.18.5.2:999 -d $R4 -n 50 "$@" >/dev/null
}
for type in 1 2; do
	for key in relay alice bob; do
		send -w $type -m "$(cat $LAB/$key.pub)"
		send -w $type -m "$(cat $LAB/$key.pub)" -v 1
	done
	send -w $type
done
send -w 3
send -w 4
send -w 4 -l 1200
for length in 1 4 32 148 1000; do
	send -l $length
done
sentinel() { # the relay has dealt with everything before it
	[ -n "$(stun mallory $RELAY4)" ]
}
expect "the relay still answers" wait_for 10 sentinel
record_stop stranger

# STUN's answer is larger than its question by RFC 8489, and limited on its own: not counted here.
recorded stranger | awk '
	$3 ~ /^0[1-4]000000/ || $2 ~ /:443$/ {
		if ($2 ~ /:443$/) { out += length($3) / 2; asked++ }
		else { back += length($3) / 2; answered++ }
	}
	END { print out + 0, back + 0, asked + 0, answered + 0 }' >$LAB/sums
read -r out back asked answered <$LAB/sums
expect "the stranger sent $asked packets, $out bytes" test "$asked" -gt 900
expect "and got no more than that: $answered packets, $back bytes" \
	test "$answered" -le "$asked" -a "$back" -le "$out"
recorded stranger | awk '$1 ~ /:443$/ && $3 !~ /^0101/ && length($3) / 2 > 64' >$LAB/large
expect "what it got were cookies, 64 bytes at most" test ! -s $LAB/large
