-- One text for SQLite and PostgreSQL. Column types: BIGINT (times are microseconds UTC, yes and no as 1 and 0), TEXT, BYTEA.
-- Time and ids always come from the caller. {binary} is the collation that compares bytes, by each database's name for it.

CREATE TABLE installation (
    name TEXT PRIMARY KEY,           -- 'id', 'created_at', 'setup_secret_hash', 'key_check' ...
    value TEXT NOT NULL
);

CREATE TABLE organisations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,  -- lower case, for looking up
    name TEXT NOT NULL,
    role TEXT NOT NULL,              -- company_admin, standard_user
    language TEXT NOT NULL,          -- en, de
    time_zone TEXT NOT NULL,
    theme TEXT NOT NULL,             -- auto, light, dark
    password_hash TEXT,              -- argon2id, PHC string; NULL until the invitation is taken up
    notify_no_access BIGINT NOT NULL,
    notify_renew_soon BIGINT NOT NULL,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL,
    failed_sign_ins BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT
);
CREATE INDEX users_by_organisation ON users(organisation_id);

CREATE TABLE invitations (           -- also the first admin's one-time link and password resets
    secret_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users(id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX invitations_by_user ON invitations(user_id);
CREATE INDEX invitations_by_expiry ON invitations(expires_at);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users(id),
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions(user_id);
CREATE INDEX sessions_by_expiry ON sessions(expires_at);

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (organisation_id, name)
);

CREATE TABLE team_members (
    team_id TEXT NOT NULL REFERENCES teams(id),
    user_id TEXT NOT NULL REFERENCES users(id),
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members(user_id);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    permissions TEXT NOT NULL,       -- JSON list of words
    created_by TEXT,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE network_apps (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,          -- '' where the network has one instance
    client_id TEXT NOT NULL,
    sealed_secret BYTEA,
    updated_at BIGINT NOT NULL,
    UNIQUE (organisation_id, network, instance)
);

CREATE TABLE page_presets (
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,           -- '' for all networks
    owner_id TEXT REFERENCES users(id),
    team_ids TEXT NOT NULL,          -- JSON list
    notify_no_access BIGINT NOT NULL,
    notify_renew_soon BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, network)
);

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    network_id TEXT NOT NULL,
    name TEXT NOT NULL,
    handle TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (organisation_id, network, instance, network_id)
);

-- One token set of one person at one network app. What the keeper needs to plan stands in columns of its own.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    person_id TEXT NOT NULL REFERENCES people(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    generation BIGINT NOT NULL,
    sealed_tokens BYTEA,             -- NULL once shredded
    previous_sealed_tokens BYTEA,    -- the generation before, kept for a while (RF-17)
    previous_until BIGINT,
    state TEXT NOT NULL,             -- JSON of lifecycle::grant::State
    access_until BIGINT,
    refresh_until BIGINT,
    human_until BIGINT,
    renewable BIGINT NOT NULL,
    authorized_at BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    verified_at BIGINT,
    unreachable_since BIGINT,
    failures BIGINT NOT NULL,
    probe_at BIGINT,
    renew_at BIGINT,
    due_at BIGINT,                   -- when the keeper takes it up again; NULL: never by itself
    lease_node TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    UNIQUE (person_id)
);
CREATE INDEX grants_previous ON grants(previous_until) WHERE previous_until IS NOT NULL;
CREATE INDEX grants_due ON grants(due_at) WHERE due_at IS NOT NULL;

-- The intent journal: written before anything leaves the house (RF-12).
CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    node TEXT NOT NULL,
    fence BIGINT NOT NULL,
    phase TEXT NOT NULL,             -- prepared, sent
    prepared_at BIGINT NOT NULL,
    sent_at BIGINT,
    ended_at BIGINT,
    ending TEXT
);
CREATE INDEX attempts_open ON attempts(grant_id) WHERE ended_at IS NULL;

CREATE TABLE profiles (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    network_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    handle TEXT,
    avatar TEXT,
    parent_id TEXT,                  -- a board's account
    owner_id TEXT REFERENCES users(id),
    notify_no_access BIGINT NOT NULL,
    notify_renew_soon BIGINT NOT NULL,
    enabled BIGINT NOT NULL,         -- a board can be switched off
    status TEXT NOT NULL,            -- derived; a copy of standing.status for lists
    cause TEXT,
    status_since BIGINT NOT NULL,
    deadline BIGINT,
    standing TEXT NOT NULL,          -- JSON of lifecycle::status::Standing
    sort_key TEXT COLLATE {binary} NOT NULL, -- lower-case name, for lists
    created_at BIGINT NOT NULL,
    UNIQUE (organisation_id, network, instance, network_id)
);
CREATE INDEX profiles_list ON profiles(organisation_id, sort_key, id);
CREATE INDEX profiles_by_status ON profiles(organisation_id, status, sort_key, id);
CREATE INDEX profiles_by_owner ON profiles(owner_id);
CREATE INDEX profiles_by_parent ON profiles(parent_id);

