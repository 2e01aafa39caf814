-- The id of a person that is the same in all apps of one developer, where the network shows another one to each app (TikTok: union_id).
ALTER TABLE people ADD COLUMN across_apps TEXT;
CREATE INDEX people_across_apps ON people(organisation_id, network, instance, across_apps) WHERE across_apps IS NOT NULL;
