-- The bytes: every content once, compressed once, and what is stitched from it.
-- store/FORMAT.md describes the blobs in these tables byte by byte.

PRAGMA user_version = 5;

CREATE TABLE store_state (
	-- What this file knows of itself: 'uuid' (made at init), 'gc_epoch' (counts collections, so that a snapshot in
	-- another process notices that what it leant on may be gone), 'leaf_row' and 'leaf_free' (how full the last leaf of piece_data is).
	key TEXT PRIMARY KEY,
	value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE piece (
	-- One encoding of at most 1 MiB of content. Ids are never used again: caches may hold them.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of the content: its identity
	size INTEGER NOT NULL CHECK (size > 0),           -- bytes of content
	crc32 INTEGER NOT NULL,                           -- of the content, for gzip and zip
	adler32 INTEGER NOT NULL,                         -- of the content, for zlib streams (git)
	codec INTEGER NOT NULL,                           -- 0 as it is, 1 deflate fragment, 2 zstd, 3 zstd against a key manifest
	encoder INTEGER NOT NULL,                         -- version of what wrote the stored bytes
	level INTEGER NOT NULL,                           -- its compression level
	stored INTEGER NOT NULL CHECK (stored > 0),       -- bytes kept in piece_data
	head INTEGER NOT NULL CHECK (head > 0),           -- bytes in the first row; the rows after it are full
	xxh3 BLOB NOT NULL CHECK (length(xxh3) = 16)      -- XXH3-128 of the stored bytes
) STRICT;
CREATE INDEX piece_by_sha256 ON piece(substr(sha256, 1, 8));

CREATE TABLE piece_data (
	-- The stored bytes, apart from what describes them. id = piece << 8 | row number; a row fits one b-tree leaf.
	id INTEGER PRIMARY KEY,
	sum INTEGER NOT NULL, -- XXH3-64 of bytes, seeded with id
	bytes BLOB NOT NULL
) STRICT;

CREATE TABLE content (
	-- A whole file, whatever its name.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
	size INTEGER NOT NULL CHECK (size >= 0),
	crc32 INTEGER NOT NULL,
	adler32 INTEGER NOT NULL,
	git_blob BLOB NOT NULL CHECK (length(git_blob) = 20), -- its name in git (SHA-1)
	pieces BLOB NOT NULL                                  -- piece ids in order, as zigzag varint differences
) STRICT;
CREATE INDEX content_by_sha256 ON content(substr(sha256, 1, 8));

CREATE TABLE manifest (
	-- One tree at one moment.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of the encoded entries
	base INTEGER REFERENCES manifest(id),             -- the key manifest that the stored bytes are a delta against
	piece INTEGER NOT NULL REFERENCES piece(id),      -- the encoded entries
	entries INTEGER NOT NULL,                         -- files, directories and symlinks
	files INTEGER NOT NULL,
	bytes INTEGER NOT NULL                            -- sum of the files' sizes
) STRICT;
CREATE INDEX manifest_by_sha256 ON manifest(substr(sha256, 1, 8));

CREATE TABLE seal (
	-- An app.tar.gz whose bytes never change from here on, whatever is compressed anew.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	manifest_id INTEGER NOT NULL REFERENCES manifest(id),
	mtime INTEGER NOT NULL,     -- of every entry, seconds since the epoch
	encoder INTEGER NOT NULL,   -- version of the header encoder
	excludes INTEGER NOT NULL,  -- version of the list of what is left out
	size INTEGER NOT NULL,      -- bytes of app.tar.gz
	tar_size INTEGER NOT NULL,  -- bytes of the tar inside
	crc32 INTEGER NOT NULL,     -- of the tar inside
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of app.tar.gz
	pieces BLOB NOT NULL,       -- the encodings it is stitched from, in order, as zigzag varint differences
	created_at TEXT NOT NULL
) STRICT;
CREATE INDEX seal_by_manifest ON seal(manifest_id);

CREATE TABLE archive (
	-- What stands under generations/<request_id>/ once a generation is sealed.
	generation_request_id INTEGER PRIMARY KEY REFERENCES generation_requests(id) ON DELETE CASCADE,
	seal_id INTEGER REFERENCES seal(id),
	content_id INTEGER REFERENCES content(id),           -- an archive that was handed in, kept byte for byte
	metadata_id INTEGER NOT NULL REFERENCES content(id), -- metadata.json
	sealed_at TEXT NOT NULL,
	CHECK ((seal_id IS NULL) <> (content_id IS NULL))
) STRICT;
CREATE INDEX archive_by_seal ON archive(seal_id);

CREATE TABLE generation_events (
	-- What the generator said. `position` is where the line begins in log.txt.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	generation_request_id INTEGER NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,
	position INTEGER NOT NULL,
	at TEXT NOT NULL,
	type TEXT NOT NULL,  -- of the message; 'log' for a plain line
	level TEXT NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
	line TEXT NOT NULL,  -- for people: one line
	data TEXT CHECK (data IS NULL OR json_valid(data)), -- the whole message
	sum INTEGER          -- XXH3-64 of the row; NULL when another program wrote it
) STRICT;
CREATE UNIQUE INDEX generation_events_by_position ON generation_events(generation_request_id, position);

CREATE TABLE row_sums (
	-- Sums of the rows below, so that a bit that flips in one of them is found. The triggers forget a sum when its row changes, whoever
	-- changes it; genstore writes the missing ones when it next commits. (+OLD.id: without the column's affinity, or the key is not used.)
	table_name TEXT NOT NULL,
	key ANY NOT NULL, -- the row's primary key
	sum INTEGER,      -- XXH3-64 over its columns; NULL: not written yet
	PRIMARY KEY (table_name, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX row_sums_missing ON row_sums(table_name, key) WHERE sum IS NULL;

CREATE TRIGGER generation_requests_is_added AFTER INSERT ON generation_requests
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('generation_requests', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER generation_requests_is_changed AFTER UPDATE ON generation_requests
BEGIN
	DELETE FROM row_sums WHERE table_name = 'generation_requests' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('generation_requests', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER generation_requests_is_removed AFTER DELETE ON generation_requests
BEGIN
	DELETE FROM row_sums WHERE table_name = 'generation_requests' AND key = +OLD.id;
END;

CREATE TRIGGER iteration_snapshots_is_added AFTER INSERT ON iteration_snapshots
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('iteration_snapshots', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER iteration_snapshots_is_changed AFTER UPDATE ON iteration_snapshots
BEGIN
	DELETE FROM row_sums WHERE table_name = 'iteration_snapshots' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('iteration_snapshots', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER iteration_snapshots_is_removed AFTER DELETE ON iteration_snapshots
BEGIN
	DELETE FROM row_sums WHERE table_name = 'iteration_snapshots' AND key = +OLD.id;
END;

CREATE TRIGGER generation_costs_is_added AFTER INSERT ON generation_costs
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('generation_costs', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER generation_costs_is_changed AFTER UPDATE ON generation_costs
BEGIN
	DELETE FROM row_sums WHERE table_name = 'generation_costs' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('generation_costs', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER generation_costs_is_removed AFTER DELETE ON generation_costs
BEGIN
	DELETE FROM row_sums WHERE table_name = 'generation_costs' AND key = +OLD.id;
END;

CREATE TRIGGER users_is_added AFTER INSERT ON users
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('users', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER users_is_changed AFTER UPDATE ON users
BEGIN
	DELETE FROM row_sums WHERE table_name = 'users' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('users', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER users_is_removed AFTER DELETE ON users
BEGIN
	DELETE FROM row_sums WHERE table_name = 'users' AND key = +OLD.id;
END;

CREATE TRIGGER apps_is_added AFTER INSERT ON apps
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('apps', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER apps_is_changed AFTER UPDATE ON apps
BEGIN
	DELETE FROM row_sums WHERE table_name = 'apps' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('apps', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER apps_is_removed AFTER DELETE ON apps
BEGIN
	DELETE FROM row_sums WHERE table_name = 'apps' AND key = +OLD.id;
END;

CREATE TRIGGER deployment_config_is_added AFTER INSERT ON deployment_config
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('deployment_config', NEW.key) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER deployment_config_is_changed AFTER UPDATE ON deployment_config
BEGIN
	DELETE FROM row_sums WHERE table_name = 'deployment_config' AND key = +OLD.key;
	INSERT INTO row_sums (table_name, key) VALUES ('deployment_config', NEW.key) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER deployment_config_is_removed AFTER DELETE ON deployment_config
BEGIN
	DELETE FROM row_sums WHERE table_name = 'deployment_config' AND key = +OLD.key;
END;

CREATE TRIGGER user_secrets_is_added AFTER INSERT ON user_secrets
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('user_secrets', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER user_secrets_is_changed AFTER UPDATE ON user_secrets
BEGIN
	DELETE FROM row_sums WHERE table_name = 'user_secrets' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('user_secrets', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER user_secrets_is_removed AFTER DELETE ON user_secrets
BEGIN
	DELETE FROM row_sums WHERE table_name = 'user_secrets' AND key = +OLD.id;
END;

CREATE TRIGGER audit_log_is_added AFTER INSERT ON audit_log
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('audit_log', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;

CREATE TRIGGER seal_is_added AFTER INSERT ON seal
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('seal', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER seal_is_changed AFTER UPDATE ON seal
BEGIN
	DELETE FROM row_sums WHERE table_name = 'seal' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('seal', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER seal_is_removed AFTER DELETE ON seal
BEGIN
	DELETE FROM row_sums WHERE table_name = 'seal' AND key = +OLD.id;
END;

CREATE TRIGGER archive_is_added AFTER INSERT ON archive
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('archive', NEW.generation_request_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER archive_is_changed AFTER UPDATE ON archive
BEGIN
	DELETE FROM row_sums WHERE table_name = 'archive' AND key = +OLD.generation_request_id;
	INSERT INTO row_sums (table_name, key) VALUES ('archive', NEW.generation_request_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER archive_is_removed AFTER DELETE ON archive
BEGIN
	DELETE FROM row_sums WHERE table_name = 'archive' AND key = +OLD.generation_request_id;
END;

-- The rows that are there already.
INSERT INTO row_sums (table_name, key)
SELECT 'generation_requests', id FROM generation_requests
UNION ALL SELECT 'iteration_snapshots', id FROM iteration_snapshots
UNION ALL SELECT 'generation_costs', id FROM generation_costs
UNION ALL SELECT 'users', id FROM users
UNION ALL SELECT 'apps', id FROM apps
UNION ALL SELECT 'deployment_config', key FROM deployment_config
UNION ALL SELECT 'user_secrets', id FROM user_secrets
UNION ALL SELECT 'audit_log', id FROM audit_log;
