-- Incidents of networks, seen by any node: one row per place and kind, used again by the next one.
CREATE TABLE incidents (
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    server TEXT NOT NULL,            -- the instance, or the server that accounts live on
    kind TEXT NOT NULL,              -- away (it does not answer), refused (many accounts at once)
    began_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,         -- when it was noticed last
    answers BIGINT NOT NULL,         -- how often it answered since then
    told_at BIGINT,                  -- company admins
    owners_told_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (organisation_id, network, instance, server, kind)
);
CREATE INDEX incidents_open ON incidents(began_at) WHERE ended_at IS NULL;
