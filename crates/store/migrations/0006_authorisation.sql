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

