-- The trail proves itself: each row of audit_log has a link that covers it and the link before.

PRAGMA user_version = 12;

CREATE TABLE audit_chain (
	-- A link for each row of audit_log that genstore wrote, in order of id. Rows without one came some other way.
	id INTEGER PRIMARY KEY, -- of the row in audit_log
	hash BLOB NOT NULL CHECK (length(hash) = 32) -- SHA-256 of the link before (of the first: 32 bytes 0) and the row: store/FORMAT.md, "Trail"
) STRICT;

CREATE TABLE audit_head (
	-- How long the chain is and where it ends, so that its end cannot be cut off.
	id INTEGER PRIMARY KEY CHECK (id = 1),
	links INTEGER NOT NULL,
	last_id INTEGER NOT NULL, -- 0: there is none yet
	hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO audit_head (id, links, last_id, hash) VALUES (1, 0, 0, zeroblob(32));

CREATE TRIGGER audit_chain_is_never_changed BEFORE UPDATE ON audit_chain
BEGIN
	SELECT RAISE(ABORT, 'audit_chain is append-only');
END;
CREATE TRIGGER audit_chain_is_never_removed_from BEFORE DELETE ON audit_chain
BEGIN
	SELECT RAISE(ABORT, 'audit_chain is append-only');
END;
CREATE TRIGGER audit_chain_only_grows_at_its_end BEFORE INSERT ON audit_chain
WHEN NEW.id <= coalesce((SELECT max(id) FROM audit_chain), 0)
BEGIN
	SELECT RAISE(ABORT, 'audit_chain is append-only');
END;
CREATE TRIGGER audit_head_only_goes_forward BEFORE UPDATE ON audit_head
WHEN NEW.links <> OLD.links + 1 OR NEW.last_id <= OLD.last_id
BEGIN
	SELECT RAISE(ABORT, 'audit_head only goes forward');
END;
CREATE TRIGGER audit_head_is_never_removed BEFORE DELETE ON audit_head
BEGIN
	SELECT RAISE(ABORT, 'audit_head only goes forward');
END;
CREATE TRIGGER audit_head_is_never_replaced BEFORE INSERT ON audit_head
WHEN EXISTS (SELECT 1 FROM audit_head)
BEGIN
	SELECT RAISE(ABORT, 'audit_head only goes forward');
END;

-- The links are its sums.
DROP TRIGGER audit_log_is_added;
DELETE FROM row_sums WHERE table_name = 'audit_log';
