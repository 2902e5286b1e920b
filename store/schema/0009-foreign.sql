-- Archives that were handed in: what is in them is read where it is.

PRAGMA user_version = 9;

CREATE TABLE foreign_index (
	-- How to read the files of an archive that was handed in (store/FORMAT.md, "Foreign archives"). Archives without a row are opaque.
	content_id INTEGER PRIMARY KEY REFERENCES content(id), -- the archive
	manifest_id INTEGER NOT NULL REFERENCES manifest(id),  -- its tree
	pieces BLOB NOT NULL, -- the index in order, as zigzag varint differences
	windows BLOB NOT NULL -- what was unpacked before each place at which reading is taken up, likewise
) STRICT;

CREATE TABLE received (
	-- What was handed in for a generation, which may not be there yet.
	request_id TEXT PRIMARY KEY,
	archive INTEGER NOT NULL CHECK (archive IN (0, 1)), -- whether the archive was
	metadata_id INTEGER REFERENCES content(id),         -- metadata.json as it was handed in
	received_at TEXT NOT NULL
) STRICT;

-- An archive that comes again is found by what it is.
CREATE INDEX seal_by_sha256 ON seal(substr(sha256, 1, 8));

CREATE TRIGGER foreign_index_is_added AFTER INSERT ON foreign_index
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('foreign_index', NEW.content_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER foreign_index_is_changed AFTER UPDATE ON foreign_index
BEGIN
	DELETE FROM row_sums WHERE table_name = 'foreign_index' AND key = +OLD.content_id;
	INSERT INTO row_sums (table_name, key) VALUES ('foreign_index', NEW.content_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER foreign_index_is_removed AFTER DELETE ON foreign_index
BEGIN
	DELETE FROM row_sums WHERE table_name = 'foreign_index' AND key = +OLD.content_id;
END;

CREATE TRIGGER received_is_added AFTER INSERT ON received
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('received', NEW.request_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER received_is_changed AFTER UPDATE ON received
BEGIN
	DELETE FROM row_sums WHERE table_name = 'received' AND key = +OLD.request_id;
	INSERT INTO row_sums (table_name, key) VALUES ('received', NEW.request_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER received_is_removed AFTER DELETE ON received
BEGIN
	DELETE FROM row_sums WHERE table_name = 'received' AND key = +OLD.request_id;
END;

-- What was handed in for a generation goes with it.
CREATE TRIGGER received_goes_with_its_generation AFTER DELETE ON generation_requests
BEGIN
	DELETE FROM received WHERE request_id = OLD.request_id;
END;
