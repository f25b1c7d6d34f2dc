// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Calls each RPC of AdminService with Connect's own client and the stubs generated from the .proto.
// Answers are parsed strictly: a field that the .proto does not have is an error.
//
//	node client.mjs URL CREDENTIALS-FILE

import { readFileSync } from "node:fs";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AdminService } from "./gen/turnpike/v1/admin_pb.js";

const [url, credentials] = process.argv.slice(2);
const answered = new Set();

function clientOf(token, tenant) {
  const headers = (next) => async (req) => {
    if (token) req.header.set("Authorization", `Bearer ${token}`);
    if (tenant) req.header.set("X-Tenant-ID", tenant);
    const res = await next(req);
    answered.add(req.method.name);
    return res;
  };
  return createClient(
    AdminService,
    createConnectTransport({
      baseUrl: url,
      httpVersion: "1.1",
      useBinaryFormat: false,
      jsonOptions: { ignoreUnknownFields: false },
      interceptors: [headers],
    }),
  );
}

function result(good, text, why) {
  console.log(`${good ? "ok" : "not ok"} - ${text}${good ? "" : `: ${why}`}`);
}

// The answer, or a failed test and {}.
async function call(client, method, message, check = () => true) {
  try {
    const answer = await client[method](message);
    result(check(answer), method, JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? `${v}` : v)));
    return answer;
  } catch (e) {
    result(false, method, e.message);
    return {};
  }
}

async function fails(code, client, method, message) {
  const text = `${method} fails with ${Code[code]}`;
  try {
    await client[method](message);
    result(false, text, "it did not fail");
  } catch (e) {
    const got = ConnectError.from(e);
    result(got.code === code, text, `${Code[got.code]}: ${got.message}`);
  }
}

const key = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
const stranger = clientOf();
const { username, password } = JSON.parse(readFileSync(credentials));

// --- tokens, tenants, users ---

const login = await call(stranger, "login", { username, password }, (r) => r.user.role === "super_admin");
const platform = clientOf(login.token);
await fails(Code.Unauthenticated, stranger, "login", { username, password: "wrong" });
await fails(Code.Unauthenticated, stranger, "listTenants", {});
await fails(Code.Unauthenticated, clientOf("a.b.c"), "listTenants", {});

const { tenant } = await call(platform, "createTenant", { name: "interop" }, (r) => r.tenant.createdAt.seconds > 0n);
const { tenant: other } = await call(platform, "createTenant", { name: "interop-two" });
const admin = clientOf(login.token, tenant.id);
await call(platform, "listTenants", { pageSize: 1 }, (r) => r.tenants.length === 1 && r.nextPageToken !== "");
await call(admin, "getTenant", {}, (r) => r.tenant.config.wireGuardConfig.ipRange === "100.64.0.0/10");
await call(
  admin,
  "updateTenantConfig",
  { config: { wireGuardConfig: { defaultKeepalive: 7, natTraversalEnabled: false } } },
  ({ tenant: { config: { wireGuardConfig: c } } }) => c.defaultKeepalive === 7 && !c.natTraversalEnabled && c.defaultListenPort === 51820,
);
await fails(Code.AlreadyExists, platform, "createTenant", { name: "interop" });
await fails(Code.InvalidArgument, platform, "createTenant", { name: "No!" });

