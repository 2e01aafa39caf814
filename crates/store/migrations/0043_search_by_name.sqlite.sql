-- Part of a name or handle is found without reading all of them. The index holds trigrams (FTS5); its rows need numbers that stay the
-- same, which profiles do not have, so that they have a table of their own. Triggers keep both: whatever changes a profile, changes them.
CREATE TABLE profile_texts (
    number INTEGER PRIMARY KEY,
    profile_id TEXT NOT NULL UNIQUE,
    words TEXT NOT NULL                 -- sort key and handle, a line each
);
CREATE VIRTUAL TABLE profile_texts_search USING fts5(words, content='profile_texts', content_rowid='number', tokenize='trigram');

CREATE TRIGGER profile_texts_added AFTER INSERT ON profile_texts BEGIN
    INSERT INTO profile_texts_search (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER profile_texts_changed AFTER UPDATE ON profile_texts BEGIN
    INSERT INTO profile_texts_search (profile_texts_search, rowid, words) VALUES ('delete', old.number, old.words);
    INSERT INTO profile_texts_search (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER profile_texts_removed AFTER DELETE ON profile_texts BEGIN
    INSERT INTO profile_texts_search (profile_texts_search, rowid, words) VALUES ('delete', old.number, old.words);
END;

CREATE TRIGGER profiles_text_added AFTER INSERT ON profiles BEGIN
    INSERT INTO profile_texts (profile_id, words) VALUES (new.id, new.sort_key || char(10) || LOWER(COALESCE(new.handle, '')));
END;
CREATE TRIGGER profiles_text_changed AFTER UPDATE OF sort_key, handle ON profiles
WHEN new.sort_key IS NOT old.sort_key OR new.handle IS NOT old.handle BEGIN
    UPDATE profile_texts SET words = new.sort_key || char(10) || LOWER(COALESCE(new.handle, '')) WHERE profile_id = new.id;
END;
CREATE TRIGGER profiles_text_removed AFTER DELETE ON profiles BEGIN
    DELETE FROM profile_texts WHERE profile_id = old.id;
END;

INSERT INTO profile_texts (profile_id, words) SELECT id, sort_key || char(10) || LOWER(COALESCE(handle, '')) FROM profiles;
