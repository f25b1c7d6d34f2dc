# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# turnpike-control, its command line tool and calls of its API: in this shell's own network
# namespace, or in the one that CONTROL_NS names. Sourced after lib.sh; control_lab.sh has members for
# it.

CONTROL_NS=
CONTROL_STATE=$LAB/control
CONTROL_LISTEN=127.0.0.1:8443
CONTROL_SERVER=http://$CONTROL_LISTEN
API=$CONTROL_SERVER/turnpike.v1.AdminService
REPLY=$LAB/reply.json
STATUS=
export TURNPIKE_SESSION=$LAB/session/control.json

control_config() { # EXTRA-LINE...
	cat >$LAB/control.conf <<-END
		listen = "$CONTROL_LISTEN";
		metrics_listen = "127.0.0.1:9588";
		control_socket = "$LAB/control.sock";
		state_dir = "$CONTROL_STATE";
	END
	printf '%s\n' "$@" >>$LAB/control.conf
}

control_ready() {
	"$B/turnpike" control daemon -s $LAB/control.sock --json
}

control_start() { # [EXTRA-LINE...]: with these settings, or once more with those that it had
	[ $# = 0 ] && [ -e $LAB/control.conf ] || control_config "$@"
	if [ -n "$CONTROL_NS" ]; then
		spawn control "$CONTROL_NS" "$B/turnpike-control" -c $LAB/control.conf
	else
		"$B/turnpike-control" -c $LAB/control.conf >>$LAB/log/control.log 2>&1 </dev/null &
		LAB_PID[control]=$!
	fi
	wait_for 20 control_ready || die "turnpike-control starts"
}

ctl() { # COMMAND...: the command line tool
	if [ -n "$CONTROL_NS" ]; then
		in_ns "$CONTROL_NS" "$B/turnpike" control "$@"
	else
		"$B/turnpike" control "$@"
	fi
}

ctl_login() { # [OPTION...]: as the first administrator
	ctl login --server $CONTROL_SERVER --credentials $CONTROL_STATE/control-admin.json "$@"
}

# api TOKEN-VARIABLE TENANT RPC MESSAGE: the answer is in $REPLY, its status in $STATUS; "-" for
# none.
api() {
	local args=(-s -o "$REPLY" -w '%{http_code}' -H 'Content-Type: application/json')
	[ "$1" = - ] || args+=(-H "Authorization: Bearer ${!1}")
	[ "$2" = - ] || args+=(-H "X-Tenant-ID: $2")
	STATUS=$(curl "${args[@]}" -d "$4" "$API/$3")
}

reply() { # JQ-FILTER
	jq -r "$1" "$REPLY"
}

login() { # USER PASSWORD
	api - - Login "$(jq -nc --arg u "$1" --arg p "$2" '{username: $u, password: $p}')"
	reply '.token // empty'
}

login_works() { # USER PASSWORD
	[ -n "$(login "$1" "$2")" ]
}

# A token with these claims, signed with the daemon's key.
control_token() { # CLAIMS
	local head body key=$LAB/token.pem
	# PKCS #8 of an Ed25519 key (RFC 8410): a fixed beginning, then the seed.
	{
		printf '\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20'
		base64 -d <$CONTROL_STATE/control-token.key
	} | openssl pkey -inform DER -out $key
	head=$(base64url <<<'{"alg":"EdDSA","typ":"JWT"}')
	body=$(printf %s "$1" | base64url)
	printf %s "$head.$body" >$LAB/token.txt
	printf '%s.%s' "$head.$body" "$(openssl pkeyutl -sign -inkey $key -rawin -in $LAB/token.txt | base64url)"
}

base64url() {
	base64 -w 0 | tr +/ -_ | tr -d =
}
