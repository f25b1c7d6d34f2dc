# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# The lab of lib.sh with a control plane on a public host of its own, and members. Tests source it
# after lib.sh.

. "$LAB_DIR/control.sh"

CONTROL=198.18.7.2
CONTROL_KEY= # once it has started

control_up() {
	lab_host control 7
	CONTROL_NS=control
	control_start "ncp_listen = \"$CONTROL:8447\";"
	CONTROL_KEY=$(control_ready | jq -r .ncp.public_key)
	ctl_login >/dev/null || die "no login"
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

# --- members ----------------------------------------------------------------------------------

# Every relay and gateway but the lab's first ones goes by its name: its namespace, process, files and
# key have it.
member_at() { # NAME COMMAND...: the command line tool, asking that member
	local name=$1
	shift
	"$B/turnpike" "$@" -s "$LAB/$name.sock"
}

member_get() { # NAME relay|gateway JQ-FILTER: out of its status
	member_at "$1" "$2" status --json | jq -r "$3"
}

member_joined() { # NAME relay|gateway
	[ "$(member_get "$1" "$2" .control.connected)" = true ]
}

relay_member_conf() { # NAME DEV ENDPOINT PINS STATE
	node_keys "$1"
	auth_key "$1" --role relay || die "no auth key for $1"
	cat >"$LAB/$1.conf" <<-CONF
		interfaces = [ "$2" ];
		listen_port = $RELAY_PORT;
		private_key_file = "$LAB/$1.key";
		public_endpoints = [ "$3" ];
		$(control_block "$1")
		metrics_listen = "off";
		control_socket = "$LAB/$1.sock";
		pin_path = "$4";
		state_dir = "$5";
	CONF
}

# The relay of lab_up, as a member.
relay_joins() {
	relay_member_conf relay wan0 $R4 $LAB/pins $LAB/state
	relay_start
	wait_for 60 relay_joined || die "the relay did not join"
	ctl relay serve "$(relay_name)" >/dev/null || die "the relay does not serve the network"
}

# Before a name and a command: runs it with that for the host's name and a /run/wireguard of its own,
# as on a machine of its own, since the members of one network call their devices alike.
MEMBER_RUN=(unshare --mount --uts bash -c
	'hostname "$0" && mount --bind "/run/lab/$0-wireguard" /run/wireguard && exec "$@"')

member_start() { # NAME COMMAND...
	mkdir -p "$LAB/$1-wireguard" "$LAB/$1-state"
	spawn "$1" "$1" "${MEMBER_RUN[@]}" "$@"
}

member_wg() { # NAME ARGUMENT...: wg(8) there
	in_ns "$1" "${MEMBER_RUN[@]}" "$1" wg "${@:2}"
}

# Another, on a host that lab_host has made.
relay_joins_as() { # NAME [DEV ENDPOINT]
	relay_member_conf "$1" "${2:-eth0}" "${3:-198.18.${NODE[$1]:-}.2:$RELAY_PORT}" "$LAB/pins/$1" \
		"$LAB/$1-state"
	member_start "$1" "$B/turnpike-relay" -c "$LAB/$1.conf"
	wait_for 60 member_joined "$1" relay || die "$1 did not join"
	wait_for 60 ctl relay serve "$1" || die "$1 does not serve the network"
}

# A host that lab_host or lab_site has made, as a member of the network: a gateway that has this
# uplink, or a plain node.
agent_joins() { # NAME [UPLINK]
	agent_conf "$@"
	agent_start "$1"
	wait_for 60 member_joined "$1" gateway || die "$1 did not join"
}

agent_conf() { # NAME [UPLINK]
	local role=node egress=
	[ -z "${2:-}" ] || role=gateway egress="egress = { uplinks = [ \"$2\" ]; };"
	auth_key "$1" --role $role || die "no auth key for $1"
	cat >"$LAB/$1.conf" <<-CONF
		$(control_block "$1")
		$egress
		metrics_listen = "off";
		control_socket = "$LAB/$1.sock";
		pin_path = "$LAB/pins/$1";
		state_dir = "$LAB/$1-state";
	CONF
}

agent_start() { # NAME
	member_start "$1" "$B/turnpike-gateway" -c "$LAB/$1.conf"
}

# Its address in the overlay.
member_ip() { # NAME
	ip -n "$1" -4 -j addr | jq -r 'first(.[] | select(.ifname | startswith("tp-")) | .addr_info[0].local)'
}

relay_joined() {
	[ "$(relay_get '.control.connected and .service_address != null')" = true ]
}

relay_name() { # of the first one
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
