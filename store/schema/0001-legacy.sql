-- The tables that Leo SaaS had: the current tables of its schema document, and the columns that its clean-up plan
-- found in generation_requests. Types are SQLite's: a uuid is lower-case text, a timestamp RFC 3339 text, jsonb is
-- text that json_valid() accepts, an enum is a CHECK, a serial is an AUTOINCREMENT key.

PRAGMA application_id = 0x67656e73; -- "gens"
PRAGMA user_version = 1;

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

CREATE TABLE iteration_snapshots (
	-- Checkpoints within a generation.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	generation_request_id INTEGER NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,
	iteration_number INTEGER NOT NULL,
	snapshot_type TEXT NOT NULL DEFAULT 'automatic' CHECK (snapshot_type IN ('automatic', 'manual', 'checkpoint')),
	files_snapshot TEXT, -- JSON of all files; from version 5 on {"manifest": id, "files": n, "bytes": n}
	prompt_used TEXT,
	timestamp TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)) -- tokens, duration, changed files
) STRICT;
CREATE INDEX iteration_snapshots_by_generation ON iteration_snapshots(generation_request_id, iteration_number);
