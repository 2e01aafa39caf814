-- The second factor of a sign-in: an authenticator app (RFC 6238), and recovery codes for the day it is lost.
ALTER TABLE users ADD COLUMN second_factor_at BIGINT;   -- since when it is asked for; NULL: it is not
CREATE TABLE second_factors (
    id TEXT PRIMARY KEY,             -- the user's
    organisation_id TEXT NOT NULL,
    sealed_secret BYTEA NOT NULL,    -- what the app and we know
    created_at BIGINT NOT NULL,
    last_step BIGINT NOT NULL,       -- the newest half minute whose code was used: no code works twice
    failures BIGINT NOT NULL,        -- wrong codes in a row
    locked_until BIGINT
);
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, code_hash)
);
-- Who gave the right password and has not given the code yet.
CREATE TABLE sign_ins_begun (
    secret_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_ins_begun_over ON sign_ins_begun(expires_at);
