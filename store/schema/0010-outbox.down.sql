-- What is synced stays where it is; only this store forgets it. Uploads in parts that are going on are left to the bucket.
DROP TRIGGER outbox_is_added;
DROP TRIGGER outbox_is_changed;
DROP TRIGGER outbox_is_removed;
DROP TRIGGER remote_objects_is_added;
DROP TRIGGER remote_objects_is_changed;
DROP TRIGGER remote_objects_is_removed;
DELETE FROM row_sums WHERE table_name IN ('outbox', 'remote_objects');
DROP TABLE upload_parts;
DROP TABLE uploads;
DROP TABLE remote_objects;
DROP TABLE outbox;

PRAGMA user_version = 9;
