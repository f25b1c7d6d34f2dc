#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 300
# Connect's own client from npm, with stubs generated from the .proto, calls every RPC; over TLS,
# which curl looks at, too.

# The network is out of reach once lib.sh has gone inside.
if [ -z "${LAB_INSIDE:-}" ]; then
	NO_CLIENT=$("$(dirname "$0")/../interop/connect/build.sh" 2>&1) && NO_CLIENT=
	export NO_CLIENT
fi
. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control.sh"

certificate() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=IP:127.0.0.1" -keyout $LAB/tls.key -out $LAB/tls.pem 2>/dev/null
}
certificate one
API=https://$CONTROL_LISTEN/turnpike.v1.AdminService
control_start "tls = { certificate = \"$LAB/tls.pem\"; key = \"$LAB/tls.key\"; };"

# --- the client -------------------------------------------------------------------------------

if [ -n "$NO_CLIENT" ]; then
	skip "Connect's client for Node" "$NO_CLIENT"
else
	while read -r line; do
		case $line in
		'ok - '*) ok "${line#ok - }" ;;
		'not ok - '*) not_ok "${line#not ok - }" ;;
		*) note "$line" ;;
		esac
	done < <(cd "$LAB_ROOT/build/connect" && NODE_EXTRA_CA_CERTS=$LAB/tls.pem timeout 200 \
		node client.mjs "https://$CONTROL_LISTEN" $CONTROL_STATE/control-admin.json 2>&1)
	expect "it came to its end" test "$TAP_N" -gt 60
fi

# --- TLS --------------------------------------------------------------------------------------

status() { # CURL-ARGUMENT...
	curl -s -o /dev/null -w '%{http_code}' -d '{}' -H 'Content-Type: application/json' "$@" $API/GetStatus
}
equal "who trusts the certificate gets an answer" 401 "$(status --cacert $LAB/tls.pem)"
equal "who does not gets none" 000 "$(status)"
equal "TLS 1.1 gets none" 000 "$(status --cacert $LAB/tls.pem --tls-max 1.1 --ciphers ALL:@SECLEVEL=0)"
equal "HTTP without TLS gets none" 000 "$(API=http://$CONTROL_LISTEN/x status)"
expect "turnpike control logs in" ctl login -s https://$CONTROL_LISTEN --ca $LAB/tls.pem \
	--credentials $CONTROL_STATE/control-admin.json
equal "the token's file is its owner's alone" 600 "$(stat -c %a $TURNPIKE_SESSION)"
expect "and asks" ctl tenant list
certificate two
refuse "a certificate that is not the server's" ctl tenant list
kill -HUP "${LAB_PID[control]}"
expect "SIGHUP takes a renewed certificate" wait_for 30 ctl tenant list
cp $LAB/tls.pem $LAB/trusted.pem
echo nonsense >$LAB/tls.pem
kill -HUP "${LAB_PID[control]}"
wait_for 10 grep -q 'reload refused' $LAB/log/control.log
equal "not a broken one" 401 "$(status --cacert $LAB/trusted.pem)"
