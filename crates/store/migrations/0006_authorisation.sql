-- Authorisation: what API keys carry (permissions as text, see lifecycle::permission), until when, and how often it was used.
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;

-- One row per key and permission that has a rate: how often it was used in the present window.
CREATE TABLE permission_uses (
    api_key_id TEXT NOT NULL REFERENCES api_keys(id),
    permission TEXT NOT NULL,
    window_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, permission)
);

-- The emergency brake. A row without thawed_at is in force, on every node, from its commit on.
CREATE TABLE freezes (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    target TEXT NOT NULL,            -- everything, user ID, api_key ID, person ID, profile ID, network NAME
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,             -- JSON: who
    created_at BIGINT NOT NULL,
    thawed_at BIGINT,
    thawed_by TEXT                   -- JSON: who
);
CREATE UNIQUE INDEX freezes_in_force ON freezes(organisation_id, target) WHERE thawed_at IS NULL;

-- The audit: append-only, one row committed before any secret or act leaves. Each row's hash is made from its fields and the hash of
-- the row before; the mac is made from the hash with a key that lies sealed in the installation. See crates/store/src/audit.rs.
CREATE TABLE audit (
    position BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    actor TEXT NOT NULL,             -- JSON: who
    act TEXT NOT NULL,               -- lifecycle::permission::Act
    profile_id TEXT,
    grant_id TEXT,
    under TEXT,                      -- the permission of a key; NULL: by somebody's role
    detail TEXT NOT NULL,            -- JSON: what exactly, which consent; never a secret
    hash TEXT NOT NULL,
    mac TEXT NOT NULL
);
CREATE INDEX audit_by_profile ON audit(profile_id, position) WHERE profile_id IS NOT NULL;

-- A network told one of our apps to wait: the proxy asks nothing there before.
CREATE TABLE network_pauses (
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, network, instance)
);
