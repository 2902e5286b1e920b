-- How a generation is run, what it is told while it runs, and what it asks: so that any process can queue, control and continue it.

PRAGMA user_version = 8;

CREATE TABLE generation_runs (
	-- What is needed to begin it, or to begin it again. Never a secret: variables by name, without their values.
	generation_request_id INTEGER PRIMARY KEY REFERENCES generation_requests(id) ON DELETE CASCADE,
	command TEXT CHECK (command IS NULL OR json_valid(command)), -- ["/path/of/program", "argv[0]", ...]; NULL: none was named; []: not kept
	env TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(env)), -- names of variables to pass
	silence_ms INTEGER NOT NULL,  -- without a word it fails; 0: never
	max_bytes INTEGER NOT NULL,   -- of the tree; 0: no limit
	decision_ms INTEGER NOT NULL, -- an answer is waited for so long, then it is paused; 0: no limit
	parent_iteration INTEGER NOT NULL DEFAULT 0 -- of the generation that it resumes; 0: its last one, or its workspace
) STRICT;

CREATE TABLE generation_controls (
	-- What other processes want of the one that has a generation in hand. It takes a row away when that is done.
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	generation_request_id INTEGER NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,
	command TEXT NOT NULL CHECK (command IN ('pause', 'continue', 'cancel', 'stop', 'answer', 'say', 'snapshot')),
	decision_id TEXT, -- answer: to which question
	choice TEXT,      -- answer
	input TEXT,       -- answer, say: the text; snapshot: its label
	refused TEXT,     -- why it was not done; whoever asked takes the row away then
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;
CREATE INDEX generation_controls_by_generation ON generation_controls(generation_request_id);

CREATE TABLE generation_questions (
	-- What a generation waits to be told: decision_prompt and decision_follow_up of WSI.
	generation_request_id INTEGER PRIMARY KEY REFERENCES generation_requests(id) ON DELETE CASCADE,
	decision_id TEXT NOT NULL,
	parent_id TEXT,      -- a follow-up: of the question before
	action TEXT,         -- a follow-up: add or redirect
	prompt TEXT NOT NULL,
	suggested_task TEXT,
	options TEXT CHECK (options IS NULL OR json_valid(options)),
	allow_editor INTEGER NOT NULL DEFAULT 0,
	asked_at TEXT NOT NULL,
	until TEXT           -- then it is paused; NULL: it waits
) STRICT;
