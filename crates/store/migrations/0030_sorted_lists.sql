-- Lists of profiles that are sorted by status or by the day on which a person must come: a page of them is read from an index.
CREATE INDEX profiles_by_rank ON profiles(organisation_id,
    (CASE status WHEN 'disconnected' THEN 0 WHEN 'renew_soon' THEN 1 WHEN 'unverified' THEN 2 ELSE 3 END), sort_key, id);
CREATE INDEX profiles_by_day ON profiles(organisation_id, (COALESCE(deadline, 9223372036854775807)), sort_key, id);
