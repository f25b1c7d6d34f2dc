#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The daemon is killed, and nobody starts another one for minutes: what a pair has goes on in XDP until
# its keypair ends, new keys need a daemon, and when there is one again the pair has them by itself.
# limit: 500

. "$(dirname "$0")/lib.sh"

lab_office

handshake() { # the time of alice's newest one with bob
	wg show alice latest-handshakes | awk -v k="$(cat $LAB/bob.pub)" '$1 == k { print $2 }'
}
aged() { # SECONDS: is the keypair that old?
	[ $(($(date +%s) - first)) -ge "$1" ]
}
last_reply() { # when the latest came, in whole seconds
	sed -n 's/^\[\([0-9]*\).*bytes from.*/\1/p' $LAB/log/ping-gone.log | tail -n 1
}

first=$(handshake)
ping_start gone alice "$(node_ip bob)" 0.05
ping_more gone 20
stop relay KILL
expect "the daemon is killed: packets go on" ping_more gone 50

# From two minutes on alice asks for new keys, every five seconds.
record_start asked inet alice -t 1 -p $RELAY_PORT
wait_for 200 aged 125
asks() {
	[ "$(recorded asked | wc -l)" -gt 0 ]
}
expect "after two minutes initiations come" wait_for 60 asks
expect "the old keys are still good, and XDP still forwards" ping_more gone 20
equal "there are no new ones without a daemon" "$first" "$(handshake)"
record_stop asked

silent() {
	local n
	n=$(ping_replies gone)
	aged 182 && sleep 3 && [ "$(ping_replies gone)" = "$n" ]
}
expect "after three minutes the keypair ends, and with it the pair's traffic" wait_for 120 silent
lasted=$(($(last_reply) - first))
expect "which went on for that long ($lasted s)" test "$lasted" -ge 150
equal "still without new keys" "$first" "$(handshake)"

relay_start
expect "a daemon is there again, nobody touched the peers: they talk" ping_more gone 50
expect "with new keys" test "$(handshake)" -gt "$first"
expect "by handshakes that this daemon passed on" test "$(relay_get .handshakes.responses)" -ge 1
user=$(relay_forwarded user)
expect "XDP forwards" reaches alice bob -c 20 -i 0.02
expect "and the daemon does not" test $(($(relay_forwarded user) - user)) -lt 5
expect "both nodes are back with the relay, too" wait_for 60 node_online alice bob
flows_few() {
	[ "$(relay_get .flows)" -le 4 ]
}
expect "the flows of the old keys are given up" wait_for 60 flows_few
ping_stop gone >/dev/null
