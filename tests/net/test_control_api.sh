#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 900
# The API of turnpike-control with curl: who may call what (by the comments in the .proto), what is
# refused and how, what a bad client can do, and each RPC once as it is meant.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control.sh"

PROTO=$LAB_ROOT/control/proto/turnpike/v1/admin.proto

control_start
second_daemon() {
	timeout 10 "$B/turnpike-control" -c $LAB/control.conf
}
ADMIN=$(login admin "$(jq -r .password $CONTROL_STATE/control-admin.json)")

# --- the first start --------------------------------------------------------------------------

expect "a login with the first administrator's password" test -n "$ADMIN"
equal "the file with it is its owner's alone" 600 "$(stat -c %a $CONTROL_STATE/control-admin.json)"
equal "so is the key that signs tokens" 600 "$(stat -c %a $CONTROL_STATE/control-token.key)"
equal "so is the database" 600 "$(stat -c %a $CONTROL_STATE/control.db)"
refuse "the log has no password in it" \
	grep -qF "$(jq -r .password $CONTROL_STATE/control-admin.json)" $LAB/log/control.log
refuse "a second daemon does not run on the same state" second_daemon

# --- tenants and people to try with -----------------------------------------------------------

api ADMIN - CreateTenant '{"name":"acme"}'
ACME=$(reply .tenant.id)
api ADMIN - CreateTenant '{"name":"other"}'
OTHER=$(reply .tenant.id)

people() { # TENANT PREFIX
	local role
	for role in viewer operator tenant_admin; do
		api ADMIN "$1" CreateUser \
			"{\"username\":\"$2-${role/_/-}\",\"password\":\"secret-$role\",\"role\":\"$role\"}"
	done
}
people "$ACME" acme
VIEWER=$(login acme-viewer secret-viewer)
OPERATOR=$(login acme-operator secret-operator)
TENANT_ADMIN=$(login acme-tenant-admin secret-tenant_admin)

# --- every RPC, every role --------------------------------------------------------------------

# "RPC ROLE FLAGS" of each, as the .proto's comments have it.
rpcs() {
	sed -nE 's|^ *rpc ([A-Za-z]+)\(.*; *// (.*)$|\1 \2|p' "$PROTO" | while read -r rpc comment; do
		role=$(grep -oE 'viewer|operator|tenant_admin|super_admin' <<<"$comment" | head -n 1)
		flags=tenant
		[[ $comment == *'no tenant'* ]] && flags=none
		[[ $comment == *'or platform'* ]] && flags=platform
		echo "$rpc ${role:-nobody} $flags"
	done
}
declare -A RANK=([nobody]=0 [viewer]=1 [operator]=2 [tenant_admin]=3 [super_admin]=4)

# What an empty message brings, with each role's token: permission_denied exactly where it should.
check_role() { # RPC LEAST TOKEN-NAME ROLE
	api "$3" "$ACME" "$1" '{}'
	if [ "${RANK[$4]}" -lt "${RANK[$2]}" ]; then
		[ "$(reply .code)" = permission_denied ] || { WRONG+=" $1/$4"; return; }
	elif [ "$(reply .code)" = permission_denied ] || [ "$STATUS" = 401 ] || [ "$STATUS" -ge 500 ]; then
		WRONG+=" $1/$4=$STATUS"
	fi
}

check_rpc() { # RPC LEAST FLAGS
	local rpc=$1 least=$2 flags=$3
	[ "$least" = nobody ] && return
	api - "$ACME" "$rpc" '{}'
	[ "$STATUS" = 401 ] && [ "$(reply .code)" = unauthenticated ] || WRONG+=" $rpc/no-token=$STATUS"
	check_role "$rpc" "$least" VIEWER viewer
	check_role "$rpc" "$least" OPERATOR operator
	check_role "$rpc" "$least" TENANT_ADMIN tenant_admin
	[ "$rpc" = DeleteTenant ] || check_role "$rpc" "$least" ADMIN super_admin
	[ "$flags" = none ] && return
	api TENANT_ADMIN - "$rpc" '{}'
	[ "$(reply .code)" = invalid_argument ] || [ "$least" = super_admin ] || WRONG+=" $rpc/no-tenant=$STATUS"
	api TENANT_ADMIN "$OTHER" "$rpc" '{}'
	[ "$(reply .code)" = permission_denied ] || WRONG+=" $rpc/other-tenant=$STATUS"
}

WRONG=
N=0
while read -r rpc least flags; do
	check_rpc "$rpc" "$least" "$flags"
	N=$((N + 1))
done < <(rpcs)
equal "the .proto names the RPCs" "$(grep -cE '^ *rpc ' "$PROTO")" "$N"
equal "each RPC wants its role, a token, and a tenant of one's own ($N RPCs)" "" "$WRONG"

# --- tokens -----------------------------------------------------------------------------------

