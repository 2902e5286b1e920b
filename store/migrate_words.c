#include "store/migrate_words.h"
#include "store/migrate_snapshots.h"

#define LOCAL_USER "'00000000-0000-4000-8000-000000000001'"

/* Each answers with one text. */
static const struct {
	int version;
	bool down;
	const char *sql;
} questions[] = {
	{ 2, false,
	  "WITH app AS (SELECT coalesce(user_id, " LOCAL_USER ") AS owner, app_name, max(id) FROM generation_requests"
	  " GROUP BY owner, app_id, CASE WHEN app_id IS NULL THEN app_name END)"
	  " SELECT format('%d generations become versions of %d apps; %d apps share a name with an earlier one of the same user"
	  " and get the next free (2), (3) ... behind it (audit_log says which)',"
	  " (SELECT count(*) FROM generation_requests), (SELECT count(*) FROM app),"
	  " (SELECT count(*) FROM app) - (SELECT count(*) FROM (SELECT DISTINCT owner, app_name FROM app)))" },
	{ 3, false,
	  "SELECT format('%d generations get a request id (req_legacy_<id>), a uuid, and a number within their app', count(*))"
	  " FROM generation_requests" },
	{ 4, false, "SELECT 'adds the tables of typed artifacts, organizations, sessions, conversations and tokens'" },
	{ 6, false,
	  "SELECT format('%d generations stay in the state they are in; from here on the database keeps to the table of states',"
	  " count(*)) FROM generation_requests" },
	{ 7, false,
	  "SELECT format('derives artifacts_github_url of %d generations; drops download_url (%d rows hold one)"
	  " and conversation (%d rows hold one)',"
	  " count(*) FILTER (WHERE artifacts_github_url IS NULL AND github_url <> ''),"
	  " count(download_url), count(conversation)) FROM generation_requests" },
	{ 8, false, "SELECT 'adds the tables of how a generation is run, of what it is told, and of what it asks'" },
	{ 8, true,
	  "SELECT format('drops how %d generations are run (they cannot be continued), %d messages and %d questions to running ones',"
	  " (SELECT count(*) FROM generation_runs), (SELECT count(*) FROM generation_controls),"
	  " (SELECT count(*) FROM generation_questions))" },
	{ 10, false, "SELECT 'adds the outbox: what waits to be sent to a bucket or a git host, and what is there'" },
	{ 10, true,
	  "SELECT format('forgets that %d generations are synced, and that %d are to be', count(*) FILTER (WHERE state = 'synced'),"
	  " count(*) FILTER (WHERE state <> 'synced')) FROM outbox" },
	{ 11, false,
	  "SELECT format('gives typed artifacts their bytes, and one artifact a path: %d earlier ones of the same path are removed"
	  " (audit_log says which)', count(*) - count(DISTINCT storage_path)) FROM artifacts" },
	{ 11, true, "SELECT format('forgets which bytes %d typed artifacts have', count(*)) FROM artifact_content" },
	{ 12, false, "SELECT format('links the rows of the audit trail (%d) by hashes', count(*)) FROM audit_log" },
	{ 12, true, "SELECT format('drops the links of the audit trail (%d); its rows stay', count(*)) FROM audit_chain" },
	{ 13, false, "SELECT 'adds the place of the key of what is sealed'" },
	{ 13, true, "SELECT format('drops the store''s key: %d sealed values cannot be opened any more', count(*)) FROM user_secrets" },
	{ 14, false, "SELECT 'adds the role viewer and the access keys of the S3 endpoint'" },
	{ 14, true,
	  "SELECT format('ends the memberships of %d viewers, drops %d access keys', (SELECT count(*) FROM memberships WHERE role = 'viewer'),"
	  " (SELECT count(*) FROM access_keys))" },
	{ 15, false, "SELECT 'adds the buckets of the S3 endpoint and what is in them'" },
	{ 15, true,
	  "SELECT format('drops %d buckets with %d objects in them', (SELECT count(*) FROM buckets), (SELECT count(*) FROM bucket_objects))" },
	{ 7, true, "SELECT 'brings back download_url and conversation, empty'" },
	{ 6, true, "SELECT 'removes the table of states: any status can follow any'" },
	{ 4, true,
	  "SELECT format('drops %d typed artifacts, %d sessions, %d conversations, %d organizations and %d tokens',"
	  " (SELECT count(*) FROM artifacts), (SELECT count(*) FROM sessions), (SELECT count(*) FROM conversations),"
	  " (SELECT count(*) FROM organizations), (SELECT count(*) FROM tokens))" },
	{ 3, true,
	  "SELECT format('drops request_id, uuid and generation_number of %d generations, s3_path of %d and parent_request_id of %d',"
	  " count(*), count(s3_path), count(parent_request_id)) FROM generation_requests" },
	{ 2, true,
	  "SELECT format('drops %d users, %d apps (%d without generations), %d settings, %d secrets, %d costs, %d audit rows,"
	  " and github_commit of %d generations',"
	  " (SELECT count(*) FROM users), (SELECT count(*) FROM apps),"
	  " (SELECT count(*) FROM apps WHERE id NOT IN (SELECT app_id FROM generation_requests)),"
	  " (SELECT count(*) FROM deployment_config), (SELECT count(*) FROM user_secrets),"
	  " (SELECT count(*) FROM generation_costs), (SELECT count(*) FROM audit_log),"
	  " (SELECT count(github_commit) FROM generation_requests))" },
};

int migrate_words(struct genstore *st, int version, bool down, struct buf *out)
{
	if (version == 5)
		return down ? snapshots_down_words(st, out) : snapshots_up_words(st, out);
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		if (questions[i].version != version || questions[i].down != down)
			continue;
		STMT q = db_stmt(&st->db, questions[i].sql);
		int r = stmt_step(&q);

		return r < 0 ? r : buf_adds(out, col_text(&q, 0));
	}
	return 0;
}
