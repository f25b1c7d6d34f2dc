# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Each RPC of AdminService once as it is meant, from nothing to nothing. Sourced by
# test_control_api.sh.

CALLED=' Login '

# good TOKEN TENANT RPC MESSAGE [JQ-FILTER that must be true of the answer]
good() {
	api "$1" "$2" "$3" "$4"
	CALLED+="$3 "
	if [ "$STATUS" != 200 ]; then
		not_ok "$3"
		note "$STATUS: $(cat "$REPLY")"
		return 1
	fi
	[ -z "${5:-}" ] && return
	jq -e "$5" "$REPLY" >/dev/null && { ok "$3"; return; }
	not_ok "$3"
	note "not so: $5: $(cat "$REPLY")"
}
bad() { # CODE TOKEN TENANT RPC MESSAGE
	api "$2" "$3" "$4" "$5"
	equal "$4: $1 for $5" "$1" "$(reply .code)"
}
key() {
	"$B/turnpike" genkey | "$B/turnpike" pubkey
}

# Tenants and who is in them
good ADMIN - CreateTenant '{"name":"calls"}' '.tenant.name == "calls"'
T=$(reply .tenant.id)
good ADMIN - ListTenants '{"pageSize":1}' '(.tenants | length) == 1 and .nextPageToken != ""'
NEXT=$(reply .nextPageToken)
good ADMIN - ListTenants "{\"pageSize\":1,\"pageToken\":\"$NEXT\"}" '.tenants[0].name == "other"'
good ADMIN "$T" GetTenant '{}' '.tenant.config.wireGuardConfig |
	.meshEnabled == false and .ipRange == "100.64.0.0/10" and .defaultListenPort == 51820 and
	.defaultKeepalive == 0 and .natTraversalEnabled and (.stunServers | length) > 0'
good ADMIN "$T" UpdateTenantConfig \
	'{"config":{"wire_guard_config":{"default_listen_port":"4500","defaultDns":"9.9.9.9","mesh_enabled":true}}}' \
	'.tenant.config.wireGuardConfig |
	.meshEnabled and .defaultListenPort == 4500 and .defaultDns == "9.9.9.9" and .natTraversalEnabled'
good ADMIN "$T" CreateUser '{"username":"chief","password":"password","role":"tenant_admin"}' \
	'.user.role == "tenant_admin" and .user.disabled == false'
CHIEF=$(login chief password)
good CHIEF "$T" CreateUser '{"username":"helper","password":"password","role":"viewer"}' '.user.id != ""'
HELPER_ID=$(reply .user.id)
good CHIEF "$T" UpdateUser "{\"user_id\":\"$HELPER_ID\",\"role\":\"operator\"}" \
	'.user.role == "operator" and .user.disabled == false'
good CHIEF "$T" ListUsers '{}' '[.users[].username] == ["chief", "helper"]'
good CHIEF "$T" SetPassword "{\"userId\":\"$HELPER_ID\",\"password\":\"another one\"}" '. == {}'
HELPER=$(login helper 'another one')
expect "the new password" test -n "$HELPER"
good HELPER "$T" SetPassword '{"password":"a third one"}' '. == {}'
api CHIEF "$T" ListUsers '{}'
bad permission_denied HELPER "$T" SetPassword \
	"{\"user_id\":\"$(reply '.users[0].id')\",\"password\":\"not yours\"}"
good CHIEF "$T" CreateApiKey '{"name":"ci","role":"operator","expires_at":"2100-01-01T00:00:00Z"}' \
	'(.secret | length) > 40 and .apiKey.expiresAt == "2100-01-01T00:00:00.000Z"'
CI=$(reply .secret)
CI_ID=$(reply .apiKey.id)
good CHIEF - RefreshToken '{}' '.token != "" and .user.username == "chief"'
RENEWED=$(reply .token)
good RENEWED - GetStatus '{}' '.role == "tenant_admin"'
bad failed_precondition CI - RefreshToken '{}'
good CI - GetStatus '{}' '.role == "operator" and .version != "" and (.revision | tonumber) >= 0'
good CHIEF "$T" ListApiKeys '{}' '.apiKeys[0].name == "ci"'
refuse "a list has no secrets" grep -qF "$CI" "$REPLY"

