-- What each person could act as when the network was last asked: compared with the next complete listing.
CREATE TABLE assets (
    grant_id TEXT NOT NULL REFERENCES grants(id),
    network_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    usable BIGINT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    vanished_at BIGINT,
    PRIMARY KEY (grant_id, network_id)
);

-- What networks told us by themselves: each happening is taken once (NT-24).
CREATE TABLE signals (
    id TEXT PRIMARY KEY,             -- network and a hash of the happening's id
    organisation_id TEXT NOT NULL,
    network TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX signals_by_age ON signals(received_at);
