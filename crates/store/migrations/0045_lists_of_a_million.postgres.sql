-- What lists of profiles are sorted by stands where they are read from: the owner's name with the profile, the profile's with its teams.
-- Triggers keep both.
ALTER TABLE profiles ADD COLUMN owner_name TEXT COLLATE {binary} NOT NULL DEFAULT '';
ALTER TABLE profile_teams ADD COLUMN sorted_as TEXT COLLATE {binary} NOT NULL DEFAULT '';
UPDATE profiles SET owner_name = COALESCE((SELECT name FROM users WHERE users.id = profiles.owner_id), '') WHERE owner_id IS NOT NULL;
UPDATE profile_teams SET sorted_as = COALESCE((SELECT sort_key FROM profiles WHERE profiles.id = profile_teams.profile_id), '');

-- FOR SHARE: whoever renames just then waits, and finds this row too.
CREATE FUNCTION profile_owner_name() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    NEW.owner_name := COALESCE((SELECT name FROM users WHERE id = NEW.owner_id FOR SHARE), '');
    RETURN NEW;
END $$;
CREATE TRIGGER profiles_owner_named BEFORE INSERT OR UPDATE OF owner_id ON profiles
    FOR EACH ROW EXECUTE FUNCTION profile_owner_name();
CREATE FUNCTION user_renamed() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    UPDATE profiles SET owner_name = NEW.name WHERE owner_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER users_renamed AFTER UPDATE OF name ON users
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION user_renamed();
CREATE FUNCTION profile_team_sorted() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    NEW.sorted_as := COALESCE((SELECT sort_key FROM profiles WHERE id = NEW.profile_id FOR SHARE), '');
    RETURN NEW;
END $$;
CREATE TRIGGER profile_teams_sorted BEFORE INSERT ON profile_teams FOR EACH ROW EXECUTE FUNCTION profile_team_sorted();
CREATE FUNCTION profile_sorted() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    UPDATE profile_teams SET sorted_as = NEW.sort_key WHERE profile_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER profiles_sorted AFTER UPDATE OF sort_key ON profiles
    FOR EACH ROW WHEN (OLD.sort_key IS DISTINCT FROM NEW.sort_key) EXECUTE FUNCTION profile_sorted();

-- Lists of a million profiles, whatever two filters leave, in every order: what the second filter asks stands in the index of the first, so
-- that no profile is read that is not shown. Lists by status are read status by status and need no index of their own.
DROP INDEX profiles_by_rank;
DROP INDEX profiles_by_day;
CREATE INDEX profiles_by_day ON profiles(organisation_id, (COALESCE(deadline, 9223372036854775807)), sort_key, id, status);
CREATE INDEX profiles_by_network_and_day ON profiles(organisation_id, network, (COALESCE(deadline, 9223372036854775807)), sort_key, id, status);
CREATE INDEX profiles_by_owner_and_day ON profiles(owner_id, (COALESCE(deadline, 9223372036854775807)), sort_key, id, network, status)
    WHERE owner_id IS NOT NULL;
CREATE INDEX profiles_by_owner_name ON profiles(organisation_id, owner_name, sort_key, id, network, status);
DROP INDEX profiles_by_owner;
CREATE INDEX profiles_by_owner ON profiles(owner_id, sort_key, id, network, status);
-- What is not simply connected is little, and so are these.
CREATE INDEX profiles_ailing_by_owner ON profiles(owner_id, status, sort_key, id, network) WHERE status <> 'connected';
CREATE INDEX profiles_ailing_by_day ON profiles(organisation_id, status, (COALESCE(deadline, 9223372036854775807)), sort_key, id, network, owner_id)
    WHERE status <> 'connected';
CREATE INDEX profiles_ailing_by_owner_name ON profiles(organisation_id, status, owner_name, sort_key, id, network)
    WHERE status <> 'connected';
DROP INDEX profiles_by_cause;
CREATE INDEX profiles_by_cause ON profiles(organisation_id, cause, sort_key, id, network, owner_id, status) WHERE cause IS NOT NULL;
CREATE INDEX profiles_by_cause_and_day ON profiles(organisation_id, cause, (COALESCE(deadline, 9223372036854775807)), sort_key, id, network, owner_id, status)
    WHERE cause IS NOT NULL;
CREATE INDEX profiles_by_cause_and_owner_name ON profiles(organisation_id, cause, owner_name, sort_key, id, network, status)
    WHERE cause IS NOT NULL;
DROP INDEX profile_teams_by_team;
CREATE INDEX profile_teams_by_team ON profile_teams(team_id, sorted_as, profile_id);
