-- Where organisations want to hear of what happens: their own servers (Standard Webhooks) and chat channels.
CREATE TABLE webhook_endpoints (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    kind TEXT NOT NULL,              -- webhook, slack, teams, mattermost, discord, ntfy
    name TEXT NOT NULL,
    host TEXT NOT NULL,              -- of the address, for people; the address itself may be a secret
    events TEXT NOT NULL,            -- JSON list of kinds of events
    language TEXT NOT NULL,          -- of chat messages
    signature TEXT,                  -- hmac, ed25519; NULL: a chat channel
    public_key TEXT,                 -- whpk_..., where the signature has one
    sealed_secrets BYTEA NOT NULL,   -- address, signing secrets, access token
    previous_until BIGINT,           -- until then the secret before the present one signs too
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    disabled_why TEXT                -- gone (the receiver answered 410), by_user
);
CREATE INDEX webhook_endpoints_by_organisation ON webhook_endpoints(organisation_id);

-- The delivery log: newest first, of everything or of one recipient; and what is old and over is forgotten.
CREATE INDEX outbox_log ON outbox(organisation_id, created_at, id);
CREATE INDEX outbox_by_recipient ON outbox(recipient, created_at, id);
CREATE INDEX outbox_over ON outbox(created_at) WHERE due_at IS NULL;