# Networks
good CHIEF "$T" CreateWireGuardNetwork \
	"{\"tenant_id\":\"$T\",\"name\":\"office\",\"subnet_cidr\":\"100.64.1.0/24\",\"listen_port\":0}" \
	'.network | .listenPort == 4500 and .dns == "9.9.9.9" and .subnetCidr == "100.64.1.0/24"'
N=$(reply .network.id)
bad already_exists CHIEF "$T" CreateWireGuardNetwork '{"name":"office","subnet_cidr":"100.64.9.0/24"}'
bad invalid_argument CHIEF "$T" CreateWireGuardNetwork '{"name":"x","subnet_cidr":"100.64.1.0/31"}'
bad invalid_argument CHIEF "$T" CreateWireGuardNetwork '{"name":"x","subnet_cidr":"fd00::/64"}'
bad invalid_argument CHIEF "$T" CreateWireGuardNetwork '{"name":"x","subnet_cidr":"100.127.255.0/24"}'
good CI "$T" GetWireGuardNetwork "{\"network_id\":\"$N\"}" '.network.name == "office"'
good CHIEF "$T" UpdateWireGuardNetwork "{\"network_id\":\"$N\",\"listen_port\":4501,\"dns\":\"\",\"stun_servers\":[\"stun.example:3478\"],
	\"subnet_cidr\":\"100.64.1.0/24\"}" \
	'.network | .listenPort == 4501 and .dns == "" and .stunServers == ["stun.example:3478"] and .keepalive == 0'
good CHIEF "$T" UpdateWireGuardNetwork "{\"network_id\":\"$N\",\"keepalive\":21}" \
	'.network | .keepalive == 21 and .listenPort == 4501 and .stunServers == ["stun.example:3478"]'
good CHIEF "$T" UpdateWireGuardNetwork "{\"network_id\":\"$N\",\"keepalive\":0}" '.network.keepalive == 0'
for fixed in '"subnet_cidr":"100.64.9.0/24"' '"name":"another"'; do
	bad failed_precondition CHIEF "$T" UpdateWireGuardNetwork "{\"network_id\":\"$N\",$fixed}"
done
for wrong in '"dns":"dns.example"' '"listen_port":0' '"listen_port":65536' '"keepalive":-1' '"stun_servers":["nowhere"]'; do
	bad invalid_argument CHIEF "$T" UpdateWireGuardNetwork "{\"network_id\":\"$N\",$wrong}"
done
good CI "$T" ListWireGuardNetworks '{}' '(.networks | length) == 1'
bad not_found VIEWER "$ACME" GetWireGuardNetwork "{\"network_id\":\"$N\"}"

# Stock peers are devices that need nobody to join
STOCK_KEY=$(key)
good CI "$T" AddStockPeer "{\"network_id\":\"$N\",\"name\":\"phone\",\"public_key\":\"$STOCK_KEY\",\"tags\":[\"staff\"]}" \
	'.peer.allocatedIp == "100.64.1.1" and (.config | contains("Address = 100.64.1.1/24")) and .peer.tags == ["staff"]'
PHONE=$(reply .peer.deviceId)
good CI "$T" AddStockPeer "{\"networkId\":\"$N\",\"name\":\"laptop\",\"publicKey\":\"$(key)\"}" \
	'.peer.allocatedIp == "100.64.1.2"'
