-- Whoever is named as the one who approves hears of what waits for them, unless they want no such mails.
ALTER TABLE users ADD COLUMN notify_approvals BIGINT NOT NULL DEFAULT 1;
