-- When mails leave: digests, quiet hours, and addresses that cannot be reached.
ALTER TABLE users ADD COLUMN digest TEXT NOT NULL DEFAULT 'immediate'; -- immediate, daily, weekly, off
ALTER TABLE users ADD COLUMN digest_at BIGINT NOT NULL DEFAULT 480;    -- minute of the local day
ALTER TABLE users ADD COLUMN digest_weekday BIGINT NOT NULL DEFAULT 1; -- 1 is Monday
ALTER TABLE users ADD COLUMN quiet_from BIGINT;                        -- minute of the local day; NULL: no quiet hours
ALTER TABLE users ADD COLUMN quiet_to BIGINT;
ALTER TABLE users ADD COLUMN deaths_wait BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN refused_address TEXT;                     -- a mail server refuses it; of no meaning for another address
ALTER TABLE users ADD COLUMN refused_at BIGINT;
ALTER TABLE users ADD COLUMN refused_why TEXT;

-- Why a message waits (quiet_hours, digest, storm), and in which digest it left. Items of a digest have a channel of that name.
ALTER TABLE outbox ADD COLUMN waits_for TEXT;
ALTER TABLE outbox ADD COLUMN gathered_in TEXT;
CREATE INDEX outbox_gathered ON outbox(gathered_in) WHERE gathered_in IS NOT NULL;

-- One-click unsubscribe links (RFC 8058): each digest has its own, and all it can do is switch the digest off.
CREATE TABLE unsubscribe_links (
    secret_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users(id),
    created_at BIGINT NOT NULL
);
CREATE INDEX unsubscribe_links_by_user ON unsubscribe_links(user_id);
CREATE INDEX unsubscribe_links_by_age ON unsubscribe_links(created_at);
