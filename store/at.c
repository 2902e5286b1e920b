#include "store/at.h"

/*
 * Views in the temporary schema, whose names go before those of the file's tables: every statement of the program sees the tables
 * as they were and need not know. Their columns are those of the tables; sums are taken of the rows themselves (sums.c).
 *
 * The states in between are not kept, only when a generation was created and when it ended: one that had not ended is "generating" from its
 * first line or iteration on, and "queued" before, unless its last change is older than the moment.
 */
#define AT "(SELECT at FROM temp.moment)"
#define ENDED "completed_at <= " AT

static const char views[] =
	"CREATE TEMP TABLE moment (at TEXT NOT NULL);"
	"CREATE TEMP VIEW apps AS SELECT * FROM main.apps WHERE created_at <= " AT ";"
	"CREATE TEMP VIEW iteration_snapshots AS SELECT * FROM main.iteration_snapshots WHERE timestamp <= " AT ";"
	"CREATE TEMP VIEW generation_events AS SELECT * FROM main.generation_events WHERE at <= " AT ";"
	"CREATE TEMP VIEW archive AS SELECT * FROM main.archive WHERE sealed_at <= " AT ";"
	"CREATE TEMP VIEW artifact_content AS SELECT * FROM main.artifact_content WHERE stored_at <= " AT ";"
	/* What had other bytes then is left out: they are not kept. */
	"CREATE TEMP VIEW artifacts AS SELECT * FROM main.artifacts AS a WHERE created_at <= " AT " AND NOT EXISTS"
	" (SELECT 1 FROM main.artifact_content AS c WHERE c.artifact_id = a.artifact_id AND c.stored_at > " AT ");"
	"CREATE TEMP VIEW generation_requests AS"
	" SELECT id, request_id, uuid, app_id, user_id, app_name, prompt, initial_prompt, generation_number, generation_type, mode,"
	" max_iterations, parent_request_id, created_at, last_session_id, s3_path, schema_snapshot, supabase_project_ref,"
	" CASE WHEN " ENDED " OR (completed_at IS NULL AND updated_at <= " AT ") THEN status"
	"  WHEN EXISTS (SELECT 1 FROM main.generation_events AS e WHERE e.generation_request_id = g.id AND e.at <= " AT ")"
	"   OR EXISTS (SELECT 1 FROM main.iteration_snapshots AS i WHERE i.generation_request_id = g.id AND i.timestamp <= " AT ")"
	"  THEN 'generating' ELSE 'queued' END AS status,"
	" CASE WHEN " ENDED " THEN completed_at END AS completed_at,"
	" CASE WHEN " ENDED " THEN error_message END AS error_message,"
	" CASE WHEN " ENDED " THEN github_url END AS github_url,"
	" CASE WHEN " ENDED " THEN github_commit END AS github_commit,"
	" CASE WHEN " ENDED " THEN artifacts_github_url END AS artifacts_github_url,"
	" CASE WHEN " ENDED " THEN deployment_url END AS deployment_url,"
	" min(updated_at, " AT ") AS updated_at,"
	" coalesce((SELECT max(iteration_number) FROM main.iteration_snapshots AS i WHERE i.generation_request_id = g.id"
	"  AND i.timestamp <= " AT "), 0) AS current_iteration"
	" FROM main.generation_requests AS g WHERE created_at <= " AT ";";

int store_at(struct genstore *st, int64_t seconds)
{
	char text[CLOCK_TEXT];
	int r;

	/* Readers are kept from writing anything, their own temporary tables included. */
	if ((r = db_exec(&st->db, "PRAGMA query_only = OFF")) || (r = db_exec(&st->db, views)))
		return r;
	clock_format(seconds, text);
	{
		STMT q = db_stmt(&st->db, "INSERT INTO temp.moment (at) VALUES (?)");

		bind_text(&q, text);
		if ((r = stmt_run(&q)))
			return r;
	}
	return db_exec(&st->db, "PRAGMA query_only = ON");
}