CREATE TABLE profile_teams (
    profile_id TEXT NOT NULL REFERENCES profiles(id),
    team_id TEXT NOT NULL REFERENCES teams(id),
    PRIMARY KEY (profile_id, team_id)
);
CREATE INDEX profile_teams_by_team ON profile_teams(team_id);

CREATE TABLE accesses (
    id TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants(id),
    profile_id TEXT NOT NULL REFERENCES profiles(id),
    role TEXT NOT NULL,
    state TEXT NOT NULL,             -- JSON of lifecycle::access::AccessState
    seen_at BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (grant_id, profile_id)
);
CREATE INDEX accesses_by_profile ON accesses(profile_id);

CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    status TEXT NOT NULL,            -- pending, exchanging, choose, complete, failed
    state_hash TEXT NOT NULL UNIQUE, -- of the one-time state; the state itself is nowhere
    sealed_memory BYTEA,             -- PKCE verifier and kin, until used
    browser_hash TEXT,               -- of the cookie of the browser that began; NULL when a tool began
    begun_by TEXT NOT NULL,          -- JSON: user, api key or renewal link
    expected_people TEXT NOT NULL,   -- JSON list of network ids that are accepted; [] when anybody is
    profile_id TEXT,                 -- the profile that is being refreshed
    return_to TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    person_id TEXT,
    discovered TEXT,                 -- JSON list of what was found
    added TEXT,                      -- JSON list of profile ids
    failure TEXT                     -- JSON: code, words, evidence, expected, came
);
CREATE INDEX connections_remembered ON connections(expires_at) WHERE sealed_memory IS NOT NULL;

CREATE TABLE renewal_links (
    secret_hash TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations(id),
    profile_id TEXT NOT NULL REFERENCES profiles(id),
    created_by TEXT NOT NULL,
    email TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    withdrawn_at BIGINT
);
CREATE INDEX renewal_links_by_profile ON renewal_links(profile_id);
CREATE INDEX renewal_links_by_expiry ON renewal_links(expires_at);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Append-only. `position` grows by one and is the cursor of the API.
CREATE TABLE events (
    position BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    organisation_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,             -- JSON: who
    profile_id TEXT,
    grant_id TEXT,
    person_id TEXT,
    connection_id TEXT,
    detail TEXT NOT NULL             -- JSON: cause, evidence ... never a secret
);
CREATE INDEX events_by_profile ON events(profile_id, position) WHERE profile_id IS NOT NULL;
CREATE INDEX events_by_grant ON events(grant_id, position) WHERE grant_id IS NOT NULL;
CREATE INDEX events_by_organisation ON events(organisation_id, position);

-- One row per message and recipient, written in the transaction that made it necessary (NF-01).
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    kind TEXT NOT NULL,              -- no_access_tokens, renew_soon, recovered, invitation, renewal_link
    dedupe TEXT NOT NULL UNIQUE,     -- episode, recipient and channel: never told twice
    channel TEXT NOT NULL,           -- mail
    recipient TEXT NOT NULL,         -- address
    user_id TEXT,
    language TEXT NOT NULL,
    payload TEXT NOT NULL,           -- JSON: what the template needs; never a secret
    sealed_payload BYTEA,            -- what must not lie in the clear (an invitation's link); NULL after sending
    created_at BIGINT NOT NULL,
    due_at BIGINT,                   -- NULL: sent or given up
    tries BIGINT NOT NULL,
    lease_until BIGINT,
    sent_at BIGINT,
    gave_up_at BIGINT,
    last_error TEXT
);
CREATE INDEX outbox_due ON outbox(due_at) WHERE due_at IS NOT NULL;

-- Revocations owed to networks after a profile was deleted: a durable job, not best effort (RF-39).
CREATE TABLE revocations (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    network TEXT NOT NULL,
    instance TEXT NOT NULL,
    sealed_tokens BYTEA,
    created_at BIGINT NOT NULL,
    due_at BIGINT,
    tries BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT
);
CREATE INDEX revocations_due ON revocations(due_at) WHERE due_at IS NOT NULL;

CREATE TABLE idempotency_keys (
    organisation_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT,
    answer BYTEA,                    -- sealed: it may hold a link or a key that is shown once
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys(created_at);
