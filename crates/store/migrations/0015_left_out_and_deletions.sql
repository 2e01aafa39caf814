-- Profiles that were connected through a login and were not among what the person allowed this time: JSON list of names.
ALTER TABLE connections ADD COLUMN left_out TEXT;

-- Whether a user wants to hear of pages and boards that turn up at the networks.
ALTER TABLE users ADD COLUMN notify_new_profiles BIGINT NOT NULL DEFAULT 1;

-- People who asked, through their network, that what is stored about them is deleted. The code names nobody; the person's id at
-- the network goes when the request has ended.
CREATE TABLE deletion_requests (
    code TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    person_network_id TEXT,
    received_at BIGINT NOT NULL,
    outcome TEXT,                    -- deleted, nothing_stored, still_connected
    ended_at BIGINT
);
CREATE INDEX deletion_requests_open ON deletion_requests(received_at) WHERE ended_at IS NULL;
