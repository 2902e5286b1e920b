-- Typed artifacts get their bytes, and one artifact a path.

PRAGMA user_version = 11;

CREATE TABLE artifact_content (
	-- The bytes that an artifact has. Putting the same name again gives it another row, and ids are never used again: a row's id stands
	-- for one version of one artifact for ever. An artifact without a row has no bytes in this store.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	artifact_id TEXT NOT NULL UNIQUE REFERENCES artifacts(artifact_id) ON DELETE CASCADE,
	content_id INTEGER NOT NULL REFERENCES content(id),
	stored_at TEXT NOT NULL
) STRICT;

-- A path is a key in a bucket: what was written to it last is what it holds. Earlier rows have no bytes anywhere.
INSERT INTO audit_log (action, subject, details)
SELECT 'artifact.remove', artifact_id, json_object('storage_path', storage_path, 'reason', 'a later artifact has its path')
FROM (SELECT artifact_id, storage_path,
		row_number() OVER (PARTITION BY storage_path ORDER BY created_at DESC, rowid DESC) AS age FROM artifacts)
WHERE age > 1 ORDER BY artifact_id;
DELETE FROM artifacts WHERE artifact_id IN (SELECT artifact_id
	FROM (SELECT artifact_id, row_number() OVER (PARTITION BY storage_path ORDER BY created_at DESC, rowid DESC) AS age FROM artifacts)
	WHERE age > 1);
-- Also the order of lists, and what a session or an organisation has: the paths that begin with its own.
CREATE UNIQUE INDEX artifacts_by_storage_path ON artifacts(storage_path);

-- They can be asked for by name without their organisation.
CREATE INDEX sessions_by_name ON sessions(name);
CREATE INDEX conversations_by_name ON conversations(name);

CREATE TRIGGER artifacts_is_added AFTER INSERT ON artifacts
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('artifacts', NEW.artifact_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER artifacts_is_changed AFTER UPDATE ON artifacts
BEGIN
	DELETE FROM row_sums WHERE table_name = 'artifacts' AND key = +OLD.artifact_id;
	INSERT INTO row_sums (table_name, key) VALUES ('artifacts', NEW.artifact_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER artifacts_is_removed AFTER DELETE ON artifacts
BEGIN
	DELETE FROM row_sums WHERE table_name = 'artifacts' AND key = +OLD.artifact_id;
END;

CREATE TRIGGER artifact_content_is_added AFTER INSERT ON artifact_content
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('artifact_content', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER artifact_content_is_changed AFTER UPDATE ON artifact_content
BEGIN
	DELETE FROM row_sums WHERE table_name = 'artifact_content' AND key = +OLD.id;
	INSERT INTO row_sums (table_name, key) VALUES ('artifact_content', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER artifact_content_is_removed AFTER DELETE ON artifact_content
BEGIN
	DELETE FROM row_sums WHERE table_name = 'artifact_content' AND key = +OLD.id;
END;

CREATE TRIGGER organizations_is_added AFTER INSERT ON organizations
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('organizations', NEW.organization_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER organizations_is_changed AFTER UPDATE ON organizations
BEGIN
	DELETE FROM row_sums WHERE table_name = 'organizations' AND key = +OLD.organization_id;
	INSERT INTO row_sums (table_name, key) VALUES ('organizations', NEW.organization_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER organizations_is_removed AFTER DELETE ON organizations
BEGIN
	DELETE FROM row_sums WHERE table_name = 'organizations' AND key = +OLD.organization_id;
END;

CREATE TRIGGER sessions_is_added AFTER INSERT ON sessions
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('sessions', NEW.session_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER sessions_is_changed AFTER UPDATE ON sessions
BEGIN
	DELETE FROM row_sums WHERE table_name = 'sessions' AND key = +OLD.session_id;
	INSERT INTO row_sums (table_name, key) VALUES ('sessions', NEW.session_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER sessions_is_removed AFTER DELETE ON sessions
BEGIN
	DELETE FROM row_sums WHERE table_name = 'sessions' AND key = +OLD.session_id;
END;

CREATE TRIGGER conversations_is_added AFTER INSERT ON conversations
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('conversations', NEW.conversation_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER conversations_is_changed AFTER UPDATE ON conversations
BEGIN
	DELETE FROM row_sums WHERE table_name = 'conversations' AND key = +OLD.conversation_id;
	INSERT INTO row_sums (table_name, key) VALUES ('conversations', NEW.conversation_id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
CREATE TRIGGER conversations_is_removed AFTER DELETE ON conversations
BEGIN
	DELETE FROM row_sums WHERE table_name = 'conversations' AND key = +OLD.conversation_id;
END;

-- The rows that are there already.
INSERT INTO row_sums (table_name, key)
SELECT 'artifacts', artifact_id FROM artifacts
UNION ALL SELECT 'organizations', organization_id FROM organizations
UNION ALL SELECT 'sessions', session_id FROM sessions
UNION ALL SELECT 'conversations', conversation_id FROM conversations;
