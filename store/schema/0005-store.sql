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
