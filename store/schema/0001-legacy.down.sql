DROP TABLE iteration_snapshots;
DROP TABLE generation_requests;
PRAGMA user_version = 0;
