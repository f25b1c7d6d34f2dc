#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A policy that changes while packets flow: what is still allowed loses nothing, what is not any
# more is ended, and at no moment does a packet pass that neither the old nor the new policy allows.
# limit: 240

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/gateway_lab.sh"

GW_RULES=("all any any")
gateway_plain

# --- what goes on and what ends ---------------------------------------------------------------

tcp_hold kept alice $ECHO 7
kept=$TCP_FD
tcp_hold ended alice $ECHO 9
ended=$TCP_FD
expect "two connections" tcp_says kept "$kept" one
expect "through the gateway" tcp_says ended "$ended" one
expect "and a flow of UDP" udp alice -s 6000 $ECHO:7
ping_start live alice $WEB 0.01
spawn download alice curl -sf --noproxy '*' -m 60 --limit-rate 2M -o /dev/null \
	-w '%{size_download}' "http://$WEB/bytes/6000000"

GW_RULES=("seven alice $ECHO tcp 7" "web alice $WEB" "~trial alice $ECHO udp 9")
gateway_reload
expect "the one that the new policy allows goes on" tcp_says kept "$kept" two
gw_counts policy_changed 1+ "the other one is ended" eval "echo two >&$ended"
refuse "for good" grep -q two $LAB/log/ended.log
lan_forget echo
udp alice -s 6000 -n 3 -i 10 -w 200 $ECHO:7 >/dev/null
equal "not one packet of the UDP flow gets to the LAN" 0 "$(lan_log echo | grep -c '^udp 7 ')"
expect "a new one is refused at once" not tcp_asker alice $ECHO 9
equal "its flow is the new rule's" seven "$(gw gateway flows --json |
	jq -r '.[] | select(.protocol == "tcp" and .remote_port == 7) | .rule')"

udp alice -w 200 $ECHO:9 >/dev/null
equal "a rule in shadow mode counts what it would allow" 1 "$(gw_hits trial)"
refuse "and allows nothing" udp alice -w 200 $ECHO:9

for i in 1 2 3 4 5; do
	GW_RULES=("web alice $WEB" "seven alice $ECHO tcp 7" "more$i bob $WEB tcp $((1000 + i))")
	gateway_reload
done
ping_lossless live "six reloads"
wait "${LAB_PID[download]}"
unset "LAB_PID[download]"
equal "and a download under way arrives whole" 6000000 "$(cat $LAB/log/download.log)"

# --- what is wrong changes nothing ------------------------------------------------------------

generation=$(gw_generation)
GW_RULES=("web alice $WEB" "bad nobody $WEB tcp 7")
gateway_conf
lines=$(wc -l <$LAB/log/gateway.log)
kill -HUP "${LAB_PID[gateway]}"
complained() {
	tail -n +$((lines + 1)) $LAB/log/gateway.log | grep -q 'there is no node "nobody"'
}
expect "a policy that is wrong is refused" wait_for 30 complained
equal "and the old one stands" "$generation" "$(gw_generation)"
expect "with its flows" tcp_says kept "$kept" three

# --- complementary policies -------------------------------------------------------------------

# Odd ports, even ports: whichever is in force, 7009 is in neither. From the same twenty sockets
# again and again, so that the node does not run out of ports on the way.
GW_RULES=("even any $ECHO udp 7000 7002 7004 7006 7008")
gateway_reload
lan_forget echo
spawn flood alice bash -c "while :; do '$B/tests/interop/udp_client' -s 20000 -m 20 -n 2 -i 2 -w 5 -q \
	$ECHO:7000 $ECHO:7001 $ECHO:7002 $ECHO:7003 $ECHO:7009; done"
seen() {
	lan_log echo | grep -c "udp $1 "
}
saw() { # PORT
	[ "$(seen "$1")" -gt 0 ]
}
wait_for 30 saw 7000
equal "even: no odd port" 0 "$(seen 7001)"
tried() {
	saw 7001 && [ "$(gw_reason policy_denied)" -gt 100 ]
}
n=0
end=$((SECONDS + 12))
while [ $SECONDS -lt $end ] || { [ $SECONDS -lt $((end + 60)) ] && ! tried; }; do
	n=$((n + 1))
	GW_RULES=("odd any $ECHO udp 7001 7003 7005 7007")
	[ $((n % 2)) = 1 ] || GW_RULES=("even any $ECHO udp 7000 7002 7004 7006 7008")
	gateway_reload
done
stop flood
expect "$n flips: both sides had their turns" test "$(seen 7000)" -gt 0 -a "$(seen 7001)" -gt 0
equal "and what neither allows never passed" 0 "$(seen 7009)"
expect "while it was tried" test "$(gw_reason policy_denied)" -gt 100
equal "and never for want of a port" 0 "$(gw_reason ports_full)"
