-- What lists of profiles ask for stands with the profile's teams too, so that a list of a large team, which is also what its members see, is
-- read from the team's own indexes. Triggers keep it, one for each thing that changes alone: SQLite writes every index that has a column
-- which is set.
DROP INDEX profile_teams_by_team;
ALTER TABLE profile_teams ADD COLUMN its_network TEXT NOT NULL DEFAULT '';
ALTER TABLE profile_teams ADD COLUMN its_status TEXT NOT NULL DEFAULT '';
ALTER TABLE profile_teams ADD COLUMN its_cause TEXT;
ALTER TABLE profile_teams ADD COLUMN its_owner TEXT;
ALTER TABLE profile_teams ADD COLUMN its_owner_name TEXT COLLATE {binary} NOT NULL DEFAULT '';
ALTER TABLE profile_teams ADD COLUMN its_day BIGINT NOT NULL DEFAULT 9223372036854775807;
UPDATE profile_teams SET its_network = network, its_status = status, its_cause = cause, its_owner = owner_id, its_owner_name = owner_name,
    its_day = COALESCE(deadline, 9223372036854775807)
FROM profiles WHERE profiles.id = profile_teams.profile_id;

DROP TRIGGER profile_teams_sorted;
CREATE TRIGGER profile_teams_copied AFTER INSERT ON profile_teams BEGIN
    UPDATE profile_teams SET sorted_as = sort_key, its_network = network, its_status = status, its_cause = cause, its_owner = owner_id,
        its_owner_name = owner_name, its_day = COALESCE(deadline, 9223372036854775807)
    FROM profiles WHERE profiles.id = new.profile_id AND profile_id = new.profile_id AND team_id = new.team_id;
END;
CREATE TRIGGER profiles_changed_in_teams AFTER UPDATE OF network, status, cause ON profiles
WHEN new.network IS NOT old.network OR new.status IS NOT old.status OR new.cause IS NOT old.cause BEGIN
    UPDATE profile_teams SET its_network = new.network, its_status = new.status, its_cause = new.cause WHERE profile_id = new.id;
END;
-- As the row stands: the name may have been set meanwhile by another trigger, which SQLite lets fire before this one or after it.
CREATE TRIGGER profiles_owned_in_teams AFTER UPDATE OF owner_id, owner_name ON profiles
WHEN new.owner_id IS NOT old.owner_id OR new.owner_name IS NOT old.owner_name BEGIN
    UPDATE profile_teams SET its_owner = owner_id, its_owner_name = owner_name
    FROM profiles WHERE profiles.id = new.id AND profile_id = new.id;
END;
CREATE TRIGGER profiles_due_in_teams AFTER UPDATE OF deadline ON profiles WHEN new.deadline IS NOT old.deadline BEGIN
    UPDATE profile_teams SET its_day = COALESCE(new.deadline, 9223372036854775807) WHERE profile_id = new.id;
END;

-- A team in each order, with what else is asked behind it; a network of a team has its own, by day, from which other orders are gathered.
CREATE INDEX profile_teams_by_name ON profile_teams(team_id, sorted_as, profile_id, its_network, its_status);
CREATE INDEX profile_teams_by_day ON profile_teams(team_id, its_day, sorted_as, profile_id, its_network, its_status);
CREATE INDEX profile_teams_by_owner_name
    ON profile_teams(team_id, its_owner_name, sorted_as, profile_id, its_network, its_status, its_owner, its_day);
CREATE INDEX profile_teams_by_network_and_day
    ON profile_teams(team_id, its_network, its_day, sorted_as, profile_id, its_status, its_owner_name);
-- What is not simply connected is little, and so are these.
CREATE INDEX profile_teams_ailing_by_name ON profile_teams(team_id, sorted_as, profile_id, its_status, its_cause, its_network, its_owner)
    WHERE its_status <> 'connected' OR its_cause IS NOT NULL;
CREATE INDEX profile_teams_ailing_by_day ON profile_teams(team_id, its_day, sorted_as, profile_id, its_status, its_cause, its_network, its_owner)
    WHERE its_status <> 'connected' OR its_cause IS NOT NULL;
CREATE INDEX profile_teams_ailing_by_owner_name
    ON profile_teams(team_id, its_owner_name, sorted_as, profile_id, its_status, its_cause, its_network, its_owner)
    WHERE its_status <> 'connected' OR its_cause IS NOT NULL;
