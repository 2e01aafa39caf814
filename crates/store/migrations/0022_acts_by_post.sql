-- What a network tells of a post by itself is found by the post's id there.
CREATE INDEX acts_by_post ON acts (profile_id, post_id);
