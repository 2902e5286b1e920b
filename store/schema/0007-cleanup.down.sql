-- The plan's rollback: the columns come back, empty.

ALTER TABLE generation_requests ADD COLUMN download_url TEXT;
ALTER TABLE generation_requests ADD COLUMN conversation TEXT CHECK (conversation IS NULL OR json_valid(conversation));

UPDATE row_sums SET sum = NULL WHERE table_name = 'generation_requests';

PRAGMA user_version = 6;
