-- A tag is a row of teams that nobody is a member of: profile_teams then has what lists ask of a tag, as it has it of a team. Of a team,
-- tag is NULL; of a tag it is the tag as it is shown, and its name, which begins with a space as no team's does, what it is compared by.
ALTER TABLE teams ADD COLUMN tag TEXT;
