-- One or two letters are found through the index as well: every letter begins a trigram (two line ends stand behind the last one), and the
-- index' own list of trigrams says in which texts one occurs. Texts are in lower case, so that trigrams are kept as they are written.
DROP TRIGGER profile_texts_changed;
DROP TABLE profile_texts_search;
UPDATE profile_texts SET words = words || char(10) || char(10);
CREATE VIRTUAL TABLE profile_texts_search
    USING fts5(words, content='profile_texts', content_rowid='number', tokenize='trigram case_sensitive 1');
INSERT INTO profile_texts_search (profile_texts_search) VALUES ('rebuild');
CREATE VIRTUAL TABLE profile_text_parts USING fts5vocab(profile_texts_search, instance);
CREATE TRIGGER profile_texts_changed AFTER UPDATE ON profile_texts BEGIN
    INSERT INTO profile_texts_search (profile_texts_search, rowid, words) VALUES ('delete', old.number, old.words);
    INSERT INTO profile_texts_search (rowid, words) VALUES (new.number, new.words);
END;

DROP TRIGGER profiles_text_added;
DROP TRIGGER profiles_text_changed;
CREATE TRIGGER profiles_text_added AFTER INSERT ON profiles BEGIN
    INSERT INTO profile_texts (profile_id, words)
    VALUES (new.id, new.sort_key || char(10) || LOWER(COALESCE(new.handle, '')) || char(10) || char(10));
END;
CREATE TRIGGER profiles_text_changed AFTER UPDATE OF sort_key, handle ON profiles
WHEN new.sort_key IS NOT old.sort_key OR new.handle IS NOT old.handle BEGIN
    UPDATE profile_texts SET words = new.sort_key || char(10) || LOWER(COALESCE(new.handle, '')) || char(10) || char(10)
    WHERE profile_id = new.id;
END;
