-- Buckets of the S3 endpoint and what is in them. Archives of generations are where they always were: the shared bucket only shows them.

PRAGMA user_version = 15;

CREATE TABLE buckets (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 3 AND 63),
	user_id TEXT REFERENCES users(id) ON DELETE CASCADE, -- NULL: everybody's, each sees there what is his own
	created_at TEXT NOT NULL
) STRICT;

CREATE TABLE bucket_objects (
	-- What a key of a bucket holds. Putting it again makes another row, and ids are never used again.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	bucket_id INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	key TEXT NOT NULL CHECK (length(CAST(key AS BLOB)) BETWEEN 1 AND 1024),
	size INTEGER NOT NULL CHECK (size >= 0),
	etag TEXT NOT NULL,                                -- without quotes
	headers TEXT NOT NULL CHECK (json_valid(headers)), -- an object: the fields that are given back, x-amz-meta-* among them
	tags TEXT CHECK (tags IS NULL OR json_valid(tags)),                -- an object; NULL: none
	stored_at TEXT NOT NULL,
	UNIQUE (bucket_id, key)
) STRICT;

CREATE TABLE bucket_object_parts (
	-- Its bytes: these contents one after the other. Equal bytes are kept once, so a copy is rows alone.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	object_id INTEGER NOT NULL REFERENCES bucket_objects(id) ON DELETE CASCADE,
	number INTEGER NOT NULL CHECK (number >= 1),
	content_id INTEGER NOT NULL REFERENCES content(id),
	size INTEGER NOT NULL,
	UNIQUE (object_id, number)
) STRICT;

CREATE TABLE bucket_uploads (
	-- Uploads in parts that are going on.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	upload_id TEXT NOT NULL UNIQUE,
	bucket_id INTEGER NOT NULL REFERENCES buckets(id) ON DELETE CASCADE,
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	key TEXT NOT NULL CHECK (length(CAST(key AS BLOB)) BETWEEN 1 AND 1024),
	headers TEXT NOT NULL CHECK (json_valid(headers)),
	tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
	created_at TEXT NOT NULL
) STRICT;
CREATE INDEX bucket_uploads_by_key ON bucket_uploads(bucket_id, key, id);

CREATE TABLE bucket_upload_parts (
	-- A part that is sent again is another row.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	upload INTEGER NOT NULL REFERENCES bucket_uploads(id) ON DELETE CASCADE,
	number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 10000),
	content_id INTEGER NOT NULL REFERENCES content(id),
	size INTEGER NOT NULL,
	etag TEXT NOT NULL,
	stored_at TEXT NOT NULL,
	UNIQUE (upload, number)
) STRICT;

-- Lists of keys go by it: "generations/a-b/..." comes before "generations/a/...".
CREATE INDEX generation_requests_by_key ON generation_requests(request_id || '/');

CREATE TRIGGER buckets_is_added AFTER INSERT ON buckets
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('buckets', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER buckets_is_changed AFTER UPDATE ON buckets
BEGIN
	DELETE FROM row_sums WHERE table_name = 'buckets' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('buckets', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER buckets_is_removed AFTER DELETE ON buckets
BEGIN
	DELETE FROM row_sums WHERE table_name = 'buckets' AND key = +OLD.id;
END;

CREATE TRIGGER bucket_objects_is_added AFTER INSERT ON bucket_objects
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('bucket_objects', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER bucket_objects_is_changed AFTER UPDATE ON bucket_objects
BEGIN
	DELETE FROM row_sums WHERE table_name = 'bucket_objects' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('bucket_objects', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER bucket_objects_is_removed AFTER DELETE ON bucket_objects
BEGIN
	DELETE FROM row_sums WHERE table_name = 'bucket_objects' AND key = +OLD.id;
END;

CREATE TRIGGER bucket_object_parts_is_added AFTER INSERT ON bucket_object_parts
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('bucket_object_parts', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER bucket_object_parts_is_changed AFTER UPDATE ON bucket_object_parts
BEGIN
	DELETE FROM row_sums WHERE table_name = 'bucket_object_parts' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('bucket_object_parts', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER bucket_object_parts_is_removed AFTER DELETE ON bucket_object_parts
BEGIN
	DELETE FROM row_sums WHERE table_name = 'bucket_object_parts' AND key = +OLD.id;
END;
