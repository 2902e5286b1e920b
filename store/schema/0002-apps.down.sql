-- Back to rows without apps and users. What only version 2 can hold goes: apps without generations, names of users, settings,
-- secrets, costs, the trail.

DROP TABLE generation_costs;

PRAGMA legacy_alter_table = ON;
ALTER TABLE generation_requests RENAME TO generation_requests_before;
PRAGMA legacy_alter_table = OFF;

CREATE TABLE generation_requests (
	-- What was asked for: one row a generation.
	id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
	app_id TEXT              -- uuid that names the GitHub repository; there is no table of apps
		CHECK (app_id GLOB '????????-????-????-????-????????????'
			AND length(replace(app_id, '-', '')) = 32 AND app_id NOT GLOB '*[^0-9a-f-]*'),
	user_id TEXT             -- uuid, Supabase Auth's
		CHECK (user_id GLOB '????????-????-????-????-????????????'
			AND length(replace(user_id, '-', '')) = 32 AND user_id NOT GLOB '*[^0-9a-f-]*'),
	app_name TEXT NOT NULL,  -- for people; not unique
	prompt TEXT,             -- what to build
	initial_prompt TEXT,     -- the first prompt, the one that started the app
	status TEXT NOT NULL DEFAULT 'queued'
		CHECK (status IN ('queued', 'generating', 'completed', 'failed', 'paused', 'cancelled')),
	generation_type TEXT NOT NULL DEFAULT 'new' CHECK (generation_type IN ('new', 'resume')),
	mode TEXT NOT NULL DEFAULT 'single-shot' CHECK (mode IN ('single-shot', 'autonomous', 'confirm_first')),
	github_url TEXT,
	download_url TEXT,         -- populated, but GitHub is the single source of truth
	artifacts_github_url TEXT, -- never populated
	deployment_url TEXT,       -- at Fly.io
	conversation TEXT CHECK (conversation IS NULL OR json_valid(conversation)), -- always null: logs go by WebSocket
	error_message TEXT,        -- why it failed
	max_iterations INTEGER,
	current_iteration INTEGER NOT NULL DEFAULT 0,
	last_session_id TEXT,      -- for resuming with the same context
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	completed_at TEXT
) STRICT;

-- The local user is nobody in particular; an app_id that was derived, or changed, is what it was.
INSERT INTO generation_requests (id, app_id, user_id, app_name, prompt, initial_prompt, status, generation_type, mode, github_url,
	download_url, artifacts_github_url, deployment_url, conversation, error_message, max_iterations, current_iteration,
	last_session_id, created_at, updated_at, completed_at)
SELECT g.id, CASE WHEN g.app_id NOT GLOB '6c656761-6379-4000-8000-*' THEN coalesce(a.legacy_app_id, g.app_id) END,
	nullif(g.user_id, '00000000-0000-4000-8000-000000000001'), g.app_name, g.prompt, g.initial_prompt, g.status,
	g.generation_type, g.mode, g.github_url, g.download_url, g.artifacts_github_url, g.deployment_url, g.conversation,
	g.error_message, g.max_iterations, g.current_iteration, g.last_session_id, g.created_at, g.updated_at, g.completed_at
FROM generation_requests_before AS g LEFT JOIN apps AS a ON a.id = g.app_id
ORDER BY g.id;

DELETE FROM sqlite_sequence WHERE name = 'generation_requests';
UPDATE sqlite_sequence SET name = 'generation_requests' WHERE name = 'generation_requests_before';
DROP TABLE generation_requests_before;

DROP TABLE audit_log;
DROP TABLE user_secrets;
DROP TABLE deployment_config;
DROP TABLE apps;
DROP TABLE users;

PRAGMA user_version = 1;
