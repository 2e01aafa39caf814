-- Calendar feeds: one per user, found by the hash of its secret; and what each feed said, so that a date that moves is the
-- same entry and one that is over is called off (RFC 5545 3.8.7.4).
CREATE TABLE calendar_feeds (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE REFERENCES users(id),
    secret_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE calendar_entries (
    feed_id TEXT NOT NULL REFERENCES calendar_feeds(id),
    uid TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    summary TEXT NOT NULL,
    description TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    cancelled_at BIGINT,
    PRIMARY KEY (feed_id, uid)
);
CREATE INDEX calendar_entries_over ON calendar_entries(cancelled_at) WHERE cancelled_at IS NOT NULL;

-- Looking ahead finds its grants without reading the others.
CREATE INDEX grants_by_human_end ON grants(organisation_id, human_until) WHERE human_until IS NOT NULL;
CREATE INDEX grants_by_refresh_end ON grants(organisation_id, refresh_until) WHERE refresh_until IS NOT NULL;

-- An episode without access tokens: whether it was told (the reconciler looks for those that were not), and when to remind.
ALTER TABLE profiles ADD COLUMN told_at BIGINT;
ALTER TABLE profiles ADD COLUMN remind_at BIGINT;
UPDATE profiles SET told_at = status_since WHERE status = 'disconnected';
CREATE INDEX profiles_untold ON profiles(status_since) WHERE status = 'disconnected' AND told_at IS NULL;
CREATE INDEX profiles_to_remind ON profiles(remind_at) WHERE remind_at IS NOT NULL;
CREATE INDEX outbox_by_user ON outbox(user_id, kind, created_at) WHERE user_id IS NOT NULL;