const { user } = await call(admin, "createUser", { username: "ops", password: "password", role: "operator" });
await call(admin, "listUsers", {}, (r) => r.users[0].username === "ops");
await call(admin, "updateUser", { userId: user.id, role: "viewer" }, (r) => r.user.role === "viewer" && !r.user.disabled);
await call(admin, "setPassword", { userId: user.id, password: "another one" });
const { token } = await call(stranger, "login", { username: "ops", password: "another one" }, (r) => r.user.tenantId === tenant.id);
const renewed = await call(clientOf(token), "refreshToken", {}, (r) => r.user.username === "ops" && r.expiresAt.seconds > 0n);
const viewer = clientOf(renewed.token, tenant.id);
await fails(Code.PermissionDenied, viewer, "createGroup", { name: "x" });
await fails(Code.PermissionDenied, clientOf(token, other.id), "listDevices", {});
await fails(Code.InvalidArgument, clientOf(token), "listDevices", {});
const made = await call(admin, "createApiKey", { name: "ci", role: "operator" }, (r) => r.apiKey.expiresAt === undefined);
const operator = clientOf(made.secret, tenant.id);
await call(admin, "listApiKeys", {}, (r) => r.apiKeys.length === 1);
await call(operator, "getStatus", {}, (r) => r.epoch > 0n && r.role === "operator");

// --- networks and who is in them ---

const { network } = await call(admin, "createWireGuardNetwork", { name: "office", subnetCidr: "100.64.1.0/24" }, (r) => r.network.keepalive === 7);
const networkId = network.id;
await call(viewer, "getWireGuardNetwork", { networkId }, (r) => r.network.name === "office");
await call(admin, "updateWireGuardNetwork", { networkId, listenPort: 51999, dns: "9.9.9.9" }, (r) => r.network.listenPort === 51999 && r.network.dns === "9.9.9.9" && r.network.keepalive === 7);
await fails(Code.FailedPrecondition, admin, "updateWireGuardNetwork", { networkId, subnetCidr: "100.64.77.0/24" });
await call(viewer, "listWireGuardNetworks", {}, (r) => r.networks.length === 1);
await fails(Code.NotFound, clientOf(login.token, other.id), "getWireGuardNetwork", { networkId });
await fails(Code.InvalidArgument, admin, "createWireGuardNetwork", { name: "v6", subnetCidr: "fd00::/64" });

const phone = await call(operator, "addStockPeer", { networkId, name: "phone", publicKey: key(), tags: ["staff"] }, (r) => r.peer.allocatedIp === "100.64.1.1" && r.config.includes("[Interface]"));
const laptop = await call(operator, "addStockPeer", { networkId, name: "laptop", publicKey: key() });
const [a, b] = [phone.peer.deviceId, laptop.peer.deviceId];
await call(viewer, "listStalePeers", {}, (r) => r.peers.length === 1 && typeof r.peers[0].exportedRevision === "bigint");
await call(operator, "exportStockPeer", { networkId, deviceId: a }, (r) => r.config.includes("laptop"));
await call(viewer, "listWireGuardPeers", { networkId }, (r) => r.peers.length === 2 && r.peers[0].createdAt.seconds > 0n);
await call(operator, "setPeerTags", { networkId, deviceId: b, tags: ["lab"] }, (r) => r.peer.tags[0] === "lab");
await call(operator, "setPeerEndpoint", { networkId, deviceId: b, endpoint: "198.51.100.7:51820" }, (r) => r.peer.endpointDeclared);
await call(operator, "setPeerRole", { networkId, deviceId: b, isRelay: true, isEgressGateway: true, egressSubnets: ["192.168.10.0/24"] }, (r) => r.peer.isRelay && r.peer.egressSubnets.length === 1);
await call(operator, "assignRelay", { networkId, peerDeviceId: a, relayDeviceId: b }, (r) => r.peer.relayId !== "");
await call(operator, "removeRelayAssignment", { networkId, peerDeviceId: a }, (r) => r.peer.relayId === "");

await call(viewer, "listDevices", {}, (r) => r.devices.length === 2);
await call(viewer, "getDevice", { deviceId: a }, (r) => r.device.kind === "stock");
const { group } = await call(operator, "createGroup", { name: "people" });
await call(operator, "addGroupMember", { groupId: group.id, deviceId: a });
await call(viewer, "listGroupMembers", { groupId: group.id }, (r) => r.devices[0].id === a);
await call(viewer, "listGroups", {}, (r) => r.groups[0].memberCount === 1);
await call(operator, "renameGroup", { groupId: group.id, name: "folk" }, (r) => r.group.name === "folk");
const field = await call(admin, "enrollGroupInNetwork", { name: "field", groupId: group.id }, (r) => r.enrolledCount === 1);
await call(operator, "addDeviceToNetwork", { networkId: field.network.id, deviceId: b }, (r) => r.peer.publicKey === "");
await call(operator, "removeDeviceFromNetwork", { networkId: field.network.id, deviceId: b });
await call(operator, "removeGroupMember", { groupId: group.id, deviceId: a });

