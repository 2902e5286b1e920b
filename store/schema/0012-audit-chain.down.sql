-- The trail stays; that it is whole cannot be proved any more.
DROP TABLE audit_head;
DROP TABLE audit_chain;

CREATE TRIGGER audit_log_is_added AFTER INSERT ON audit_log
BEGIN
	INSERT INTO row_sums (table_name, key) VALUES ('audit_log', NEW.id) ON CONFLICT (table_name, key) DO UPDATE SET sum = NULL;
END;
INSERT INTO row_sums (table_name, key) SELECT 'audit_log', id FROM audit_log;

PRAGMA user_version = 11;
