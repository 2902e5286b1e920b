-- Artifacts have anonymous names: a request id, which only this database links to users and apps.

PRAGMA user_version = 3;

PRAGMA legacy_alter_table = ON;
ALTER TABLE generation_requests RENAME TO generation_requests_before;
PRAGMA legacy_alter_table = OFF;

CREATE TABLE generation_requests (
	-- What was asked for: one row a generation.
	id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
	uuid TEXT NOT NULL UNIQUE
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (uuid GLOB '????????-????-????-????-????????????'
			AND length(replace(uuid, '-', '')) = 32 AND uuid NOT GLOB '*[^0-9a-f-]*'),
	request_id TEXT NOT NULL UNIQUE -- its name in buckets, on GitHub, of containers: says nothing about anybody
		CHECK (length(request_id) BETWEEN 1 AND 90 AND request_id NOT GLOB '*[^A-Za-z0-9._-]*'
			AND request_id NOT IN ('.', '..')),
	parent_request_id TEXT   -- of the generation whose tree it began with, which need not be in this store
		CHECK (length(parent_request_id) BETWEEN 1 AND 90 AND parent_request_id NOT GLOB '*[^A-Za-z0-9._-]*'),
	app_id TEXT NOT NULL REFERENCES apps(id),
	user_id TEXT NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES users(id),
	app_name TEXT NOT NULL,  -- of the app when this was asked for
	generation_number INTEGER NOT NULL CHECK (generation_number > 0), -- within the app, from 1
	prompt TEXT,             -- what to build
	initial_prompt TEXT,     -- the first prompt, the one that started the app
	status TEXT NOT NULL DEFAULT 'queued'
		CHECK (status IN ('queued', 'generating', 'completed', 'failed', 'paused', 'cancelled')),
	generation_type TEXT NOT NULL DEFAULT 'new' CHECK (generation_type IN ('new', 'resume')),
	mode TEXT NOT NULL DEFAULT 'single-shot' CHECK (mode IN ('single-shot', 'autonomous', 'confirm_first')),
	github_url TEXT,
	github_commit TEXT,        -- of this generation
	download_url TEXT,         -- populated, but GitHub is the single source of truth
	artifacts_github_url TEXT, -- github_url with "-artifacts" behind it
	deployment_url TEXT,       -- at Fly.io
	conversation TEXT CHECK (conversation IS NULL OR json_valid(conversation)), -- always null: logs go by WebSocket
	error_message TEXT,        -- why it failed
	max_iterations INTEGER,
	current_iteration INTEGER NOT NULL DEFAULT 0,
	last_session_id TEXT,      -- for resuming with the same context
	s3_path TEXT,              -- once it is uploaded: generations/<request_id>/app.tar.gz
	schema_snapshot TEXT,      -- which tables the app made in its own database
	supabase_project_ref TEXT, -- which pool that database came from
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	completed_at TEXT,
	UNIQUE (app_id, generation_number)
) STRICT;

-- Rows from before get ids that follow from theirs, so that going up again gives the same ones.
INSERT INTO generation_requests (uuid, request_id, generation_number, id, app_id, user_id, app_name, prompt, initial_prompt, status, generation_type,
	mode, github_url, github_commit, download_url, artifacts_github_url, deployment_url, conversation, error_message,
	max_iterations, current_iteration, last_session_id, schema_snapshot, supabase_project_ref, created_at, updated_at,
	completed_at)
SELECT '6c656761-6379-4002-8000-' || printf('%012x', id), 'req_legacy_' || id,
	row_number() OVER (PARTITION BY app_id ORDER BY julianday(created_at), created_at, id),
	id, app_id, user_id, app_name, prompt, initial_prompt, status, generation_type, mode, github_url, github_commit,
	download_url, artifacts_github_url, deployment_url, conversation, error_message, max_iterations, current_iteration,
	last_session_id, schema_snapshot, supabase_project_ref, created_at, updated_at, completed_at
FROM generation_requests_before
ORDER BY id;

-- Ids that were given once are not given again, nor are numbers.
DELETE FROM sqlite_sequence WHERE name = 'generation_requests';
UPDATE sqlite_sequence SET name = 'generation_requests' WHERE name = 'generation_requests_before';
DROP TABLE generation_requests_before;
UPDATE apps SET last_generation_number =
	max(last_generation_number, (SELECT count(*) FROM generation_requests WHERE app_id = apps.id));

CREATE INDEX generation_requests_by_user ON generation_requests(user_id);
CREATE TRIGGER generation_number_is_given AFTER INSERT ON generation_requests
BEGIN
	UPDATE apps SET last_generation_number = NEW.generation_number
	WHERE id = NEW.app_id AND last_generation_number < NEW.generation_number;
END;

-- What the naming decision calls for: artifacts linked to users and apps.
CREATE VIEW generations AS
SELECT
	uuid AS id,
	request_id,
	user_id,
	app_id,
	app_name,
	prompt,
	s3_path,     -- NULL until it is uploaded
	CASE WHEN github_url IS NOT NULL THEN 'leo-generated/' || request_id END AS github_repo, -- NULL until it is published
	status,
	created_at
FROM generation_requests;