LAPTOP=$(reply .peer.deviceId)
bad already_exists CI "$T" AddStockPeer "{\"networkId\":\"$N\",\"name\":\"thief\",\"publicKey\":\"$STOCK_KEY\"}"
bad already_exists CI "$T" AddStockPeer "{\"networkId\":\"$N\",\"name\":\"laptop\",\"publicKey\":\"$(key)\"}"
bad not_found CI "$T" AddStockPeer "{\"networkId\":\"$LAPTOP\",\"name\":\"another\",\"publicKey\":\"$(key)\"}"
good CI "$T" ListStalePeers '{}' '[.peers[].peer.deviceName] == ["phone"]'
good CI "$T" ExportStockPeer "{\"network_id\":\"$N\",\"device_id\":\"$PHONE\"}" '.config | contains("# laptop")'
good CI "$T" ListStalePeers "{\"network_id\":\"$N\"}" '.peers == []'
bad not_found CI "$T" ListStalePeers "{\"network_id\":\"$LAPTOP\"}"

# Peers
good CI "$T" ListWireGuardPeers "{\"network_id\":\"$N\"}" '(.peers | length) == 2 and .peers[0].roundTrips == []'
good CI "$T" SetPeerTags "{\"network_id\":\"$N\",\"device_id\":\"$LAPTOP\",\"tags\":[\"lab\"]}" '.peer.tags == ["lab"]'
bad invalid_argument CI "$T" SetPeerTags "{\"network_id\":\"$N\",\"device_id\":\"$LAPTOP\",\"tags\":[\"No!\"]}"
good CI "$T" SetPeerEndpoint "{\"network_id\":\"$N\",\"device_id\":\"$LAPTOP\",\"endpoint\":\"198.51.100.7:51820\"}" \
	'.peer.endpointDeclared and .peer.endpoint == "198.51.100.7:51820"'
good CI "$T" SetPeerRole "{\"tenant_id\":\"$T\",\"network_id\":\"$N\",\"device_id\":\"$LAPTOP\",\"is_relay\":true,
	\"is_egress_gateway\":true,\"egress_subnets\":[\"192.168.10.0/24\"]}" \
	'.peer | .isRelay and .isEgressGateway and .egressSubnets == ["192.168.10.0/24"]'
bad invalid_argument CI "$T" SetPeerRole "{\"network_id\":\"$N\",\"device_id\":\"$LAPTOP\",\"is_egress_gateway\":true,
	\"egress_subnets\":[\"192.168.10.0/24\",\"192.168.10.0/24\"]}"
good CI "$T" AssignRelay "{\"network_id\":\"$N\",\"peer_device_id\":\"$PHONE\",\"relay_device_id\":\"$LAPTOP\"}" \
	'.peer.relayId != ""'
good CI "$T" RemoveRelayAssignment "{\"network_id\":\"$N\",\"peer_device_id\":\"$PHONE\"}" '.peer.relayId == ""'

# Devices, groups, enrolment
good CI "$T" ListDevices '{}' '(.devices | length) == 2'
good CI "$T" GetDevice "{\"device_id\":\"$PHONE\"}" '.device.name == "phone" and .device.kind == "stock"'
good CI "$T" CreateGroup '{"name":"people"}' '.group.memberCount == 0'
G=$(reply .group.id)
good CI "$T" AddGroupMember "{\"group_id\":\"$G\",\"device_id\":\"$PHONE\"}" '. == {}'
good CI "$T" AddGroupMember "{\"group_id\":\"$G\",\"device_id\":\"$LAPTOP\"}" '. == {}'
good CI "$T" ListGroupMembers "{\"group_id\":\"$G\"}" '[.devices[].name] | sort == ["laptop", "phone"]'
good CI "$T" RemoveGroupMember "{\"group_id\":\"$G\",\"device_id\":\"$LAPTOP\"}" '. == {}'
good CI "$T" RenameGroup "{\"group_id\":\"$G\",\"name\":\"folk\"}" '.group.name == "folk"'
good CI "$T" ListGroups '{}' '.groups[0].memberCount == 1'
good CHIEF "$T" EnrollGroupInNetwork "{\"name\":\"field\",\"group_id\":\"$G\"}" \
	'.enrolledCount == 1 and (.network.subnetCidr | endswith("/24"))'
FIELD=$(reply .network.id)
good CI "$T" AddDeviceToNetwork "{\"network_id\":\"$FIELD\",\"device_id\":\"$LAPTOP\"}" \
	'.peer.publicKey == "" and .peer.allocatedIp == ""'
