-- What is in a bucket stays there; only this store forgets it.
DROP TRIGGER artifact_remotes_is_added;
DROP TRIGGER artifact_remotes_is_changed;
DROP TRIGGER artifact_remotes_is_removed;
DELETE FROM row_sums WHERE table_name = 'artifact_remotes';
DELETE FROM uploads WHERE outbox_id < 0;
DROP TABLE artifact_remotes;

PRAGMA user_version = 15;
