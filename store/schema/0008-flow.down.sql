DROP TABLE generation_questions;
DROP TABLE generation_controls;
DROP TABLE generation_runs;

PRAGMA user_version = 7;
