#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 360
# turnpike control: from the first login to a stock peer's file that wg-quick takes; backup and
# restore; and what is left of everything acknowledged when the daemon is killed again and again.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control.sh"

got() { # JQ-FILTER COMMAND...
	local filter=$1
	shift
	ctl "$@" --json | jq -r "$filter"
}

control_start
refuse "without a login" ctl network list
expect "login with the first administrator's file" ctl_login
equal "the session's file is its owner's alone" 600 "$(stat -c %a $TURNPIKE_SESSION)"
chmod 644 $TURNPIKE_SESSION
refuse "one that others can read is not used" ctl status
chmod 600 $TURNPIKE_SESSION

# --- from nothing -----------------------------------------------------------------------------

expect "tenant create" ctl tenant create acme
equal "which is in use from then on" acme "$(got '.tenant.name' tenant show)"
expect "tenant set" ctl tenant set defaultListenPort=4500 'stunServers=["stun.example:3478"]'
equal "both are set" '4500 stun.example:3478' "$(got '.tenant.config.wireGuardConfig |
	"\(.defaultListenPort) \(.stunServers[0])"' tenant show)"
expect "network create" ctl network create office 100.64.1.0/24
equal "with the tenant's port" 4500 "$(got '.[0].listenPort' network list)"
expect "network set" ctl network set office dns=100.64.1.9 listenPort=4501 'stunServers=[]'
equal "these and no others" '4501 100.64.1.9 [] 100.64.1.0/24' \
	"$(got '.[0] | "\(.listenPort) \(.dns) \(.stunServers) \(.subnetCidr)"' network list)"
equal "but not its subnet" 1 \
	"$(ctl network set office subnetCidr=100.64.2.0/24 2>&1 | grep -c 'cannot be changed, peers have their addresses of 100.64.1.0/24')"
ctl network set office dns= listenPort=4500 >/dev/null
expect "auth-key create" ctl auth-key create --role gateway --tag lan --expires 24h
KEY=$(ctl auth-key create robots --role node --reusable)
ctl auth-key create other --role relay >/dev/null
equal "of each key the network by its name, of a relay's none" "gateway/gateway/office robots/node/office other/relay/-" \
	"$(ctl auth-key list | awk 'NR > 1 { print $1 "/" $2 "/" $3 }' | paste -sd ' ')"
ctl auth-key revoke other >/dev/null
equal "its secret is all that is printed" 1 "$(grep -cE '^tpk_[A-Za-z0-9_-]{43}$' <<<"$KEY")"
expect "auth-key revoke" ctl auth-key revoke robots
equal "it is" "gateway robots" "$(got '[.[] | select(.revokedAt == null or .name == "robots") | .name] | join(" ")' \
	auth-key list)"
good_keys() { # NAME
	ctl auth-key list --json | jq "[.[] | select(.name == \"$1\" and .revokedAt == null)] | length"
}
ctl auth-key create robots >/dev/null
expect "one more of that name, revoked" ctl auth-key revoke robots
equal "it is that one which was good" 0 "$(good_keys robots)"
ctl auth-key create robots >/dev/null
ctl auth-key create robots >/dev/null
refuse "which of two is not guessed" ctl auth-key revoke robots
equal "both are good" 2 "$(good_keys robots)"
refuse "a time that is none" ctl auth-key create --expires soon
refuse "a setting that is none" ctl tenant set defaultPort=4500
refuse "nor is this, of a network" ctl network set office keepalve=25
code_of() { # COMMAND...: of a failure, as programs see it
	ctl "$@" --json 2>/dev/null | jq -r .code
}
equal "programs see each failure as JSON" "not_found not_found invalid_argument invalid_argument" \
	"$(code_of network delete nope) $(code_of node show nope) $(code_of tenant set nope=1) $(
		code_of policy apply /nope)"
equal "also without a login" unauthenticated "$(code_of -f $LAB/nobody.json status)"
RELAY_KEY=$("$B/turnpike" genkey | "$B/turnpike" pubkey)
equal "relay create" "" "$(ctl relay create r1 "$RELAY_KEY" 203.0.113.99:443 2>&1)"
equal "relay serve" "" "$(ctl relay serve r1 2>&1)"
told_private() { # COMMAND...: addresses that it warns of
	ctl "$@" 2>&1 >/dev/null | sed -nE 's/^turnpike: relay inside: (.*) is a private address, .*/\1/p' | paste -sd ' '
}
equal "a relay at private addresses: allowed, with a warning" "192.168.7.9:443 [fd00::9]:443" \
	"$(told_private relay create inside "" 192.168.7.9:443 203.0.113.9:443 '[fd00::9]:443')"
