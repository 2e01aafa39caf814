-- What people have to know of a post that the network took (kept private, rejected meanwhile): JSON, the sentence in both languages.
ALTER TABLE acts ADD COLUMN note TEXT;
