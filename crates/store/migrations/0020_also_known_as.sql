-- The id under which a network speaks of a person in what it tells by itself, where that is another one than the person's id in its
-- API (Instagram: the app-scoped id, beside the account's).
ALTER TABLE people ADD COLUMN also_known_as TEXT;
