# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# The lab of lib.sh with a control plane, on a public host of its own. Tests source it after lib.sh.

CONTROL=198.18.7.2
CONTROL_KEY= # once it has started

control_up() {
	lab_host control 7
	cat >$LAB/control.conf <<-CONF
		listen = "127.0.0.1:8443";
		ncp_listen = "$CONTROL:8447";
		control_socket = "$LAB/control.sock";
		state_dir = "$LAB/control";
	CONF
	control_start
	ctl login --server http://127.0.0.1:8443 --credentials $LAB/control/control-admin.json \
		>/dev/null || die "no login"
}

control_start() {
	spawn control control "$B/turnpike-control" -c $LAB/control.conf
	wait_for 20 control_ready || die "control did not start"
	CONTROL_KEY=$("$B/turnpike" control daemon -s $LAB/control.sock --json | jq -r .ncp.public_key)
}

control_ready() {
	"$B/turnpike" control daemon -s $LAB/control.sock
}

ctl() { # COMMAND...: the command line tool, asking this lab's control plane
	in_ns control env HOME=$LAB "$B/turnpike" control "$@"
}

# An auth key, in the file that a daemon's control block names.
auth_key() { # NAME OPTION...
	local name=$1
	shift
	(umask 077 && ctl auth-key create "$name" "$@" | grep -o 'tpk_[A-Za-z0-9_-]*' | head -n 1 >"$LAB/$name.auth")
	[ -s "$LAB/$name.auth" ]
}

control_block() { # NAME of the auth key
	echo "control = { server = \"$CONTROL:8447\"; public_key = \"$CONTROL_KEY\"; auth_key_file = \"$LAB/$1.auth\"; };"
}

# The relay of lab_up, as a member.
relay_joins() {
	node_keys relay
	auth_key fra --role relay || die "no auth key for the relay"
	cat >$LAB/relay.conf <<-CONF
		interfaces = [ "wan0" ];
		listen_port = $RELAY_PORT;
		private_key_file = "$LAB/relay.key";
		public_endpoints = [ "$R4" ];
		$(control_block fra)
		control_socket = "$LAB/relay.sock";
		pin_path = "$LAB/pins";
		state_dir = "$LAB/state";
	CONF
	relay_start
	wait_for 20 relay_joined || die "the relay did not join"
	ctl relay serve "$(relay_name)" >/dev/null || die "the relay does not serve the network"
}

relay_joined() {
	[ "$(relay_get '.control.connected and .service_address != null')" = true ]
}

relay_name() {
	ctl relay list --json | jq -r '[.. | objects | select(.serviceAddress? != null) | .name][0]'
}

# --- stock peers: their files are used as they are, by wg-quick's own reader ---------------------

stock() { # NAME
	(umask 077 && ctl peer add "$1" >"$LAB/$1.conf") || return 1
	NODE[$1]=$(sed -n 's/^Address = 100\.64\.1\.\([0-9]*\)\/.*/\1/p' "$LAB/$1.conf")
	wg_device "$1"
	refile "$1"
}

refile() { # NAME
	wg-quick strip "$LAB/$1.conf" >"$LAB/$1.stripped" && wg setconf "$1" "$LAB/$1.stripped"
}

# As it is now, with the private key that only the peer has.
export_again() { # NAME
	local key
	key=$(sed -n 's/^PrivateKey = //p' "$LAB/$1.conf")
	(umask 077 && ctl peer export "$1" | sed "s|^PrivateKey = .*|PrivateKey = $key|" >"$LAB/$1.fresh.conf") &&
		mv "$LAB/$1.fresh.conf" "$LAB/$1.conf" && refile "$1"
}

stale() { # names, sorted
	ctl peer stale --json | jq -r '[.. | objects | .name? // .deviceName? // empty] | unique | join(" ")'
}