// --- keys, policies, relays ---

const auth = await call(operator, "createAuthKey", { networkId, name: "gw", role: "gateway", reusable: true }, (r) => r.authKey.useLimit === 0);
await call(operator, "listAuthKeys", {}, (r) => r.authKeys.length === 1);
await call(operator, "revokeAuthKey", { authKeyId: auth.authKey.id });
await call(viewer, "listPolicies", { networkId }, (r) => r.policies[0].rules[0].from[0] === "any");
const rules = [{ name: "web", from: ["tag:staff"], to: ["tag:lab"], protocol: "tcp", ports: ["443"] }];
await call(admin, "applyPolicy", { networkId, name: "web", position: 1, rules }, (r) => r.policies.length === 2);
await call(admin, "deletePolicy", { networkId, name: "initial" });
await call(viewer, "testPolicy", { networkId, from: "phone", to: "laptop", protocol: "tcp", port: 443 }, (r) => r.allowed && r.rule === "web");
await call(viewer, "testPolicy", { networkId, from: "phone", to: "laptop", protocol: "tcp", port: 22 }, (r) => !r.allowed);

const { relay } = await call(admin, "createRelay", { name: "own", publicKey: key(), endpoints: ["203.0.113.1:443"] });
await call(operator, "assignRelayToNetwork", { relayId: relay.id, networkId });
await call(viewer, "listRelays", {}, (r) => r.relays.length === 1);
await call(operator, "setRelayDrain", { relayId: relay.id, draining: true }, (r) => r.relay.draining);
await call(operator, "removeRelayFromNetwork", { relayId: relay.id, networkId });
await call(admin, "deleteRelay", { relayId: relay.id });
const big = await call(platform, "createPlatformRelay", { name: "big", publicKey: key(), endpoints: ["203.0.113.2:443"] });
await call(platform, "assignPlatformRelayToNetwork", { relayId: big.relay.id, networkId });
await call(platform, "listPlatformRelays", {}, (r) => r.relays.length === 1);
await call(platform, "removePlatformRelayFromNetwork", { relayId: big.relay.id, networkId });
await call(platform, "deletePlatformRelay", { relayId: big.relay.id });
await fails(Code.PermissionDenied, viewer, "listPlatformRelays", {});

// --- what happened, and the end ---

await call(admin, "listAudit", { pageSize: 5 }, (r) => r.records.length === 5 && r.records[0].time.seconds > 0n);
const { next } = await call(viewer, "watchEvents", {}, (r) => r.events.length === 0 && !r.missed);
const coming = viewer.watchEvents({ since: next, waitSeconds: 20 });
const later = await call(operator, "createGroup", { name: "watched" });
const seen = await coming;
result(seen.events.length === 1 && seen.events[0].object === later.group.id, "an event comes while a call waits", seen.next);
await call(admin, "revokeApiKey", { apiKeyId: made.apiKey.id });
await fails(Code.Unauthenticated, operator, "listDevices", {});
await call(admin, "deleteDevice", { deviceId: a });
await call(admin, "deleteGroup", { groupId: group.id });
await call(admin, "deleteWireGuardNetwork", { networkId });
await call(admin, "deleteUser", { userId: user.id });
await call(admin, "deleteTenant", {});

const missing = AdminService.methods.map((m) => m.name).filter((name) => !answered.has(name));
result(missing.length === 0, `every RPC answered (${AdminService.methods.length})`, missing.join(" "));
