-- Posts and comments made through us, and those that wait: for a connection, or for somebody's approval. The journal by which the same
-- key is never carried out twice. See crates/store/src/acts.rs.
CREATE TABLE acts (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    profile_id TEXT NOT NULL REFERENCES profiles(id),
    kind TEXT NOT NULL,              -- post or comment
    author TEXT NOT NULL,            -- JSON: who
    author_id TEXT NOT NULL,         -- the user or API key
    key_hash TEXT NOT NULL,          -- of the key that the author gave it
    content_hash TEXT NOT NULL,      -- the same key with other words is another act
    sealed_content BYTEA,            -- what is to be said; of what is over only the beginning of its words
    state TEXT NOT NULL,             -- lifecycle::waiting::State
    approver_id TEXT,                -- the user who has to approve it
    decided_by TEXT,                 -- JSON: who approved, declined or withdrew it
    post_id TEXT,                    -- its id at the network
    url TEXT,
    problem TEXT,                    -- JSON: why it was not done
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,         -- until when it waits
    try_at BIGINT                    -- when somebody looks at it by itself; NULL: it is over
);
CREATE UNIQUE INDEX acts_once ON acts(organisation_id, author_id, profile_id, key_hash);
CREATE INDEX acts_due ON acts(try_at) WHERE try_at IS NOT NULL;
CREATE INDEX acts_over ON acts(changed_at) WHERE try_at IS NULL;
CREATE INDEX acts_newest ON acts(organisation_id, changed_at);
CREATE INDEX acts_of_profile ON acts(profile_id, changed_at);
