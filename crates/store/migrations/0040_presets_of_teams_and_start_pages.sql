-- Page presets of a team, beside those of the company in page_presets.
CREATE TABLE team_presets (
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    team_id TEXT NOT NULL REFERENCES teams(id),
    network TEXT NOT NULL,           -- '' for all networks
    owner_id TEXT REFERENCES users(id),
    team_ids TEXT NOT NULL,          -- JSON list: further teams
    notify_no_access BIGINT NOT NULL,
    notify_renew_soon BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, team_id, network)
);
-- Which page opens after signing in.
ALTER TABLE users ADD COLUMN start_page TEXT NOT NULL DEFAULT 'dashboard';
