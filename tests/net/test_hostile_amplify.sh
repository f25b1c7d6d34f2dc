#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hostile: a stranger never gets more WireGuard bytes than it sent, whatever it sends, and also
# when the relay is under load and challenges.

. "$(dirname "$0")/lib.sh"

lab_office
lab_host mallory 5

# On the relay's own wire: what goes to addresses that nobody answers for counts as well.
record_start stranger inet relay0 -p $RELAY_PORT
send() { # OPTION...
	raw mallory -s 198.18.5.2:999 -d $R4 -n 50 "$@" >/dev/null
}
for type in 1 2; do
	for key in relay alice bob; do
		send -w $type -m "$(cat $LAB/$key.pub)"
		send -w $type -m "$(cat $LAB/$key.pub)" -v 50
	done
	send -w $type
done
send -w 3
send -w 4
send -w 4 -l 1200
for length in 1 4 32 148 1000; do
	send -l $length
done
challenged() { # by what each host is allowed a second, which is little even for a slow machine
	raw mallory -s 198.18.5.2:9 -v 4 -d $R4 -w 1 -m "$(cat $LAB/relay.pub)" -n 2000 >/dev/null
	[ "$(relay_reason challenge)" -gt 100 ]
}
expect "the relay is driven to challenge" wait_for 30 challenged
sentinel() { # the relay has dealt with everything before it
	[ -n "$(stun mallory $RELAY4)" ]
}
expect "it still answers" wait_for 30 sentinel
record_stop stranger

# STUN's answer is larger than its question by RFC 8489, and limited on its own: not counted here.
recorded stranger | awk '
	$1 ~ /^198\.18\.5\./ { out += length($3) / 2; asked++ }
	$2 ~ /^198\.18\.5\./ && $3 ~ /^0[1-4]000000/ {
		back += length($3) / 2
		answered++
		if (length($3) / 2 > 64)
			large++
	}
	END { print out + 0, back + 0, asked + 0, answered + 0, large + 0 }' >$LAB/sums
read -r out back asked answered large <$LAB/sums
expect "$asked packets of $out bytes were recorded" test "$asked" -gt 900
expect "and $answered in return of $back bytes" \
	test "$answered" -gt 0 -a "$answered" -le "$asked" -a "$back" -le "$out"
equal "all of those were cookies, 64 bytes at most" 0 "$large"
