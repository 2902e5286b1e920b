-- The life of a generation is kept by the database itself, whoever writes to it. Rows from before stay in the state they are in.

PRAGMA user_version = 6;

CREATE TABLE generation_transitions (
	-- Which state may follow which. Completed, failed and cancelled are final.
	from_status TEXT NOT NULL,
	to_status TEXT NOT NULL,
	PRIMARY KEY (from_status, to_status)
) STRICT, WITHOUT ROWID;
INSERT INTO generation_transitions (from_status, to_status) VALUES
	('queued', 'generating'),    -- a worker took it
	('queued', 'cancelled'),     -- before it began
	('generating', 'paused'),
	('paused', 'generating'),
	('generating', 'completed'),
	('paused', 'completed'),
	('generating', 'failed'),
	('paused', 'failed'),
	('generating', 'cancelled'),
	('paused', 'cancelled');

CREATE TRIGGER generation_begins_queued BEFORE INSERT ON generation_requests
WHEN NEW.status <> 'queued'
BEGIN
	SELECT RAISE(ABORT, 'a generation begins as queued');
END;

CREATE TRIGGER generation_keeps_to_transitions BEFORE UPDATE OF status ON generation_requests
WHEN NEW.status <> OLD.status AND NOT EXISTS (SELECT 1 FROM generation_transitions
	WHERE from_status = OLD.status AND to_status = NEW.status)
BEGIN
	SELECT RAISE(ABORT, 'a generation cannot go from this status to that one (see generation_transitions)');
END;

-- Times that the writer did not set.
CREATE TRIGGER generation_times_follow_status AFTER UPDATE OF status ON generation_requests
WHEN NEW.status <> OLD.status
BEGIN
	UPDATE generation_requests SET
		updated_at = CASE WHEN NEW.updated_at = OLD.updated_at
			THEN strftime('%Y-%m-%dT%H:%M:%SZ', 'now') ELSE NEW.updated_at END,
		completed_at = CASE WHEN NEW.status IN ('completed', 'failed', 'cancelled')
			THEN coalesce(NEW.completed_at, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) ELSE NEW.completed_at END
	WHERE id = NEW.id;
END;

-- The few that are not final, for whoever looks after them.
CREATE INDEX generation_requests_alive ON generation_requests(status) WHERE status IN ('queued', 'generating', 'paused');
