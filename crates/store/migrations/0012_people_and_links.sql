-- Whom a renewal link accepts: the people who hold the profile, or any admin of it at the network; and, where somebody is going to
-- leave, the person whose place the new one takes.
ALTER TABLE renewal_links ADD COLUMN any_admin BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renewal_links ADD COLUMN instead_of TEXT;

-- A link may lead through several profiles; each of its steps is done once.
CREATE TABLE renewal_link_profiles (
    secret_hash TEXT NOT NULL REFERENCES renewal_links(secret_hash),
    profile_id TEXT NOT NULL REFERENCES profiles(id),
    done_at BIGINT,
    PRIMARY KEY (secret_hash, profile_id)
);
INSERT INTO renewal_link_profiles (secret_hash, profile_id, done_at) SELECT secret_hash, profile_id, used_at FROM renewal_links;
CREATE INDEX renewal_link_profiles_by_profile ON renewal_link_profiles(profile_id);

-- What was tried for a profile, and who else could act as it, without reading whole tables.
CREATE INDEX attempts_by_grant ON attempts(grant_id, prepared_at);
CREATE INDEX assets_by_network_id ON assets(network_id);
CREATE INDEX events_of_repairs ON events(organisation_id, at) WHERE kind = 'profile.recovered';
CREATE INDEX people_by_name ON people(organisation_id, name, id);