good CI "$T" AddStockPeer "{\"network_id\":\"$FIELD\",\"name\":\"laptop\",\"public_key\":\"$(key)\",\"tags\":[\"lab\"]}" \
	".peer.deviceId == \"$LAPTOP\" and .peer.allocatedIp != \"\" and .peer.tags == [\"lab\"]"
good CI "$T" RemoveDeviceFromNetwork "{\"network_id\":\"$FIELD\",\"device_id\":\"$LAPTOP\"}" '. == {}'

# Keys
good CI "$T" CreateAuthKey "{\"network_id\":\"$N\",\"name\":\"gw\",\"role\":\"gateway\",\"tags\":[\"lan\"],\"reusable\":true}" \
	'(.secret | length) > 40 and .authKey.useLimit == 0 and .authKey.role == "gateway"'
A=$(reply .authKey.id)
good CI "$T" ListAuthKeys '{}' '.authKeys[0].tags == ["lan"] and .authKeys[0].uses == 0'
good CI "$T" RevokeAuthKey "{\"auth_key_id\":\"$A\"}" '. == {}'
bad invalid_argument CI "$T" CreateAuthKey "{\"network_id\":\"$N\",\"name\":\"x\",\"role\":\"stock\"}"
good ADMIN - CreateAuthKey '{"name":"relays","role":"relay"}' '.authKey.useLimit == 1 and .authKey.tenantId == ""'
good ADMIN - ListAuthKeys '{}' '[.authKeys[].name] == ["relays"]'

# Policies
good CI "$T" ListPolicies "{\"network_id\":\"$N\"}" '.policies[0].name == "initial"'
good CI "$T" TestPolicy "{\"network_id\":\"$N\",\"from\":\"phone\",\"to\":\"laptop\",\"protocol\":\"tcp\",\"port\":22}" '.allowed'
bad invalid_argument CI "$T" TestPolicy "{\"network_id\":\"$N\",\"from\":\"phone\",\"to\":\"laptop\",\"protocol\":\"tcp\"}"
good CHIEF "$T" ApplyPolicy "{\"network_id\":\"$N\",\"name\":\"web\",\"position\":1,\"rules\":[{\"name\":\"web\",
	\"from\":[\"tag:staff\"],\"to\":[\"tag:lab\"],\"protocol\":\"tcp\",\"ports\":[\"443\"]}]}" '(.policies | length) == 2'
good CHIEF "$T" DeletePolicy "{\"network_id\":\"$N\",\"name\":\"initial\"}" '. == {}'
good CI "$T" TestPolicy "{\"network_id\":\"$N\",\"from\":\"phone\",\"to\":\"laptop\",\"protocol\":\"tcp\",\"port\":22}" '.allowed | not'
good CI "$T" TestPolicy "{\"network_id\":\"$N\",\"from\":\"phone\",\"to\":\"laptop\",\"protocol\":\"tcp\",\"port\":443}" '.rule == "web"'
bad invalid_argument CHIEF "$T" ApplyPolicy "{\"network_id\":\"$N\",\"name\":\"web\",\"rules\":[{\"from\":[\"any\"]}]}"

# Relays
good CHIEF "$T" CreateRelay "{\"name\":\"own\",\"public_key\":\"$(key)\",\"endpoints\":[\"203.0.113.1:443\"]}" \
	'.relay.serviceAddress | startswith("100.127.255.")'
R=$(reply .relay.id)
good CI "$T" AssignRelayToNetwork "{\"relay_id\":\"$R\",\"network_id\":\"$N\"}" '. == {}'
good CI "$T" AssignRelay "{\"network_id\":\"$N\",\"peer_device_id\":\"$PHONE\",\"relay_id\":\"$R\"}" ".peer.relayId == \"$R\""
good CI "$T" ListRelays '{}' '.relays[0].name == "own"'
good CI "$T" SetRelayDrain "{\"relay_id\":\"$R\",\"draining\":true}" '.relay.draining'
good CI "$T" RemoveRelayFromNetwork "{\"relay_id\":\"$R\",\"network_id\":\"$N\"}" '. == {}'
good CHIEF "$T" DeleteRelay "{\"relay_id\":\"$R\"}" '. == {}'
good ADMIN - CreatePlatformRelay "{\"name\":\"big\",\"public_key\":\"$(key)\",\"endpoints\":[\"203.0.113.2:443\"]}" \
	'.relay.tenantId == ""'
