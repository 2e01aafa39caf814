-- Parts of names and handles of any length are found through one index, with what PostgreSQL brings itself: no extension, and one or two
-- letters as well, since every letter begins a part (two line ends stand behind the last one). The cost keeps the planner from asking
-- every profile's parts one by one.
CREATE FUNCTION profile_text_parts(words TEXT) RETURNS TSVECTOR LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
    SELECT array_to_tsvector(ARRAY(SELECT substr(words, n, 3) FROM generate_series(1, length(words) - 2) AS n))
$$;
DROP INDEX IF EXISTS profiles_by_text;
CREATE INDEX profiles_by_text ON profiles
    USING gin (profile_text_parts(sort_key || E'\n' || LOWER(COALESCE(handle, '')) || E'\n\n'));
