#include "src/flow/running.h"
#include "src/flow/flow.h"
#include "src/flow/process.h"
#include "store/control.h"

static const char prefix[] = "running/";

int running_put(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO store_state(key, value) VALUES ('running/' || ?, ?)");
	AUTO(buf_release) struct buf value = BUF_INIT;
	struct process p;
	int r = process_self(&p);

	if (r || (r = process_json(&p, &value)))
		return store_fail(st, r, "cannot read '/proc': %s", strerror(-r));
	bind_text(&q, request_id);
	bind_text(&q, buf_str(&value));
	return stmt_run(&q);
}

int running_drop(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM store_state WHERE key = 'running/' || ?");
	int r;

	bind_text(&q, request_id);
	return (r = stmt_run(&q)) ? r : control_clear(st, request_id);
}

int running_is(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM store_state WHERE key = 'running/' || ?");

	bind_text(&q, request_id);
	return stmt_step(&q);
}

/* The first key behind `after` whose process is gone. 1, or 0 when there is none. */
static int next_orphan(struct genstore *st, const char *after, char **ret_key)
{
	STMT q = db_stmt(&st->db, "SELECT key, value FROM store_state WHERE key > ? AND key < 'running0' ORDER BY key");
	struct process me;
	int r;

	bind_text(&q, after);
	while ((r = stmt_step(&q)) > 0) {
		if ((r = process_self(&me)))
			return store_fail(st, r, "cannot read '/proc': %s", strerror(-r));
		if (!process_lives(col_text(&q, 1), &me))
			return (r = col_dup(&q, 0, ret_key)) ? r : 1;
	}
	return r;
}

int running_is_orphan(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "SELECT value FROM store_state WHERE key = 'running/' || ?");
	struct process me;
	int r;

	bind_text(&q, request_id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	if ((r = process_self(&me)))
		return store_fail(st, r, "cannot read '/proc': %s", strerror(-r));
	return !process_lives(col_text(&q, 0), &me);
}

static int pause_one(struct genstore *st, const char *request_id, bool *ret_paused)
{
	static const char words[] = "genstore ended while this was being generated: paused; its finished iterations are kept";
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_by_request(st, request_id, &g);

	*ret_paused = !r && strcmp(g.status, "generating") == 0;
	if (*ret_paused && !(r = generation_set_status(st, g.id, "paused", NULL)))
		r = event_add(st, g.id, "log", "warn", words, sizeof(words) - 1, NULL);
	return r == -ENOENT ? 0 : r;
}

/* The first orphan behind `after`, looked up again now that nobody else can take it: 1 and its key, 0 when there is none. */
static int adopt_one(struct genstore *st, const char *after, char **ret_key, bool *ret_paused)
{
	AUTO(free_ptr) char *key = NULL;
	int r;

	TXN t = txn_begin(&st->db);

	if (t.error)
		return t.error;
	if ((r = next_orphan(st, after, &key)) <= 0)
		return r;
	if ((r = pause_one(st, key + sizeof(prefix) - 1, ret_paused)) || (r = running_drop(st, key + sizeof(prefix) - 1)) ||
	    (r = txn_commit(&t)))
		return r;
	*ret_key = MOVE(key);
	return 1;
}

int flow_adopt_orphans(struct genstore *st, void (*told)(void *arg, const char *request_id), void *arg)
{
	AUTO(free_ptr) char *seen = NULL;
	int r;

	if (st->read_only)
		return 0;
	if ((r = next_orphan(st, prefix, &seen)) <= 0)
		return r;
	free(seen);
	seen = strdup(prefix);
	while (seen) {
		char *key = NULL;
		bool paused = false;

		if ((r = adopt_one(st, seen, &key, &paused)) <= 0)
			return r;
		free(seen);
		seen = key;
		if (paused && told)
			told(arg, key + sizeof(prefix) - 1);
	}
	return -ENOMEM;
}