equal "also when it is put to use" "192.168.7.9:443 [fd00::9]:443" "$(told_private relay serve inside)"
expect "relay delete" ctl relay delete inside

# --- stock peers ------------------------------------------------------------------------------

ctl peer add phone --tag staff >$LAB/wgphone.conf
ctl peer add laptop >$LAB/wglaptop.conf
expect "wg-quick takes the file as it is" wg-quick strip $LAB/wglaptop.conf
line() { # FILE KEY
	sed -nE "s|^$2 = (.*)|\1|p" "$1" | paste -sd ' '
}
peers_of() { # NAME
	ctl peer export "$1" | sed -n 's/^# //p' | tail -n +2 | paste -sd ' '
}
endpoints_of() { # NAME
	ctl peer export "$1" | line /dev/stdin Endpoint
}
equal "addresses one after another" "100.64.1.1/24 100.64.1.2/24" \
	"$(line $LAB/wgphone.conf Address) $(line $LAB/wglaptop.conf Address)"
equal "relay first, then the other peer, both at the relay's endpoint" \
	"203.0.113.99:443 203.0.113.99:443" "$(line $LAB/wglaptop.conf Endpoint)"
equal "what goes where" "100.127.255.1/32 100.64.1.1/32" "$(line $LAB/wglaptop.conf AllowedIPs)"
equal "keepalive on the relay alone" 25 "$(line $LAB/wglaptop.conf PersistentKeepalive)"
PRIVATE=$(line $LAB/wglaptop.conf PrivateKey)
equal "the public half is what was uploaded" "$("$B/turnpike" pubkey <<<"$PRIVATE")" \
	"$(got '.[] | select(.deviceName == "laptop").publicKey' node list)"
refuse "the private one went nowhere" grep -rqF "$PRIVATE" $CONTROL_STATE $LAB/log
equal "stale: the file that does not know the laptop" phone "$(got '.[].peer.deviceName' peer stale)"
expect "export" ctl peer export phone
equal "none is stale then" 0 "$(got length peer stale)"
# The code's half blocks as a picture: each character is two modules, one above the other.
qr_picture() {
	grep $'\033' | sed -e $'s/\033\\[[0-9;]*m//g' -e 's/▄/L/g; s/▀/U/g; s/█/B/g' | awk '
		function row(dark,    i, k, line) {
			for (i = 1; i <= length($0); i++)
				for (k = 0; k < 4; k++)
					line = line (index(dark, substr($0, i, 1)) ? "0 " : "255 ")
			for (k = 0; k < 4; k++)
				rows[++n] = line
			width = 4 * length($0)
		}
		{ row("UB"); row("LB") }
		END { print "P2", width, n, 255; for (i = 1; i <= n; i++) print rows[i] }'
}
ctl peer add tablet --qr --tag staff --tag lent --tag staff >$LAB/tablet
equal "a tag that comes again is the same one" "staff lent" \
	"$(got '.[] | select(.deviceName == "tablet").tags | join(" ")' node list)"
ctl node tag tablet >/dev/null
qr_picture <$LAB/tablet >$LAB/tablet.pgm
equal "its QR code is the file" "$(grep -v $'\033' $LAB/tablet)" \
	"$(zbarimg -q --raw $LAB/tablet.pgm 2>/dev/null)"
expect "egress set" ctl egress set laptop 192.168.10.0/24
equal "it stands in the others' files" "100.64.1.2/32, 192.168.10.0/24" \
	"$(ctl peer export phone | grep -o '100.64.1.2/32.*')"
expect "relay assign" ctl relay assign phone r1
expect "node endpoint" ctl node endpoint laptop 198.51.100.7:51820
expect "node relay yes" ctl node relay laptop yes
equal "it is a relay, and a gateway as before" 'true ["192.168.10.0/24"]' \
	"$(got '.[] | select(.deviceName == "laptop") | "\(.isRelay) \(.egressSubnets | tojson)"' node list)"
