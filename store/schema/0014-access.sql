-- Who only looks, and access keys of the S3 endpoint.

PRAGMA user_version = 14;

ALTER TABLE memberships RENAME TO memberships_before;
DROP INDEX memberships_by_user;
CREATE TABLE memberships (
	-- Who may see what an organisation has, and who may change it.
	organization_id TEXT NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member', 'viewer')),
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
INSERT INTO memberships (organization_id, user_id, role, created_at)
SELECT organization_id, user_id, role, created_at FROM memberships_before;
DROP TABLE memberships_before;
CREATE INDEX memberships_by_user ON memberships(user_id);

CREATE TABLE access_keys (
	-- Key pairs of the S3 endpoint. The secret has to be known to verify a signature, so it is sealed and not hashed.
	access_key_id TEXT PRIMARY KEY CHECK (length(access_key_id) = 20 AND access_key_id NOT GLOB '*[^A-Z0-9]*'),
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	organization_id TEXT REFERENCES organizations(organization_id) ON DELETE CASCADE, -- NULL: all that are the user's
	encrypted_secret TEXT NOT NULL, -- never in the clear
	description TEXT,
	created_at TEXT NOT NULL,
	expires_at TEXT,
	last_used_at TEXT
) STRICT;
CREATE INDEX access_keys_by_user ON access_keys(user_id);
