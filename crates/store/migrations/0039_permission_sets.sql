-- Named sets of permissions, and who was given which: for one team, or company-wide where the team is ''.
CREATE TABLE permission_sets (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    name TEXT NOT NULL,
    acts TEXT NOT NULL,              -- JSON list of words
    created_at BIGINT NOT NULL,
    UNIQUE (organisation_id, name)
);
CREATE TABLE given_sets (
    user_id TEXT NOT NULL REFERENCES users(id),
    set_id TEXT NOT NULL REFERENCES permission_sets(id),
    team_id TEXT NOT NULL,           -- '' company-wide
    PRIMARY KEY (user_id, set_id, team_id)
);
CREATE INDEX given_sets_by_set ON given_sets(set_id);
