-- From when on nobody but a person can help a grant: a backlog is taken up in this order (RF-04).
ALTER TABLE grants ADD COLUMN lost_at BIGINT;
UPDATE grants SET lost_at = COALESCE(refresh_until, access_until) WHERE renewable = 1;

-- How many calls a network app has made of late, as one moment that every call moves on; all nodes share it (RF-05).
CREATE TABLE call_buckets (
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    spent_until BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, network, instance)
);
