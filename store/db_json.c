/*
 * SQLite 3.38 to 3.40 call their own json_valid() unsafe in CHECKs once trusted_schema is off: the flag that should say the opposite
 * means that for built-in functions. So it is registered again as innocuous, and answers with what the built-in
 * one says on a connection of its own, which is opened when a CHECK first asks.
 */
#include "store/db.h"

struct judge {
	sqlite3 *handle;
	sqlite3_stmt *ask;
};

static void judge_free(void *arg)
{
	struct judge *j = arg;

	sqlite3_finalize(j->ask);
	sqlite3_close(j->handle);
	free(j);
}

static int judge_ready(struct judge *j)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, code = SQLITE_OK;

	if (!j->handle)
		code = sqlite3_open_v2(":memory:", &j->handle, flags, NULL);
	if (code == SQLITE_OK && !j->ask)
		code = sqlite3_prepare_v3(j->handle, "SELECT json_valid(?)", -1, SQLITE_PREPARE_PERSISTENT, &j->ask, NULL);
	return code;
}

static void json_is_valid(sqlite3_context *ctx, int argc UNUSED, sqlite3_value **argv)
{
	struct judge *j = sqlite3_user_data(ctx);
	int code = judge_ready(j);

	if (code == SQLITE_OK)
		code = sqlite3_bind_value(j->ask, 1, argv[0]);
	if (code == SQLITE_OK && (code = sqlite3_step(j->ask)) == SQLITE_ROW)
		sqlite3_result_value(ctx, sqlite3_column_value(j->ask, 0));
	else
		sqlite3_result_error_code(ctx, code);
	if (j->ask) {
		sqlite3_reset(j->ask);
		sqlite3_clear_bindings(j->ask);
	}
}

int db_json_register(struct db *db)
{
	struct judge *j = calloc(1, sizeof(*j));
	int code;

	if (!j)
		return -ENOMEM;
	/* It frees the judge, now if it fails and else when the connection is closed. */
	code = sqlite3_create_function_v2(db->handle, "json_valid", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, j,
					  json_is_valid, NULL, NULL, judge_free);
	return code == SQLITE_OK ? 0 : db_fail(db, code, "cannot open the store");
}
