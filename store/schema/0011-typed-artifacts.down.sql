-- Rows of artifacts stay; which bytes they have is forgotten.
DROP TRIGGER artifacts_is_added;
DROP TRIGGER artifacts_is_changed;
DROP TRIGGER artifacts_is_removed;
DROP TRIGGER artifact_content_is_added;
DROP TRIGGER artifact_content_is_changed;
DROP TRIGGER artifact_content_is_removed;
DROP TRIGGER organizations_is_added;
DROP TRIGGER organizations_is_changed;
DROP TRIGGER organizations_is_removed;
DROP TRIGGER sessions_is_added;
DROP TRIGGER sessions_is_changed;
DROP TRIGGER sessions_is_removed;
DROP TRIGGER conversations_is_added;
DROP TRIGGER conversations_is_changed;
DROP TRIGGER conversations_is_removed;
DELETE FROM row_sums WHERE table_name IN ('artifacts', 'artifact_content', 'organizations', 'sessions', 'conversations');

DROP INDEX conversations_by_name;
DROP INDEX sessions_by_name;
DROP INDEX artifacts_by_storage_path;
DROP TABLE artifact_content;

PRAGMA user_version = 10;
