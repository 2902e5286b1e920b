-- Buckets and what is in them are removed; archives of generations stay.
DROP INDEX generation_requests_by_key;
DROP TABLE bucket_upload_parts;
DROP TABLE bucket_uploads;
DROP TABLE bucket_object_parts;
DROP TABLE bucket_objects;
DROP TABLE buckets;
DELETE FROM row_sums WHERE table_name IN ('buckets', 'bucket_objects', 'bucket_object_parts');

PRAGMA user_version = 14;
