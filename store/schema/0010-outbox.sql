-- What waits to be sent to a bucket or a git host, what is there already, and what is on its way.

PRAGMA user_version = 10;

CREATE TABLE outbox (
	-- What is to be sent, and what became of it: a row for each generation and remote, written in the transaction of what caused it.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	generation_request_id INTEGER NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,
	remote TEXT NOT NULL CHECK (remote IN ('s3', 'github')),
	state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'syncing', 'synced', 'failed')), -- syncing: while a process has it in hand
	attempts INTEGER NOT NULL DEFAULT 0,
	error TEXT,                   -- why the last attempt came to nothing, in the remote's words
	retry_at TEXT,                -- a program that keeps at it does not try before
	url TEXT,                     -- where it is, once it is synced
	sent INTEGER NOT NULL DEFAULT 0, -- bytes of a large archive that are there
	queued_at TEXT NOT NULL,
	updated_at TEXT NOT NULL,
	UNIQUE (generation_request_id, remote)
) STRICT;
CREATE INDEX outbox_pending ON outbox(id) WHERE state <> 'synced';

CREATE TABLE remote_objects (
	-- The objects of what is synced, as the remote acknowledged them: what is compared before local bytes are given up.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	outbox_id INTEGER NOT NULL REFERENCES outbox(id) ON DELETE CASCADE,
	name TEXT NOT NULL, -- app.tar.gz, metadata.json
	bucket TEXT NOT NULL,
	key TEXT NOT NULL,
	size INTEGER NOT NULL,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
	etag TEXT NOT NULL,
	confirmed_at TEXT NOT NULL,
	UNIQUE (outbox_id, name)
) STRICT;

CREATE INDEX remote_objects_by_key ON remote_objects(bucket, key);

CREATE TABLE uploads (
	-- Uploads in parts that are going on: they are taken up again, or given up when nothing in the outbox asks for them any more. Nothing
	-- is referred to, so that a row outlives its generation.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	outbox_id INTEGER NOT NULL,
	bucket TEXT NOT NULL,
	key TEXT NOT NULL,
	upload_id TEXT NOT NULL, -- the bucket's name for it
	part_size INTEGER NOT NULL,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of the whole
	begun_at TEXT NOT NULL
) STRICT;
CREATE INDEX uploads_by_outbox ON uploads(outbox_id);

CREATE TABLE upload_parts (
	-- The parts that the bucket has acknowledged.
	upload INTEGER NOT NULL REFERENCES uploads(id) ON DELETE CASCADE,
	number INTEGER NOT NULL,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
	md5 BLOB NOT NULL CHECK (length(md5) = 16),
	etag TEXT NOT NULL,
	PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER outbox_is_added AFTER INSERT ON outbox
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('outbox', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER outbox_is_changed AFTER UPDATE ON outbox
BEGIN
	DELETE FROM row_sums WHERE table_name = 'outbox' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('outbox', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER outbox_is_removed AFTER DELETE ON outbox
BEGIN
	DELETE FROM row_sums WHERE table_name = 'outbox' AND key = +OLD.id;
END;

CREATE TRIGGER remote_objects_is_added AFTER INSERT ON remote_objects
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('remote_objects', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER remote_objects_is_changed AFTER UPDATE ON remote_objects
BEGIN
	DELETE FROM row_sums WHERE table_name = 'remote_objects' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('remote_objects', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER remote_objects_is_removed AFTER DELETE ON remote_objects
BEGIN
	DELETE FROM row_sums WHERE table_name = 'remote_objects' AND key = +OLD.id;
END;
