-- When somebody said that what a network refused until then is real: verdicts on it wait no longer (RF-33).
ALTER TABLE incidents ADD COLUMN released_at BIGINT;
