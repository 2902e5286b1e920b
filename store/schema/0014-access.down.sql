-- Who only looks would become somebody who may change things: his membership ends instead.
DROP TABLE access_keys;

ALTER TABLE memberships RENAME TO memberships_before;
DROP INDEX memberships_by_user;
CREATE TABLE memberships (
	-- Who may see what an organisation has.
	organization_id TEXT NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
INSERT INTO memberships (organization_id, user_id, role, created_at)
SELECT organization_id, user_id, role, created_at FROM memberships_before WHERE role <> 'viewer';
DROP TABLE memberships_before;
CREATE INDEX memberships_by_user ON memberships(user_id);

PRAGMA user_version = 13;
