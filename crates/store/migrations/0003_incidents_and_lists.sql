-- Since when a grant is refused: many at once are an incident of the network, or a mistake of ours (RF-33).
ALTER TABLE grants ADD COLUMN refused_at BIGINT;
CREATE INDEX grants_by_app ON grants(organisation_id, network, instance);
CREATE INDEX grants_refused ON grants(organisation_id, network, instance, refused_at) WHERE refused_at IS NOT NULL;

-- Counting, searching and looking ahead without reading whole rows.
CREATE INDEX profiles_counted ON profiles(organisation_id, enabled, status);
CREATE INDEX profiles_by_deadline ON profiles(organisation_id, deadline, id) WHERE deadline IS NOT NULL;
CREATE INDEX profiles_searched ON profiles(organisation_id, sort_key, id, handle);
DROP INDEX profiles_list;