refused() { # TEXT TOKEN
	TRIED=$2
	api TRIED "$ACME" ListDevices '{}'
	equal "$1" "401 unauthenticated" "$STATUS $(reply .code)"
}
refused "a garbled token" "${VIEWER%?????}AAAAA"
refused "a token without its signature" "${VIEWER%.*}."
refused "nonsense for a token" nonsense
refused "an unknown API key" tpa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
# Signed with the daemon's own key, but over.
EXPIRED=$(control_token "$(jq -nc --arg sub "$(api VIEWER - GetStatus '{}'; reply .userId)" --arg t "$ACME" \
	'{sub: $sub, tenant_id: $t, role: "viewer", jti: "j", iat: 1000, exp: 4600}')")
refused "an expired token" "$EXPIRED"
FRESH=$(control_token "$(jq -nc --arg sub "$(api VIEWER - GetStatus '{}'; reply .userId)" --arg t "$ACME" \
	'{sub: $sub, tenant_id: $t, role: "super_admin", jti: "j", iat: (now | floor), exp: (now + 60 | floor)}')")
api FRESH "$ACME" ListTenants '{}'
equal "what counts is the user's role, not the token's" "403 permission_denied" "$STATUS $(reply .code)"
api TENANT_ADMIN "$ACME" CreateUser '{"username":"gone","password":"password","role":"viewer"}'
GONE=$(login gone password)
api GONE "$ACME" ListDevices '{}'
equal "a user's token" 200 "$STATUS"
api TENANT_ADMIN "$ACME" ListUsers '{}'
GONE_ID=$(reply '.users[] | select(.username == "gone").id')
api TENANT_ADMIN "$ACME" UpdateUser "{\"userId\":\"$GONE_ID\",\"disabled\":true}"
refused "the token of a disabled user" "$GONE"
refuse "who cannot log in either" login_works gone password
api TENANT_ADMIN "$ACME" DeleteUser "{\"userId\":\"$GONE_ID\"}"
equal "a user is deleted" 200 "$STATUS"
api TENANT_ADMIN "$ACME" CreateApiKey '{"name":"short","role":"viewer","expiresAt":"2020-01-01T00:00:00Z"}'
[ "$STATUS" = 400 ] || refused "an expired API key" "$(reply .secret)"
api OPERATOR "$ACME" ListDevices "{\"tenantId\":\"$OTHER\"}"
equal "another tenant in the message" "403 permission_denied" "$STATUS $(reply .code)"
api TENANT_ADMIN "$ACME" CreateUser '{"username":"boss","password":"password","role":"super_admin"}'
equal "nobody gives a role above one's own" "403 permission_denied" "$STATUS $(reply .code)"
api ADMIN "00000000-0000-7000-8000-000000000000" ListDevices '{}'
equal "a tenant that is not there" "404 not_found" "$STATUS $(reply .code)"
api ADMIN "../../x" ListDevices '{}'
equal "a tenant that is no id" "400 invalid_argument" "$STATUS $(reply .code)"

# --- the protocol -----------------------------------------------------------------------------

raw() { # CURL-ARGUMENT...: status and code
	STATUS=$(curl -s -o "$REPLY" -w '%{http_code}' -H "Authorization: Bearer $ADMIN" "$@")
	echo "$STATUS $(jq -r '.code // "-"' "$REPLY" 2>/dev/null)"
}
JSON=(-H 'Content-Type: application/json')
equal "an unknown RPC" "404 unimplemented" "$(raw "${JSON[@]}" -d '{}' $API/Nope)"
equal "another service" "404 " "$(raw "${JSON[@]}" -d '{}' http://$CONTROL_LISTEN/x.Y/Z)"
equal "GET" "405 " "$(raw $API/GetStatus)"
for type in application/proto application/grpc application/connect+json text/plain application/jsonx \
	'application/json; charset=latin1'; do
	equal "codec $type" "415 " "$(raw -H "Content-Type: $type" -d '{}' $API/GetStatus)"
done
equal "JSON with its charset" "200 -" \
	"$(raw -H 'Content-Type: Application/JSON; charset=UTF-8' -d '{}' $API/GetStatus)"
equal "protocol version 1" "200 -" \
	"$(raw "${JSON[@]}" -H 'Connect-Protocol-Version: 1' -d '{}' $API/GetStatus)"
equal "protocol version 2" "400 invalid_argument" \
	"$(raw "${JSON[@]}" -H 'Connect-Protocol-Version: 2' -d '{}' $API/GetStatus)"
equal "a compressed message" "501 unimplemented" \
	"$(raw "${JSON[@]}" -H 'Content-Encoding: gzip' -d '{}' $API/GetStatus)"
equal "a message in chunks" "200 -" \
	"$(raw "${JSON[@]}" -H 'Transfer-Encoding: chunked' -d '{}' $API/GetStatus)"
