#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A relay that joins a control plane, and is told whom it serves: stock peers by exported files, a
# policy that changes, control gone and back, the relay restarted without it.

. "$(dirname "$0")/lib.sh"

CONTROL=198.18.9.2
lab_up
lab_site alice 1
lab_site bob 2
lab_host carol 3
lab_host control 9
node_keys relay

control_start() {
	spawn control control "$B/turnpike-control" -c $LAB/control.conf
	wait_for 20 grep -q 'API at' $LAB/log/control.log || die "control did not start"
}
ctl() { # COMMAND...
	in_ns control env HOME=$LAB "$B/turnpike" control "$@"
}
cat >$LAB/control.conf <<-CONF
	listen = "127.0.0.1:8443";
	ncp_listen = "$CONTROL:8447";
	control_socket = "$LAB/control.sock";
	state_dir = "$LAB/control";
CONF
control_start
expect "an administrator logs in" ctl login --server http://127.0.0.1:8443 \
	--credentials $LAB/control/control-admin.json
expect "makes a tenant" ctl tenant create acme
expect "a network" ctl network create office
expect "and an auth key for a relay" sh -c "umask 077; HOME=$LAB nsenter --net=/run/netns/control \
	'$B/turnpike' control auth-key create fra --role relay >$LAB/auth.out"
grep -o 'tpk_[A-Za-z0-9_-]*' $LAB/auth.out | head -n 1 >$LAB/auth.key
chmod 600 $LAB/auth.key
KEY=$("$B/turnpike" control daemon -s $LAB/control.sock --json | jq -r .ncp.public_key)

cat >$LAB/relay.conf <<-CONF
	interfaces = [ "wan0" ];
	listen_port = $RELAY_PORT;
	private_key_file = "$LAB/relay.key";
	public_endpoints = [ "$R4" ];
	control = { server = "$CONTROL:8447"; public_key = "$KEY"; auth_key_file = "$LAB/auth.key"; };
	control_socket = "$LAB/relay.sock";
	pin_path = "$LAB/pins";
	state_dir = "$LAB/state";
CONF
relay_start
in_force() { # JQ-CONDITION on `relay status`
	[ "$(relay_get "$1")" = true ]
}
expect "the relay joins" wait_for 20 in_force '.control.connected and .service_address == "100.127.255.1"'
rm $LAB/auth.key
relay_id=$(ctl relay list --json | jq -r '.. | objects | select(.name? != null and .serviceAddress? != null) | .id' | head -n 1)
relay_name=$(ctl relay list --json | jq -r '.. | objects | select(.serviceAddress? != null) | .name' | head -n 1)
note "relay $relay_name $relay_id"
expect "it is to serve the network" ctl relay serve "$relay_name"

# A stock peer: its file is used as it is, by wg-quick's own reader.
stock() { # NAME
	ctl peer add "$1" >"$LAB/$1.conf" || return 1
	NODE[$1]=$(sed -n 's/^Address = 100\.64\.1\.\([0-9]*\)\/.*/\1/p' "$LAB/$1.conf")
	wg_device "$1"
	refile "$1"
}
refile() { # NAME: the exported file, with the private key that it was made with
	wg-quick strip "$LAB/$1.conf" >"$LAB/$1.stripped" && wg setconf "$1" "$LAB/$1.stripped"
}
export_again() { # NAME
	local key
	key=$(sed -n 's/^PrivateKey = //p' "$LAB/$1.conf")
	ctl peer export "$1" | sed "s|^PrivateKey = .*|PrivateKey = $key|" >"$LAB/$1.fresh.conf" &&
		mv "$LAB/$1.fresh.conf" "$LAB/$1.conf" && refile "$1"
}
for peer in alice bob carol; do
	expect "$peer gets a file" stock $peer
done
equal "addresses in a row" "1 2 3" "${NODE[alice]} ${NODE[bob]} ${NODE[carol]}"
equal "the files of the first two are stale" "alice bob" \
	"$(ctl peer stale --json | jq -r '[.. | objects | .name? // .deviceName? // empty] | unique | join(" ")')"
for peer in alice bob; do
	expect "$peer gets a new one" export_again $peer
done
online() {
	[ "$(tp relay nodes --json | jq '[.[] | select(.state == "online")] | length')" = "$1" ]
}
expect "all three register" wait_for 40 online 3
expect "alice reaches bob" wait_for 40 reaches alice bob
expect "and carol" wait_for 40 reaches alice carol

# --- a policy ---------------------------------------------------------------------------------

applied() { # as many reloads as control has revisions
	[ "$(ctl status --json | jq -r '.revision')" = "$(relay_get .control.applied)" ]
}
cat >$LAB/policy.json <<-'RULES'
	[ { "name": "bob", "from": ["alice"], "to": ["bob"] } ]
RULES
ping_start steady alice "$(node_ip bob)"
expect "a policy that lets alice talk to bob only" ctl policy apply $LAB/policy.json --name initial
gone() {
	! reaches alice carol
}
expect "ends her way to carol" wait_for 20 gone
refuse "and keeps it closed" reaches alice carol
expect "explain says why" sh -c "'$B/turnpike' explain pair -s $LAB/relay.sock \
	\$('$B/turnpike' relay nodes -s $LAB/relay.sock --json | jq -r '[.[].name] | sort | .[0] + \" \" + .[2]') |
	grep -q 'may not talk'"

# --- control gone -----------------------------------------------------------------------------

stop control KILL
expect "control is gone, which the relay sees" wait_for 90 in_force '.control.connected | not'
stop relay KILL
relay_start
equal "the relay starts without it, serving whom it served" 3 \
	"$(relay_get .nodes.known)"
expect "and they talk" wait_for 40 reaches alice bob
control_start
expect "control is back, and the relay finds it" wait_for 90 in_force .control.connected
ping_lossless steady "alice and bob all the while"
refuse "the policy is still in force" reaches alice carol
equal "no address was given twice" 3 \
	"$(ctl node list --json | jq -r '[.. | objects | .ip? // .address? // .allocatedIp? // empty] | unique | length')"