expect "egress set" ctl egress set laptop 192.168.10.0/24 192.168.11.0/24
equal "still a relay" true \
	"$(got '.[] | select(.deviceName == "laptop").isRelay' node list)"
equal "not to a subnet in which another lies" 1 "$(ctl egress set laptop 192.168.10.0/24 192.168.0.0/16 2>&1 |
	grep -c '192.168.0.0/16 overlaps with 192.168.10.0/24, which the same gateway is to have')"
ctl egress set laptop 192.168.10.0/24 >/dev/null
for name in phone laptop tablet; do
	ctl peer export $name >/dev/null
done
equal "none is stale" 0 "$(got length peer stale)"
expect "relay assign, to a relay peer" ctl relay assign phone laptop
equal "its own file and those of others are stale" "phone tablet" \
	"$(got '[.[].peer.deviceName] | sort | join(" ")' peer stale)"
equal "what it is assigned to comes first" "relay peer laptop relay r1 tablet" "$(peers_of phone)"
AT=198.51.100.7:51820 RELAY_AT=203.0.113.99:443
equal "it leads there to those that have no endpoint" "$AT $RELAY_AT $AT" "$(endpoints_of phone)"
equal "keepalive to both kinds" "25 25" "$(ctl peer export phone | line /dev/stdin PersistentKeepalive)"
equal "others reach it there" "$RELAY_AT $AT $AT" "$(endpoints_of tablet)"
equal "but the relay peer itself, by a relay" "$RELAY_AT $RELAY_AT $RELAY_AT" "$(endpoints_of laptop)"
expect "node relay no" ctl node relay laptop no
equal "nobody is assigned to it any more" "$RELAY_AT $RELAY_AT $AT" "$(endpoints_of tablet)"
refuse "neither yes nor no" ctl node relay laptop perhaps
refuse "a relay without a declared endpoint" ctl node relay phone yes
equal "a declared endpoint is used" 1 "$(ctl peer export phone | grep -c 'Endpoint = 198.51.100.7:51820')"

# --- policy -----------------------------------------------------------------------------------

echo '[{"name":"web","from":["tag:staff"],"to":["laptop"],"protocol":"tcp","ports":["443"]}]' >$LAB/web.json
equal "policy apply, which knows each name" "" "$(ctl policy apply $LAB/web.json 2>&1 >/dev/null)"
echo '[{"name":"slip","from":["phnoe","group:folks","100.64.1.1"],"to":["any","laptop"]}]' >$LAB/slip.json
equal "names that nobody has are told" \
	'turnpike: rule slip: there is no device "phnoe" in this network turnpike: rule slip: there is no group "folks"' \
	"$(ctl policy apply $LAB/slip.json 2>&1 >/dev/null | paste -sd ' ')"
ctl policy delete slip
expect "policy delete" ctl policy delete initial
expect "allowed" ctl policy test phone laptop tcp 443
refuse "denied" ctl policy test laptop phone tcp 443
equal "of what has ports, one is needed, and a number" "invalid_argument invalid_argument" \
	"$(code_of policy test phone laptop tcp) $(code_of policy test phone laptop tcp 443x)"
equal "a file names those that a rule lets its peer talk to" "relay r1 laptop" "$(peers_of phone)"
equal "and no others" "relay r1" "$(peers_of tablet)"
echo '[{"from":' >$LAB/bad.json
refuse "a file that is not JSON" ctl policy apply $LAB/bad.json

# --- people, and the rest ---------------------------------------------------------------------

expect "user create" ctl user create olga --role operator <<<"a good password"
expect "she logs in" ctl -f $LAB/olga.json -s http://$CONTROL_LISTEN login olga <<<"a good password"
expect "and is in her tenant" ctl -f $LAB/olga.json node list
refuse "but may not delete it" ctl -f $LAB/olga.json network delete office
refuse "a wrong password" ctl -f $LAB/x.json -s http://$CONTROL_LISTEN login olga <<<"another"
expect "group" ctl group create people
expect "group rename" ctl group rename people folk
equal "it is" folk "$(got '.[].name' group list)"
ctl group rename folk people
expect "group add" ctl group add people phone
expect "network enroll" ctl network enroll field people 100.64.9.0/24
equal "with two networks one must be named" 1 "$(ctl node list 2>&1 | grep -c 'say which with -n')"
equal "invited there" '""' "$(ctl -n field node list --json | jq '.[0].allocatedIp')"
refuse "a name that is taken in this network" ctl -n office peer add phone
ctl -n field peer add phone >$LAB/wgfield.conf
equal "its key, brought there: one device in both networks" "100.64.9.1/24 1" \
	"$(line $LAB/wgfield.conf Address) $(got 'map(select(.name | startswith("phone"))) | length' device list)"
