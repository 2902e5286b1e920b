DROP INDEX generation_requests_alive;
DROP TRIGGER generation_times_follow_status;
DROP TRIGGER generation_keeps_to_transitions;
DROP TRIGGER generation_begins_queued;
DROP TABLE generation_transitions;

PRAGMA user_version = 5;
