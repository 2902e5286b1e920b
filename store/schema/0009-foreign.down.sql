-- Before this version no tree can name files inside of an archive: while there is one that does, the step fails.
CREATE TABLE archives_that_were_handed_in (must_be_removed_first INTEGER CHECK (must_be_removed_first = 0)) STRICT;
INSERT INTO archives_that_were_handed_in SELECT count(*) FROM foreign_index;
DROP TABLE archives_that_were_handed_in;

DROP TRIGGER received_goes_with_its_generation;
DROP TRIGGER received_is_added;
DROP TRIGGER received_is_changed;
DROP TRIGGER received_is_removed;
DROP TRIGGER foreign_index_is_added;
DROP TRIGGER foreign_index_is_changed;
DROP TRIGGER foreign_index_is_removed;
DROP INDEX seal_by_sha256;
DELETE FROM row_sums WHERE table_name IN ('foreign_index', 'received');
DROP TABLE received;
DROP TABLE foreign_index;

PRAGMA user_version = 8;
