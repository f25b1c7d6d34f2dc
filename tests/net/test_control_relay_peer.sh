#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 480
#
# A member at whose address a relay runs, far from all others. Whoever is pinned to that member meets
# everybody there, members with an agent and stock peers alike, though another relay is nearer.
#
#	alice ──┬── relay       0 ms
#	bob ────┤
#	carol ──┴── relay-vm   30 ms each way: a member, and the relay "hub"

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

VM=198.18.6.2

lab_up
lab_host relay-vm 6 30
lab_site alice 1
lab_site bob 2
lab_host carol 3
control_up
ctl tenant create acme >/dev/null || die "no tenant"
ctl network create office >/dev/null || die "no network"
relay_joins
relay_member_conf hub eth0 $VM:$RELAY_PORT $LAB/pins/hub $LAB/hub-state
mkdir -p $LAB/hub-wireguard $LAB/hub-state
spawn hub relay-vm "${MEMBER_RUN[@]}" hub "$B/turnpike-relay" -c $LAB/hub.conf
wait_for 60 member_joined hub relay || die "the relay beside the member did not join"
ctl relay serve hub || die "it does not serve the network"
for member in relay-vm alice bob; do
	agent_joins $member
done
stock carol || die "carol got no file"

endpoint_of() { # NAME PEER: by wg(8), where that member has another, the lab's or a stock peer
	local ip
	ip=$(address "$2")
	member_wg "$1" show all dump | awk -v a="$ip/32" '$(NF - 4) == a { print $(NF - 5) }'
}
address() { # NAME
	[ "$1" = carol ] && node_ip carol || member_ip "$1"
}
at() { # NAME PEER ENDPOINT
	[ "$(endpoint_of "$1" "$2")" = "$3" ]
}
both_at() { # NAME NAME ENDPOINT
	at "$1" "$2" "$3" && at "$2" "$1" "$3"
}
pings() { # FROM TO [COUNT]
	in_ns "$1" ping -n -q -c "${3:-1}" -i 0.2 -W 2 "$(address "$2")"
}
carol_at() { # ENDPOINT: where carol has alice
	[ "$(wg show carol endpoints | grep -F "$(member_wg alice show all public-key | awk '{ print $NF }')" | cut -f 2)" = "$1" ]
}
# Packets that each of the relays forwards while these two talk.
forwarded() { # NAME of the relay
	member_get "$1" relay '[.forwarded[].packets] | add'
}
meet_through() { # RELAY OTHER-RELAY FROM TO
	local here there
	pings "$3" "$4" || return 1 # whatever is left of another way
	here=$(forwarded "$1") there=$(forwarded "$2")
	pings "$3" "$4" 20 || return 1
	[ $(($(forwarded "$1") - here)) -ge 40 ] && [ $(($(forwarded "$2") - there)) -lt 20 ]
}

expect "alice and bob go through the nearer relay by themselves" wait_for 60 both_at alice bob $R4
expect "and meet there" wait_for 60 meet_through relay hub alice bob
expect "alice and carol do" wait_for 60 meet_through relay hub alice carol

# --- pinned ---------------------------------------------------------------------------------------

expect "the member is where nothing answers" ctl node endpoint relay-vm $VM:9
expect "and a relay for others" ctl node relay relay-vm yes
expect "alice is pinned to it" ctl relay assign alice relay-vm
expect "bob and she are there, whatever they measure" wait_for 60 both_at alice bob $VM:9
expect "as she says" grep -q "^bob *relay-vm *assigned" <(member_at alice gateway relays)
expect "then it is where its relay is" ctl node endpoint relay-vm $VM:$RELAY_PORT
expect "which they are told" wait_for 60 both_at alice bob $VM:$RELAY_PORT
expect "and meet there" wait_for 60 meet_through hub relay alice bob
expect "the other way round, too" wait_for 60 meet_through hub relay bob alice
expect "she reaches the member itself" wait_for 60 pings alice relay-vm
equal "carol's file is stale" carol "$(stale)"
export_again carol || die "carol got no new file"
expect "in the new one alice is there" carol_at $VM:$RELAY_PORT
expect "they meet there" wait_for 60 meet_through hub relay carol alice
expect "and alice has her there, too" wait_for 60 at alice carol $VM:$RELAY_PORT
expect "bob and carol, who are not pinned, do as before" wait_for 60 meet_through relay hub bob carol

# --- two who are pinned to different ones -----------------------------------------------------------

near=$(relay_name)
expect "bob is pinned to the nearer relay" ctl relay assign bob "$near"
hex() { # as keys are compared
	base64 -d | od -An -v -tx1 | tr -d ' \n'
}
if [[ $(member_wg relay-vm show all public-key | awk '{ print $NF }' | hex) < $(hex <$LAB/relay.pub) ]]; then
	way=$VM:$RELAY_PORT
else
	way=$R4
fi
expect "both go through the one whose key is lower" wait_for 60 both_at alice bob $way
expect "and meet" wait_for 60 pings alice bob
ctl relay unassign bob || die "bob is still pinned"

# --- no more ----------------------------------------------------------------------------------------

expect "the member is a relay no more" ctl node relay relay-vm no
expect "alice and bob are back" wait_for 60 both_at alice bob $R4
expect "and meet" wait_for 60 meet_through relay hub alice bob
