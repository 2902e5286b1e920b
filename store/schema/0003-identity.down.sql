-- Back to rows that only their id names.

DROP VIEW generations;
DROP TRIGGER generation_number_is_given;

PRAGMA legacy_alter_table = ON;
ALTER TABLE generation_requests RENAME TO generation_requests_before;
PRAGMA legacy_alter_table = OFF;

CREATE TABLE generation_requests (
	-- What was asked for: one row a generation.
	id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
	app_id TEXT NOT NULL REFERENCES apps(id),
	user_id TEXT NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES users(id),
	app_name TEXT NOT NULL,  -- of the app when this was asked for
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
	schema_snapshot TEXT,      -- which tables the app made in its own database
	supabase_project_ref TEXT, -- which pool that database came from
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	completed_at TEXT
) STRICT;

INSERT INTO generation_requests (id, app_id, user_id, app_name, prompt, initial_prompt, status, generation_type, mode, github_url,
	github_commit,
	download_url, artifacts_github_url, deployment_url, conversation, error_message, max_iterations, current_iteration,
	last_session_id, schema_snapshot, supabase_project_ref, created_at, updated_at, completed_at)
SELECT id, app_id, user_id, app_name, prompt, initial_prompt, status, generation_type, mode, github_url, github_commit,
	download_url, artifacts_github_url, deployment_url, conversation, error_message, max_iterations, current_iteration,
	last_session_id, schema_snapshot, supabase_project_ref, created_at, updated_at, completed_at
FROM generation_requests_before
ORDER BY id;

DELETE FROM sqlite_sequence WHERE name = 'generation_requests';
UPDATE sqlite_sequence SET name = 'generation_requests' WHERE name = 'generation_requests_before';
DROP TABLE generation_requests_before;

CREATE INDEX generation_requests_by_user ON generation_requests(user_id);
CREATE INDEX generation_requests_by_app ON generation_requests(app_id);

PRAGMA user_version = 2;
