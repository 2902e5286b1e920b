#include "src/sync/lock.h"
#include "src/flow/process.h"
#include "store/artifact_remote.h"
#include "store/outbox.h"

#include <jansson.h>

static int value_of(const struct process *me, struct buf *out)
{
	int64_t now = clock_now(&(struct clock){ 0 });
	int r = process_json(me, out);

	/* One more member. */
	if (r)
		return r;
	out->len--;
	return buf_addf(out, ",\"at\":%lld}", (long long)now);
}

/* Of another machine nothing can be seen but its signs. */
static bool is_held(const char *value, const struct process *me)
{
	json_t *v = json_loads(value, 0, NULL);
	const char *host = json_string_value(json_object_get(v, "host"));
	bool here = host && !strcmp(host, me->host);
	int64_t silent = clock_now(&(struct clock){ 0 }) - json_integer_value(json_object_get(v, "at"));

	json_decref(v);
	return here ? process_lives(value, me) : silent < LOCK_STALE_S;
}

/* *ret_mine: by this process. */
static int look(struct genstore *st, const struct process *me, bool *ret_held, bool *ret_mine)
{
	STMT q = db_stmt(&st->db, "SELECT value FROM store_state WHERE key = 'sync'");
	AUTO(buf_release) struct buf self = BUF_INIT;
	int r = process_json(me, &self);

	*ret_held = *ret_mine = false;
	if (r || (r = stmt_step(&q)) <= 0 || !col_text(&q, 0))
		return r < 0 ? r : 0;
	*ret_held = is_held(col_text(&q, 0), me);
	*ret_mine = !strncmp(col_text(&q, 0), buf_str(&self), self.len - 1);
	return 0;
}

static int put(struct genstore *st, const struct process *me)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO store_state(key, value) VALUES ('sync', ?)");
	AUTO(buf_release) struct buf value = BUF_INIT;
	int r = value_of(me, &value);

	if (r)
		return r;
	bind_text(&q, buf_str(&value));
	return stmt_run(&q);
}

static int self(struct genstore *st, struct process *ret_me)
{
	int r = process_self(ret_me);

	return r ? store_fail(st, r, "cannot read '/proc': %s", strerror(-r)) : 0;
}

int lock_take(struct genstore *st)
{
	struct process me;
	bool held, mine;
	int r = self(st, &me);

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = look(st, &me, &held, &mine)))
		return r;
	if (held && !mine)
		return -EBUSY;
	if ((r = outbox_recover(st)) || (r = artifact_remote_recover(st)) || (r = put(st, &me)))
		return r;
	return txn_commit(&t);
}

int lock_sign(struct genstore *st)
{
	struct process me;
	bool held, mine;
	int r = self(st, &me);

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = look(st, &me, &held, &mine)))
		return r;
	if (!mine)
		return store_fail(st, -ESTALE, "another genstore has taken over the sync");
	return (r = put(st, &me)) ? r : txn_commit(&t);
}

void lock_drop(struct genstore *st)
{
	struct process me;
	bool held, mine;

	if (process_self(&me))
		return;

	TXN t = txn_begin(&st->db);
	STMT q = db_stmt(&st->db, "DELETE FROM store_state WHERE key = 'sync'");

	/* Whoever comes next finds out by itself where this does not work. */
	if (!t.error && !look(st, &me, &held, &mine) && mine && !outbox_recover(st) && !artifact_remote_recover(st) && !stmt_run(&q))
		txn_commit(&t);
}

int lock_held(struct genstore *st, bool *ret_held)
{
	struct process me;
	bool mine;
	int r = self(st, &me);

	return r ? r : look(st, &me, ret_held, &mine);
}