expect "node remove" ctl -n field node remove phone
ctl -n field peer add phone >$LAB/wgfield.conf
equal "another key, another address" 100.64.9.2/24 "$(line $LAB/wgfield.conf Address)"
expect "platform relay" ctl relay create big "" 203.0.113.98:443 --platform
expect "for a network" ctl -n office relay serve big --platform
expect "status" ctl status
expect "audit" grep -q peer.add <(ctl audit)
ALL=$(got length audit --all)
expect "audit --all has all ($ALL)" test "$ALL" -gt 30
equal "--limit" 7 "$(got length audit --limit 7)"
equal "--since, a span" "$ALL" "$(got length audit --since 1h)"
equal "a time" 0 "$(got length audit --since 2100-01-01T00:00:00Z)"
refuse "neither" ctl audit --since yesterday
refuse "an unknown command" ctl frobnicate
USED=$(got .tenant.id tenant show)
expect "another tenant" ctl tenant create passing
expect "deleted while it is in use" ctl tenant delete passing
equal "none is in use then" 1 "$(ctl network list 2>&1 | grep -c 'say which tenant')"
equal "tenant use says which is" "$USED" "$(got .tenantId tenant use acme)"

# --- backup and restore -----------------------------------------------------------------------

daemon() {
	"$B/turnpike-control" -c $LAB/control.conf "$@"
}
EPOCH=$(got .epoch status)
expect "a backup while the daemon runs" daemon --backup $LAB/backup.db
equal "which is its owner's alone" 600 "$(stat -c %a $LAB/backup.db)"
refuse "a backup overwrites nothing" daemon --backup $LAB/backup.db
expect "later a network goes" ctl network delete field
refuse "no restore while the daemon runs" daemon --restore $LAB/backup.db
stop control
echo nonsense >$LAB/nonsense.db
refuse "no restore of nonsense" daemon --restore $LAB/nonsense.db
expect "restore" daemon --restore $LAB/backup.db
control_start
equal "the network is back" "field office" "$(got '[.[].name] | sort | join(" ")' network list)"
refuse "in a new epoch" test "$(got .epoch status)" = "$EPOCH"

# --- killed again and again -------------------------------------------------------------------

# Adds peers until told to stop; notes those that were acknowledged.
add_peers() { # PREFIX
	local i
	for i in {1..1000}; do
		[ -e $LAB/enough ] && return
		ctl -n office peer add "$1-$i" --json 2>/dev/null >$LAB/added.$1 &&
			jq -r '"\(.peer.deviceName) \(.peer.allocatedIp)"' $LAB/added.$1 >>$LAB/acknowledged.$1
	done
}
for prefix in a b c; do
	add_peers $prefix &
done
acknowledged_over() { # N
	[ "$(cat /dev/null $LAB/acknowledged.* | wc -l)" -gt "$1" ]
}
for n in {1..4}; do
	sleep 1
	wait_for 20 acknowledged_over "$n"
	stop control KILL
	control_start
done
sleep 0.5
touch $LAB/enough
wait_for 60 eval '! jobs -r | grep -q add_peers' || die "peers are still being added"
got '.[] | "\(.deviceName) \(.allocatedIp)"' -n office node list | sort >$LAB/there
cat $LAB/acknowledged.* | sort >$LAB/promised
expect "peers were added meanwhile ($(wc -l <$LAB/promised))" test -s $LAB/promised
equal "whoever was told of an address has it" "" "$(comm -23 $LAB/promised $LAB/there)"
equal "no address is there twice" "" "$(awk '{ print $2 }' $LAB/there | sort | uniq -d)"
stop control
equal "a clean stop" 0 $?
expect "the database is sound" daemon --backup $LAB/second.db
