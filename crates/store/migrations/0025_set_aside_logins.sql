-- A login whose tokens came and whose list of profiles did not: the token set waits, sealed, until the network says what it leads to.
-- There are networks at which that login has ended the tokens that were stored before. See crates/store/src/set_aside.rs.
ALTER TABLE connections ADD COLUMN sealed_login BYTEA;
ALTER TABLE connections ADD COLUMN login TEXT;    -- JSON: its clocks, whether it renews, whose it is, what was not granted
ALTER TABLE connections ADD COLUMN list_at BIGINT; -- when the list is asked for again; NULL: nothing waits
CREATE INDEX connections_set_aside ON connections(list_at) WHERE list_at IS NOT NULL;
