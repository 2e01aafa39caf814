-- What lists of profiles are sorted by stands where they are read from: the owner's name with the profile, the profile's with its teams.
-- Triggers keep both.
ALTER TABLE profiles ADD COLUMN owner_name TEXT COLLATE {binary} NOT NULL DEFAULT '';
ALTER TABLE profile_teams ADD COLUMN sorted_as TEXT COLLATE {binary} NOT NULL DEFAULT '';
UPDATE profiles SET owner_name = COALESCE((SELECT name FROM users WHERE users.id = profiles.owner_id), '') WHERE owner_id IS NOT NULL;
UPDATE profile_teams SET sorted_as = COALESCE((SELECT sort_key FROM profiles WHERE profiles.id = profile_teams.profile_id), '');

CREATE TRIGGER profiles_owner_named AFTER INSERT ON profiles WHEN new.owner_id IS NOT NULL BEGIN
    UPDATE profiles SET owner_name = COALESCE((SELECT name FROM users WHERE id = new.owner_id), '') WHERE id = new.id;
END;
CREATE TRIGGER profiles_owner_changed AFTER UPDATE OF owner_id ON profiles WHEN new.owner_id IS NOT old.owner_id BEGIN
    UPDATE profiles SET owner_name = COALESCE((SELECT name FROM users WHERE id = new.owner_id), '') WHERE id = new.id;
END;
CREATE TRIGGER users_renamed AFTER UPDATE OF name ON users WHEN new.name IS NOT old.name BEGIN
    UPDATE profiles SET owner_name = new.name WHERE owner_id = new.id;
END;
CREATE TRIGGER profile_teams_sorted AFTER INSERT ON profile_teams BEGIN
    UPDATE profile_teams SET sorted_as = COALESCE((SELECT sort_key FROM profiles WHERE id = new.profile_id), '')
    WHERE profile_id = new.profile_id AND team_id = new.team_id;
END;
CREATE TRIGGER profiles_sorted AFTER UPDATE OF sort_key ON profiles WHEN new.sort_key IS NOT old.sort_key BEGIN
    UPDATE profile_teams SET sorted_as = new.sort_key WHERE profile_id = new.id;
END;

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
