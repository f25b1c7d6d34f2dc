-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
--
-- Ids are UUIDv7 text, times unix milliseconds, keys and hashes blobs, addresses host-order integers.
-- A tenant's rows go with the tenant.

-- The one row of the store itself. A new epoch says that revisions begin anew: creation, restore.
CREATE TABLE store (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	epoch INTEGER NOT NULL,
	revision INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE tenant (
	id TEXT PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	created INTEGER NOT NULL,
	mesh_enabled INTEGER NOT NULL DEFAULT 0,
	ip_range TEXT NOT NULL DEFAULT '100.64.0.0/10',
	default_listen_port INTEGER NOT NULL DEFAULT 51820 CHECK (default_listen_port BETWEEN 1 AND 65535),
	default_dns TEXT,
	default_keepalive INTEGER NOT NULL DEFAULT 0 CHECK (default_keepalive BETWEEN 0 AND 65535),
	nat_traversal_enabled INTEGER NOT NULL DEFAULT 1,
	stun_servers TEXT NOT NULL DEFAULT '["stun.l.google.com:19302","stun.cloudflare.com:3478"]'
) STRICT;

-- Roles are ordered: 1 viewer, 2 operator, 3 tenant_admin, 4 super_admin. Only the last has no tenant.
CREATE TABLE user (
	id TEXT PRIMARY KEY,
	tenant TEXT REFERENCES tenant (id) ON DELETE CASCADE,
	name TEXT NOT NULL UNIQUE,
	password TEXT NOT NULL, -- argon2id, as libsodium writes it
	role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
	disabled INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL,
	CHECK ((role = 4) = (tenant IS NULL))
) STRICT;
CREATE INDEX user_tenant ON user (tenant);

CREATE TABLE api_key (
	id TEXT PRIMARY KEY,
	tenant TEXT REFERENCES tenant (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE,
	role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
	expires INTEGER,
	revoked INTEGER,
	created INTEGER NOT NULL,
	CHECK (role < 4 OR tenant IS NULL)
) STRICT;
CREATE INDEX api_key_tenant ON api_key (tenant);

CREATE TABLE device_group (
	id TEXT PRIMARY KEY,
	tenant TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
	UNIQUE (tenant, name)
) STRICT;

CREATE TABLE network (
	id TEXT PRIMARY KEY,
	tenant TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	subnet TEXT NOT NULL, -- as it is printed
	first INTEGER NOT NULL, -- its network address
	bits INTEGER NOT NULL CHECK (bits BETWEEN 1 AND 30),
	next_ip INTEGER NOT NULL, -- where the search for a free address begins
	listen_port INTEGER NOT NULL CHECK (listen_port BETWEEN 1 AND 65535),
	keepalive INTEGER NOT NULL CHECK (keepalive BETWEEN 0 AND 65535),
	dns TEXT,
	stun_servers TEXT NOT NULL,
	device_group TEXT REFERENCES device_group (id) ON DELETE SET NULL,
	created INTEGER NOT NULL,
	UNIQUE (tenant, name)
) STRICT;

-- Kinds: 1 node, 2 gateway, 3 relay, 4 stock peer. The key is the identity on NCP; stock peers have none.
CREATE TABLE device (
	id TEXT PRIMARY KEY,
	tenant TEXT REFERENCES tenant (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
	key BLOB UNIQUE CHECK (length(key) = 32),
	ephemeral INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL,
	last_seen INTEGER,
	CHECK ((kind = 4) = (key IS NULL)),
	UNIQUE (tenant, name)
) STRICT;

CREATE INDEX device_ephemeral ON device (id) WHERE ephemeral;

CREATE TABLE group_member (
	device_group TEXT NOT NULL REFERENCES device_group (id) ON DELETE CASCADE,
	device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	PRIMARY KEY (device_group, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_device ON group_member (device);

-- A device in a network. It has an address from the moment its key is known.
CREATE TABLE peer (
	id TEXT PRIMARY KEY,
	network TEXT NOT NULL REFERENCES network (id) ON DELETE CASCADE,
	device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	ip INTEGER,
	public_key BLOB UNIQUE CHECK (length(public_key) = 32),
	listen_port INTEGER,
	endpoint TEXT,
	endpoint_declared INTEGER NOT NULL DEFAULT 0,
	is_relay INTEGER NOT NULL DEFAULT 0,
	is_egress INTEGER NOT NULL DEFAULT 0,
	egress_subnets TEXT NOT NULL DEFAULT '[]',
	tags TEXT NOT NULL DEFAULT '[]',
	relay TEXT, -- assigned by hand: a relay's or a relay peer's id
	last_handshake INTEGER,
	exported_revision INTEGER, -- of a stock peer's file
	created INTEGER NOT NULL,
	UNIQUE (network, device),
	UNIQUE (network, ip),
	CHECK ((ip IS NULL) = (public_key IS NULL))
) STRICT;
CREATE INDEX peer_device ON peer (device, id);
CREATE INDEX peer_network ON peer (network, id);

-- An address that was released, until nobody uses it any more.
CREATE TABLE address_hold (
	network TEXT NOT NULL REFERENCES network (id) ON DELETE CASCADE,
	ip INTEGER NOT NULL,
	revision INTEGER NOT NULL, -- every gateway must have acknowledged this one
	PRIMARY KEY (network, ip)
) STRICT, WITHOUT ROWID;

CREATE TABLE auth_key (
	id TEXT PRIMARY KEY,
	tenant TEXT REFERENCES tenant (id) ON DELETE CASCADE, -- NULL: of platform relays
	network TEXT REFERENCES network (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
	tags TEXT NOT NULL DEFAULT '[]',
	ephemeral INTEGER NOT NULL DEFAULT 0,
	use_limit INTEGER, -- NULL: none; 1: one-off
	uses INTEGER NOT NULL DEFAULT 0 CHECK (use_limit IS NULL OR uses <= use_limit),
	expires INTEGER,
	revoked INTEGER,
	created INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_key_tenant ON auth_key (tenant);

CREATE TABLE policy (
	id TEXT PRIMARY KEY,
	network TEXT NOT NULL REFERENCES network (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	position INTEGER NOT NULL,
	rules TEXT NOT NULL, -- JSON, as it was applied; policy.h has its form
	created INTEGER NOT NULL,
	UNIQUE (network, name)
) STRICT;

-- Tenant NULL: a platform relay. Service addresses are unique among all, from 100.127.255.0/24.
CREATE TABLE relay (
	id TEXT PRIMARY KEY,
	tenant TEXT REFERENCES tenant (id) ON DELETE CASCADE,
	device TEXT UNIQUE REFERENCES device (id) ON DELETE SET NULL, -- once it has joined
	name TEXT NOT NULL,
	public_key BLOB UNIQUE CHECK (length(public_key) = 32),
	endpoints TEXT NOT NULL DEFAULT '[]',
	service_ip INTEGER NOT NULL UNIQUE,
	draining INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX relay_name ON relay (ifnull(tenant, ''), name);

CREATE TABLE relay_network (
	relay TEXT NOT NULL REFERENCES relay (id) ON DELETE CASCADE,
	network TEXT NOT NULL REFERENCES network (id) ON DELETE CASCADE,
	PRIMARY KEY (relay, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX relay_network_network ON relay_network (network);

-- Who did what. It outlives what it speaks of, and is never changed.
CREATE TABLE audit (
	id INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	tenant TEXT,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	details TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX audit_tenant ON audit (tenant, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
	SELECT raise(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
	SELECT raise(ABORT, 'the audit log is append-only');
END;
