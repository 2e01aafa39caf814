-- What was seen of a grant while somebody looked at it or renewed it: a diagnosis as JSON, weighed when they are done.
ALTER TABLE grants ADD COLUMN seen_meanwhile TEXT;
