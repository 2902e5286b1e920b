-- The proposed changes of the schema document: apps with a stable identity, configuration, secrets, and what it called
-- missing: users, costs, a trail.

PRAGMA user_version = 2;

CREATE TABLE users (
	-- Supabase Auth's users, as far as this store has met them.
	id TEXT PRIMARY KEY -- uuid
		CHECK (id GLOB '????????-????-????-????-????????????'
			AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'),
	name TEXT NOT NULL UNIQUE,
	email TEXT,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

-- The user of everything that nobody else is named for. Its id is the same everywhere.
INSERT INTO users (id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'local');

-- Nothing but their ids is known of the others.
INSERT INTO users (id, name, created_at)
SELECT user_id, user_id, min(created_at) FROM generation_requests
WHERE user_id IS NOT NULL AND user_id <> '00000000-0000-4000-8000-000000000001'
GROUP BY user_id;

CREATE TABLE apps (
	-- An app: what its generations are versions of.
	id TEXT PRIMARY KEY -- uuid
		CHECK (id GLOB '????????-????-????-????-????????????'
			AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'),
	user_id TEXT NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES users(id),
	app_name TEXT NOT NULL,
	last_generation_number INTEGER NOT NULL DEFAULT 0, -- given so far: the number of a removed generation stays unused
	legacy_app_id TEXT, -- the app_id of before there was this table, where it belonged to two users
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	UNIQUE (user_id, app_name)
) STRICT;
CREATE INDEX apps_by_name ON apps(app_name);

CREATE TABLE deployment_config (
	-- Settings.
	key TEXT PRIMARY KEY,
	value TEXT,
	encrypted INTEGER NOT NULL DEFAULT 0 CHECK (encrypted IN (0, 1)), -- whether value is sealed with the key
	description TEXT,
	updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE TABLE user_secrets (
	-- Tokens of users for other services.
	id TEXT PRIMARY KEY -- uuid
		DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
			|| substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
		CHECK (id GLOB '????????-????-????-????-????????????'
			AND length(replace(id, '-', '')) = 32 AND id NOT GLOB '*[^0-9a-f-]*'),
	user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
	provider TEXT NOT NULL,        -- supabase, github, fly, ...
	encrypted_token TEXT NOT NULL, -- never in the clear
	expires_at TEXT,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	UNIQUE (user_id, provider)
) STRICT;

CREATE TABLE audit_log (
	-- Who did what. Nothing is ever changed or removed here, so nothing is referred to: a row outlives its subject.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	user_id TEXT,          -- uuid; NULL: the store itself
	action TEXT NOT NULL,  -- "generation.remove"
	subject TEXT NOT NULL, -- request id, app id, key, ...
	details TEXT CHECK (details IS NULL OR json_valid(details))
) STRICT;
CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_is_never_removed_from BEFORE DELETE ON audit_log
BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_is_never_replaced BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;

-- One app for each user and app_id; rows without an app_id are an app for each name. Its name is the newest generation's.
CREATE TEMP TABLE legacy_app (
	first_id INTEGER PRIMARY KEY,
	last_id INTEGER,
	user_id TEXT,
	app_id TEXT,
	app_name TEXT,
	generations INTEGER,
	id TEXT
);
CREATE INDEX temp.legacy_app_by_app ON legacy_app(app_id, user_id);
INSERT INTO legacy_app (first_id, last_id, user_id, app_id, generations)
SELECT min(id), max(id), coalesce(user_id, '00000000-0000-4000-8000-000000000001') AS owner, app_id, count(*)
FROM generation_requests
GROUP BY owner, app_id, CASE WHEN app_id IS NULL THEN app_name END;
UPDATE legacy_app SET app_name = (SELECT app_name FROM generation_requests AS g WHERE g.id = legacy_app.last_id);

-- An app_id can be one app only; where there is none, or another user has it, a new one is derived from the first generation.
UPDATE legacy_app SET id = CASE
	WHEN app_id IS NULL THEN '6c656761-6379-4000-8000-' || printf('%012x', first_id)
	WHEN first_id = (SELECT min(o.first_id) FROM legacy_app AS o WHERE o.app_id = legacy_app.app_id) THEN app_id
	ELSE '6c656761-6379-4001-8000-' || printf('%012x', first_id)
END;

-- Names become unique for a user: the first keeps the name, later ones get the next " (2)", " (3)" that is free.
INSERT INTO apps (id, user_id, app_name, last_generation_number, legacy_app_id, created_at)
SELECT l.id, l.user_id, l.app_name, l.generations, nullif(l.app_id, l.id), g.created_at
FROM legacy_app AS l JOIN generation_requests AS g ON g.id = l.first_id
WHERE l.first_id IN (SELECT min(first_id) FROM legacy_app GROUP BY user_id, app_name);

WITH RECURSIVE twin AS (
	SELECT *, row_number() OVER (PARTITION BY user_id, app_name ORDER BY first_id) - 1 AS nth FROM legacy_app
), slot(user_id, app_name, number, nth, wanted) AS (
	SELECT user_id, app_name, 1, 0, max(nth) FROM twin GROUP BY user_id, app_name HAVING max(nth) > 0
	UNION ALL
	SELECT user_id, app_name, number + 1,
		nth + NOT EXISTS (SELECT 1 FROM apps WHERE apps.user_id = slot.user_id
			AND apps.app_name = slot.app_name || ' (' || (number + 1) || ')'),
		wanted
	FROM slot WHERE nth < wanted
)
INSERT INTO apps (id, user_id, app_name, last_generation_number, legacy_app_id, created_at)
SELECT t.id, t.user_id, t.app_name || ' (' || min(s.number) || ')', t.generations, nullif(t.app_id, t.id), g.created_at
FROM twin AS t
JOIN slot AS s ON s.user_id = t.user_id AND s.app_name = t.app_name AND s.nth = t.nth
JOIN generation_requests AS g ON g.id = t.first_id
WHERE t.nth > 0
GROUP BY t.first_id;

INSERT INTO audit_log (action, subject, details)
SELECT 'app.rename', a.id, json_object('app_name', a.app_name, 'was', l.app_name)
FROM legacy_app AS l JOIN apps AS a ON a.id = l.id WHERE a.app_name <> l.app_name ORDER BY l.first_id;

-- SQLite cannot add a reference to a column: the table is made anew, and the references to it stay as they are.
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
	download_url, artifacts_github_url, deployment_url, conversation, error_message, max_iterations, current_iteration,
	last_session_id, created_at, updated_at, completed_at)
SELECT g.id, l.id, l.user_id, g.app_name, g.prompt, g.initial_prompt, g.status, g.generation_type, g.mode, g.github_url,
	g.download_url, g.artifacts_github_url, g.deployment_url, g.conversation, g.error_message, g.max_iterations, g.current_iteration,
	g.last_session_id, g.created_at, g.updated_at, g.completed_at
FROM generation_requests_before AS g
JOIN legacy_app AS l ON l.user_id = coalesce(g.user_id, '00000000-0000-4000-8000-000000000001') AND l.app_id IS g.app_id
	AND (l.app_id IS NOT NULL OR l.app_name = g.app_name)
ORDER BY g.id;

-- Ids that were given once are not given again.
DELETE FROM sqlite_sequence WHERE name = 'generation_requests';
UPDATE sqlite_sequence SET name = 'generation_requests' WHERE name = 'generation_requests_before';
DROP TABLE generation_requests_before;
DROP TABLE legacy_app;

CREATE INDEX generation_requests_by_user ON generation_requests(user_id);
CREATE INDEX generation_requests_by_app ON generation_requests(app_id);

CREATE TABLE generation_costs (
	-- What a generation cost, iteration by iteration.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	generation_request_id INTEGER NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,
	iteration_number INTEGER NOT NULL DEFAULT 0, -- 0: the generation as a whole
	input_tokens INTEGER NOT NULL DEFAULT 0,
	output_tokens INTEGER NOT NULL DEFAULT 0,
	duration_ms INTEGER NOT NULL DEFAULT 0,      -- compute time
	cost_usd REAL NOT NULL DEFAULT 0,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;
CREATE INDEX generation_costs_by_generation ON generation_costs(generation_request_id, iteration_number);
