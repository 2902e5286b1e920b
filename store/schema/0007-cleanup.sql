-- The clean-up plan for generation_requests: what was never populated is derived, what is redundant or always null goes.

PRAGMA user_version = 7;

UPDATE generation_requests
SET artifacts_github_url =
	CASE WHEN github_url LIKE '%/' THEN substr(github_url, 1, length(github_url) - 1) ELSE github_url END || '-artifacts'
WHERE artifacts_github_url IS NULL AND github_url <> '';

ALTER TABLE generation_requests DROP COLUMN download_url;
ALTER TABLE generation_requests DROP COLUMN conversation;

-- The rows are others without the columns.
UPDATE row_sums SET sum = NULL WHERE table_name = 'generation_requests';
