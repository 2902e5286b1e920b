-- Typed artifacts are sent to a bucket, too.

PRAGMA user_version = 16;

CREATE TABLE artifact_remotes (
	-- What a bucket has of an artifact, or is to have: a row for each storage path that a sync was asked for. It outlives its artifact as
	-- long as the bucket has an object, so that what stays there is known as ours. Uploads in parts refer to it by its id, negated.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	storage_path TEXT NOT NULL UNIQUE,
	organization_id TEXT NOT NULL,
	state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'syncing', 'synced', 'failed')),
	attempts INTEGER NOT NULL DEFAULT 0,
	sent INTEGER NOT NULL DEFAULT 0, -- bytes of a large one that are there
	error TEXT,
	retry_at TEXT,
	queued_at TEXT NOT NULL,
	updated_at TEXT NOT NULL,
	tried_etag TEXT, -- of the bytes that were about to be sent last: after a kill an object with it is ours, too
	-- What the bucket has acknowledged; NULL before.
	bucket TEXT,
	key TEXT,
	size INTEGER,
	sha256 BLOB CHECK (length(sha256) = 32),
	etag TEXT,
	confirmed_at TEXT,
	version INTEGER, -- the id in artifact_content of what was sent; another one there: it was replaced since
	mime_type TEXT,  -- as they were sent with it
	metadata TEXT
) STRICT;
CREATE INDEX artifact_remotes_pending ON artifact_remotes(id) WHERE state <> 'synced';

CREATE TRIGGER artifact_remotes_is_added AFTER INSERT ON artifact_remotes
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('artifact_remotes', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER artifact_remotes_is_changed AFTER UPDATE ON artifact_remotes
BEGIN
	DELETE FROM row_sums WHERE table_name = 'artifact_remotes' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('artifact_remotes', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER artifact_remotes_is_removed AFTER DELETE ON artifact_remotes
BEGIN
	DELETE FROM row_sums WHERE table_name = 'artifact_remotes' AND key = +OLD.id;
END;
