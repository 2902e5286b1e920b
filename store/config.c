#include "store/config.h"
#include "store/audit.h"

int config_get(struct genstore *st, const char *key, char **ret_value)
{
	STMT q = db_stmt(&st->db, "SELECT value, encrypted FROM deployment_config WHERE key = ?");
	int r;

	*ret_value = NULL;
	bind_text(&q, key);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	if (col_i64(&q, 1))
		return store_fail(st, -EKEYREJECTED, "the setting '%s' is sealed, and this genstore has no key for it", key);
	return col_dup(&q, 0, ret_value);
}

/* Before it changes. What is sealed is not told, only that it was. */
static int audit(struct genstore *st, const char *action, const char *key, const char *after)
{
	STMT q = db_stmt(&st->db, "SELECT iif(encrypted, '(sealed)', value) FROM deployment_config WHERE key = ?");
	int r;

	bind_text(&q, key);
	r = stmt_step(&q);
	return r < 0 ? r : audit_change(st, action, key, "value", r ? col_text(&q, 0) : NULL, after);
}

int config_set(struct genstore *st, const char *key, const char *value)
{
	STMT q = db_stmt(&st->db, "INSERT INTO deployment_config(key, value, updated_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
				  " SET value = excluded.value, encrypted = 0, updated_at = excluded.updated_at");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);

	TXN t = txn_begin(&st->db);

	bind_text(&q, key);
	bind_text(&q, value);
	bind_text(&q, now);
	if ((r = t.error) || (r = audit(st, "config.set", key, value)) || (r = stmt_run(&q)))
		return r;
	return txn_commit(&t);
}

int config_unset(struct genstore *st, const char *key)
{
	STMT q = db_stmt(&st->db, "DELETE FROM deployment_config WHERE key = ?");
	int r;

	TXN t = txn_begin(&st->db);

	bind_text(&q, key);
	if ((r = t.error) || (r = audit(st, "config.unset", key, NULL)) || (r = stmt_run(&q)))
		return r;
	if (!db_changes(&st->db))
		return store_fail(st, -ENOENT, "the setting '%s' is not set", key);
	return txn_commit(&t);
}
