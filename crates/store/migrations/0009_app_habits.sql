-- What answers showed of how a network treats our client: whether it is given refresh tokens. Another client is another row.
CREATE TABLE app_habits (
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    client_id TEXT NOT NULL,
    refresh_tokens BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, network, instance, client_id)
);

-- Scopes that were granted once, or asked for, and are not there now: a JSON list, NULL where nothing is missing (RF-24).
ALTER TABLE grants ADD COLUMN missing_scopes TEXT;
