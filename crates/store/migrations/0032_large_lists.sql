-- Lists of a million profiles: whatever one filter leaves is read in order from an index.
CREATE INDEX profiles_by_network ON profiles(organisation_id, network, sort_key, id);
CREATE INDEX profiles_by_network_and_status ON profiles(organisation_id, network, status, sort_key, id);
CREATE INDEX profiles_by_cause ON profiles(organisation_id, cause, sort_key, id) WHERE cause IS NOT NULL;
DROP INDEX profiles_by_owner;
CREATE INDEX profiles_by_owner ON profiles(owner_id, sort_key, id);
