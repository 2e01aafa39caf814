-- Part of a name or handle is found without reading all of them, where the server has the extension pg_trgm, which every distribution
-- brings and which whoever owns the database may add. Without it a search reads every name, as before.
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX profiles_by_text ON profiles
        USING gin (((sort_key || E'\n' || LOWER(COALESCE(handle, ''))) COLLATE "C") gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR undefined_object THEN
    RAISE WARNING 'profiles are searched without an index: pg_trgm cannot be used (%)', SQLERRM;
END $$;
