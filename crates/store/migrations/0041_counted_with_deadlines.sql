-- What is counted of profiles, by status and of those without a day on which a person must come, is read from one index alone.
CREATE INDEX profiles_counted_with_deadline ON profiles(organisation_id, enabled, status, deadline);
DROP INDEX profiles_counted;
