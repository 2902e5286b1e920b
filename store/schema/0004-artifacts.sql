-- Typed artifacts of sessions, as the artifact management design has them, and what they refer to.

PRAGMA user_version = 4;

CREATE TABLE organizations (
	organization_id TEXT PRIMARY KEY -- uuid
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (organization_id GLOB '????????-????-????-????-????????????'
			AND length(replace(organization_id, '-', '')) = 32 AND organization_id NOT GLOB '*[^0-9a-f-]*'),
	name TEXT NOT NULL UNIQUE,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE TABLE memberships (
	-- Who may see what an organisation has.
	organization_id TEXT NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships(user_id);

CREATE TABLE sessions (
	-- Sessions and conversations may be given by any name: the id is then the UUID version 5 of it in the organisation.
	session_id TEXT PRIMARY KEY -- uuid
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (session_id GLOB '????????-????-????-????-????????????'
			AND length(replace(session_id, '-', '')) = 32 AND session_id NOT GLOB '*[^0-9a-f-]*'),
	organization_id TEXT NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,
	name TEXT, -- as it was given, where that was no uuid
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE conversations (
	conversation_id TEXT PRIMARY KEY -- uuid
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (conversation_id GLOB '????????-????-????-????-????????????'
			AND length(replace(conversation_id, '-', '')) = 32 AND conversation_id NOT GLOB '*[^0-9a-f-]*'),
	organization_id TEXT NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,
	name TEXT, -- as it was given, where that was no uuid
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE tokens (
	-- Bearer tokens: only their hashes.
	id TEXT PRIMARY KEY -- uuid
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (id GLOB '????????-????-????-????-????????????'
			AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'),
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	organization_id TEXT REFERENCES organizations(organization_id) ON DELETE CASCADE, -- NULL: all that are the user's
	token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32), -- SHA-256
	description TEXT,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	expires_at TEXT,
	last_used_at TEXT
) STRICT;
CREATE INDEX tokens_by_user ON tokens(user_id);

CREATE TABLE artifacts (
	artifact_id TEXT PRIMARY KEY -- uuid
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (artifact_id GLOB '????????-????-????-????-????????????'
			AND length(replace(artifact_id, '-', '')) = 32 AND artifact_id NOT GLOB '*[^0-9a-f-]*'),
	session_id TEXT REFERENCES sessions(session_id) ON DELETE CASCADE,
	conversation_id TEXT REFERENCES conversations(conversation_id) ON DELETE SET NULL,
	organization_id TEXT NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,
	artifact_type TEXT NOT NULL CHECK (length(artifact_type) <= 50), -- cloudformation, terraform, lambda, diagram, pricing, readme, ...
	artifact_name TEXT NOT NULL CHECK (length(artifact_name) <= 255),
	storage_path TEXT NOT NULL CHECK (length(storage_path) <= 500), -- full S3 path
	file_size INTEGER NOT NULL CHECK (file_size >= 0), -- bytes
	mime_type TEXT CHECK (length(mime_type) <= 100),
	metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)), -- generation step, tool versions, ...
	created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;
CREATE INDEX idx_artifacts_session_id ON artifacts(session_id);
CREATE INDEX idx_artifacts_conversation_id ON artifacts(conversation_id);
CREATE INDEX idx_artifacts_org_id ON artifacts(organization_id);
CREATE INDEX idx_artifacts_type ON artifacts(artifact_type);