P=$(reply .relay.id)
bad not_found CHIEF "$T" SetRelayDrain "{\"relay_id\":\"$P\",\"draining\":true}"
good ADMIN - ListPlatformRelays '{}' '.relays[0].name == "big"'
good ADMIN - AssignPlatformRelayToNetwork "{\"relay_id\":\"$P\",\"network_id\":\"$N\"}" '. == {}'
good CI "$T" ExportStockPeer "{\"network_id\":\"$N\",\"device_id\":\"$PHONE\"}" '.config | contains("203.0.113.2:443")'
good ADMIN - RemovePlatformRelayFromNetwork "{\"relay_id\":\"$P\",\"network_id\":\"$N\"}" '. == {}'
good ADMIN - DeletePlatformRelay "{\"relay_id\":\"$P\"}" '. == {}'

# What happened; and the end
good CHIEF "$T" ListAudit '{"pageSize":3}' '(.records | length) == 3 and .nextPageToken != ""'
NEXT=$(reply .nextPageToken)
good CHIEF "$T" ListAudit "{\"pageSize\":1000,\"pageToken\":\"$NEXT\"}" \
	'[.records[].action] | index("network.create") and index("peer.add")'
good CHIEF "$T" ListAudit '{"since":"2100-01-01T00:00:00Z"}' '.records == []'
bad invalid_argument CHIEF "$T" ListAudit '{"since":"yesterday"}'
good CHIEF "$T" ListAudit "{\"pageSize\":1000,\"since\":\"2020-01-01T00:00:00Z\"}" '(.records | length) > 3'
refuse "nothing of another tenant among it" grep -qF "$ACME" "$REPLY"
refuse "no secret either" grep -qF "$CI" "$REPLY"
good CI "$T" WatchEvents '{}' '.events == [] and .missed == false and .next != ""'
good CI "$T" WatchEvents '{"since":"0000000000000001-5"}' \
	'.missed and ([.events[].action] | index("network.create")) and
	([.events[].action] | index("user.create") | not) and ([.events[].actor] | index("user:chief") | not)'
refuse "no event of another tenant among them" grep -qF "$ACME" "$REPLY"
good CHIEF "$T" WatchEvents '{"since":"0000000000000001-5"}' '[.events[] | select(.actor == "user:chief").action] | index("user.create")'
bad invalid_argument CI "$T" WatchEvents '{"since":"yesterday"}'
bad invalid_argument CI "$T" WatchEvents '{"waitSeconds":51}'
good CHIEF "$T" RevokeApiKey "{\"api_key_id\":\"$CI_ID\"}" '. == {}'
refused "a revoked API key" "$CI"
good CHIEF "$T" DeleteDevice "{\"device_id\":\"$PHONE\"}" '. == {}'
good CHIEF "$T" DeleteGroup "{\"group_id\":\"$G\"}" '. == {}'
good CHIEF "$T" DeleteWireGuardNetwork "{\"network_id\":\"$N\"}" '. == {}'
good CHIEF "$T" DeleteUser "{\"user_id\":\"$HELPER_ID\"}" '. == {}'
good ADMIN "$T" DeleteTenant '{}' '. == {}'
refused "the token of a tenant that is gone" "$CHIEF"

missing() {
	local rpc
	for rpc in $(sed -nE 's|^ *rpc ([A-Za-z]+)\(.*|\1|p' "$PROTO"); do
		[[ $CALLED == *" $rpc "* ]] || echo -n "$rpc "
	done
}
equal "every RPC of the .proto was called" "" "$(missing)"
