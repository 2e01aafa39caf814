-- What lists of profiles ask for stands with the profile's teams too, so that a list of a large team, which is also what its members see, is
-- read from the team's own indexes. Triggers keep it.
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

-- FOR SHARE: whoever changes the profile just then waits, and finds this row too.
DROP TRIGGER profile_teams_sorted ON profile_teams;
DROP FUNCTION profile_team_sorted;
CREATE FUNCTION profile_team_copied() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    SELECT sort_key, network, status, cause, owner_id, owner_name, COALESCE(deadline, 9223372036854775807)
    INTO NEW.sorted_as, NEW.its_network, NEW.its_status, NEW.its_cause, NEW.its_owner, NEW.its_owner_name, NEW.its_day
    FROM profiles WHERE id = NEW.profile_id FOR SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER profile_teams_copied BEFORE INSERT ON profile_teams FOR EACH ROW EXECUTE FUNCTION profile_team_copied();
DROP TRIGGER profiles_sorted ON profiles;
DROP FUNCTION profile_sorted;
CREATE FUNCTION profile_changed_in_teams() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    UPDATE profile_teams SET sorted_as = NEW.sort_key, its_network = NEW.network, its_status = NEW.status, its_cause = NEW.cause,
        its_owner = NEW.owner_id, its_owner_name = NEW.owner_name, its_day = COALESCE(NEW.deadline, 9223372036854775807)
    WHERE profile_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER profiles_changed_in_teams AFTER UPDATE OF sort_key, network, status, cause, owner_id, owner_name, deadline ON profiles
    FOR EACH ROW WHEN ((OLD.sort_key, OLD.network, OLD.status, OLD.cause, OLD.owner_id, OLD.owner_name, OLD.deadline)
    IS DISTINCT FROM (NEW.sort_key, NEW.network, NEW.status, NEW.cause, NEW.owner_id, NEW.owner_name, NEW.deadline))
    EXECUTE FUNCTION profile_changed_in_teams();

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
