#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 360
#
# A platform's relay serves a tenant's network. What it counts, which is about other tenants too, is
# the platform's: whatever a tenant's users ask, none of it is in the answer.

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/control_lab.sh"

curl() { # api() calls it
	in_ns control curl "$@"
}

lab_up
lab_host alice 1
lab_host bob 2
control_up
T=$(ctl tenant create acme) || die "no tenant"
ctl network create office >/dev/null || die "no network"
relay_member_conf relay wan0 $R4 $LAB/pins $LAB/state
auth_key relay --role relay --platform || die "no auth key of the platform's"
relay_start
wait_for 60 relay_joined || die "the relay did not join"
platform() { # JQ-FILTER: of the platform's relay
	ctl relay list --platform --json | jq -r ".[0] | $1"
}
ctl relay serve "$(platform .name)" --platform || die "it does not serve the network"
stock alice && stock bob && export_again alice || die "no stock peers"
expect "alice reaches bob" wait_for 60 reaches alice bob

# --- the platform ---------------------------------------------------------------------------------

counted() {
	[ "$(platform '.traffic | .online == 2 and (.packets | tonumber) > 0')" = true ]
}
expect "the platform sees what its relay has forwarded" wait_for 120 counted
expect "in the table, too" grep -qE ' 2/2 +[0-9]+ ' <(ctl relay list --platform)

# --- the tenant's people --------------------------------------------------------------------------

ADMIN=$(jq -r .token $TURNPIKE_SESSION)
DEVICE=$(platform .deviceId) RELAY=$(platform .id)
N=$(ctl network list --json | jq -r '.[0].id')
PEER=$(ctl node list --json | jq -r '.[0].deviceId')
MESSAGE="{\"networkId\":\"$N\",\"deviceId\":\"$PEER\",\"since\":\"1\",\"wait_seconds\":0}"
COUNTERS='[.. | objects | keys[] | select(IN("traffic", "online", "flows", "packets", "bytes", "dropped"))] | unique | join(" ")'

asks() { # RPC...: how many answers; what of a relay's counters is in them
	local rpc answers=0 found=
	for rpc; do
		api KEY "$T" "$rpc" "$MESSAGE"
		[ "$STATUS" = 200 ] && answers=$((answers + 1))
		found+=$(reply "$COUNTERS")
	done
	echo "$answers:$found"
}
READ=$(sed -nE 's/^ *rpc ((List|Get|Watch)[A-Za-z]+)\(.*/\1/p' "$LAB_ROOT/control/proto/turnpike/v1/admin.proto" |
	grep -v Platform)
for role in viewer operator tenant_admin; do
	KEY=$(ctl api-key create ${role/_/-} --role $role | tail -n 1)
	got=$(asks $READ)
	expect "a $role has answers (${got%%:*})" test "${got%%:*}" -ge 10
	equal "and in none a counter of the platform's relay" "" "${got#*:}"
	equal "nor among the tenant's relays the relay" "[]" "$(TURNPIKE_API_KEY=$KEY ctl relay list --json | jq -c .)"
	api KEY "$T" ListPlatformRelays '{}'
	equal "and may not ask for the platform's" permission_denied "$(reply .code)"
	api KEY "$T" GetDevice "{\"deviceId\":\"$DEVICE\"}"
	equal "nor for its device" not_found "$(reply .code)"
	api KEY "$T" SetRelayDrain "{\"relayId\":\"$RELAY\",\"draining\":false}"
	refuse "nor be answered by changing it" test "$STATUS" = 200
done
KEY=$ADMIN
got=$(asks $READ)
expect "a super_admin who looks at the tenant has answers (${got%%:*})" test "${got%%:*}" -ge 10
equal "and none of it in them" "" "${got#*:}"
api ADMIN - ListPlatformRelays '{}'
equal "who sees all of them as the platform" "bytes dropped flows online packets traffic" "$(reply "$COUNTERS")"