equal "an empty message" "200 -" "$(raw "${JSON[@]}" -X POST $API/GetStatus)"
equal "unknown fields are ignored" "200 -" "$(raw "${JSON[@]}" -d '{"x":[1,{"y":null}]}' $API/GetStatus)"
for bad in '{' '[]' '"x"' '{"a":1,"a":2}' '{"a":"\u0000"}' $'{"a":"\xff"}' "$(printf '[%.0s' {1..3000})"; do
	equal "not a message: ${bad:0:20}" "400 invalid_argument" "$(raw "${JSON[@]}" -d "$bad" $API/GetStatus)"
done
equal "a field of the wrong type" "400 invalid_argument" \
	"$(raw "${JSON[@]}" -d '{"name":5}' $API/CreateTenant)"
equal "a missing field" "400 invalid_argument" "$(raw "${JSON[@]}" -d '{}' $API/CreateTenant)"
equal "what is there already" "409 already_exists" \
	"$(raw "${JSON[@]}" -d '{"name":"acme"}' $API/CreateTenant)"

head -c 1100000 /dev/zero | tr '\0' ' ' >"$LAB/big"
equal "more than a MiB" "413 resource_exhausted" \
	"$(raw "${JSON[@]}" -H 'Expect:' --data-binary "@$LAB/big" $API/GetStatus)"
truncate -s 1000000 "$LAB/big"
printf '{}' | dd of="$LAB/big" conv=notrunc status=none
equal "just below it" "200 -" "$(raw "${JSON[@]}" --data-binary "@$LAB/big" $API/GetStatus)"
STRANGER=$(curl -s -o /dev/null -w '%{http_code}' "${JSON[@]}" --data-binary "@$LAB/big" $API/Login)
equal "a stranger's message is at most 4 KiB" 413 "$STRANGER"
equal "keep-alive: three calls on one connection" 1 \
	"$(curl -s -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects}\n' "${JSON[@]}" \
		-H "Authorization: Bearer $ADMIN" -d '{}' $API/GetStatus $API/GetStatus $API/GetStatus |
		awk '{ n += $1 } END { print n }')"

# --- bad clients ------------------------------------------------------------------------------

# One that never gets to the end of its request.
slow_ends() {
	local start=$SECONDS
	{
		printf 'POST /turnpike.v1.AdminService/GetStatus HTTP/1.1\r\nContent-Length: 100\r\n\r\n'
		for _ in {1..40}; do
			printf x || break
			sleep 0.5
		done
	} 2>/dev/null | timeout 40 nc ${CONTROL_LISTEN/:/ } >/dev/null
	[ $((SECONDS - start)) -lt 25 ]
}
slow_ends &
SLOW=$!
equal "a slow client keeps nobody waiting" "200 -" "$(raw "${JSON[@]}" -d '{}' $API/GetStatus)"

# More connections than there is room for, all idle: a new one still gets its answer.
flood() {
	exec 3>&2 2>/dev/null
	for i in {1..600}; do
		exec {fd}<>/dev/tcp/${CONTROL_LISTEN/:/\/} || break
	done
	exec 2>&3
	raw "${JSON[@]}" -m 20 -d '{}' $API/GetStatus
}
ulimit -n 2000
equal "600 idle connections keep nobody waiting" "200 -" "$(flood)"

wait $SLOW
equal "the slow client is sent away" 0 $?
CODE=$(printf 'nonsense\r\n\r\n' | timeout 5 nc ${CONTROL_LISTEN/:/ } | head -n 1)
equal "what is not HTTP" "HTTP/1.1 400 Bad Request" "${CODE%$'\r'}"

# --- each RPC as it is meant ------------------------------------------------------------------

. "$LAB_DIR/control_calls.sh"

# --- the end of it ----------------------------------------------------------------------------

tries() { # at once: one by one a slow machine's hashes alone would keep within what a host may try
	local i
	for i in {1..40}; do
		curl -s -o $LAB/try.$i "${JSON[@]}" -d '{"username":"acme-viewer","password":"wrong"}' $API/Login &
	done
	wait
	grep -q unauthenticated $LAB/try.* && grep -q resource_exhausted $LAB/try.*
}
expect "guessing passwords is slowed down" tries
valid() {
	curl -sf http://127.0.0.1:9588/metrics | promtool check metrics
}
expect "promtool finds the metrics page valid" valid
counted() { # NAME VALUE
	curl -sf http://127.0.0.1:9588/metrics | grep -qxF "$1 $2"
}
expect "no node is connected" counted turnpike_control_nodes 0
expect "nor has failed" counted 'turnpike_control_acknowledged_total{status="failed"}' 0
expect "ready" curl -sf http://127.0.0.1:9588/readyz
stop control
equal "a clean stop" 0 $?
