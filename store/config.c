#include "store/config.h"
#include "store/audit.h"
#include "store/base/json.h"

#define COLUMNS "SELECT key, coalesce(value, ''), description, updated_at, encrypted FROM deployment_config "
#define SEALED "(sealed)" /* in the trail */
#define ENVELOPE_MARK "gs1:"

/* The row's identity: a ciphertext fits no other row. */
#define PARTS_OF(key) ((const char *const[]){ "genstore", "deployment_config", key, NULL })

void config_row_release(struct config_row *row)
{
	char **texts[] = { &row->key, &row->value, &row->description, &row->updated_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

static int load(struct stmt *q, struct config_row *ret_row)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	char **into[] = { &row.key, &row.value, &row.description, &row.updated_at };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(into); i++)
		if ((r = col_dup(q, (int)i, into[i])))
			return r;
	row.sealed = col_i64(q, 4);
	config_row_release(ret_row);
	*ret_row = row;
	row = (struct config_row){ 0 };
	return 1;
}

int config_find(struct genstore *st, const char *key, struct config_row *ret_row)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE key = ?");

	bind_text(&q, key);
	return load(&q, ret_row);
}

int config_next(struct genstore *st, const char *after, struct config_row *ret_row)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE key > ? ORDER BY key LIMIT 1");

	bind_text(&q, after);
	return load(&q, ret_row);
}

int config_get(struct genstore *st, const char *key, char **ret_value)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	int r = config_find(st, key, &row);

	*ret_value = NULL;
	if (r <= 0)
		return r;
	if (row.sealed)
		return store_fail(st, -EKEYREJECTED, "the setting '%s' is sealed, and this genstore has no key for it", key);
	*ret_value = MOVE(row.value);
	return 0;
}

/* Before it changes. What is sealed, or should be, is not told, only that it was. after NULL: it is removed. */
static int audit(struct genstore *st, const char *action, const char *key, const char *after, bool is_secret)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	AUTO(buf_release) struct buf details = BUF_INIT;
	const char *before;
	struct jw j;
	int r = config_find(st, key, &row);

	if (r < 0)
		return r;
	before = !r ? NULL : row.sealed || is_secret ? SEALED : row.value;
	if (!is_secret)
		return audit_change(st, action, key, "value", before, after);
	/* One secret for another is a change, too. */
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "value", after ? SEALED : NULL);
	jw_str(&j, "value_before", before);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, action, key, buf_str(&details));
}

static int write_row(struct genstore *st, const char *key, const char *value, bool sealed, const char *description)
{
	STMT q = db_stmt(&st->db, "INSERT INTO deployment_config(key, value, encrypted, description, updated_at) VALUES (?, ?, ?, ?, ?)"
				  " ON CONFLICT (key) DO UPDATE SET value = excluded.value, encrypted = excluded.encrypted,"
				  " description = coalesce(description, excluded.description), updated_at = excluded.updated_at");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, key);
	bind_text(&q, value);
	bind_i64(&q, sealed);
	bind_text(&q, description);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* secure_delete: what takes the place of a secret, or of one that lay in the clear, leaves nothing of it in the file. */
int config_set(struct genstore *st, const char *key, const char *value, const char *description)
{
	int r = db_exec(&st->db, "PRAGMA secure_delete = ON");

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = audit(st, "config.set", key, value, false)) || (r = write_row(st, key, value, false, description)))
		return r;
	return txn_commit(&t);
}

int config_unset(struct genstore *st, const char *key, bool is_secret)
{
	STMT q = db_stmt(&st->db, "DELETE FROM deployment_config WHERE key = ?");
	AUTO(config_row_release) struct config_row row = { 0 };
	int r = db_exec(&st->db, "PRAGMA secure_delete = ON");

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = config_find(st, key, &row)) < 0)
		return r;
	if (!r)
		return store_fail(st, -ENOENT, "the setting '%s' is not set", key);
	bind_text(&q, key);
	if ((r = audit(st, "config.unset", key, NULL, is_secret)) || (r = stmt_run(&q)))
		return r;
	return txn_commit(&t);
}

int config_seal(struct genstore *st, const uint8_t store_key[ENVELOPE_KEY], const char *key, const struct secret_bytes *value, const char *description)
{
	AUTO(free_ptr) char *sealed = NULL;
	int r = envelope_seal(store_key, PARTS_OF(key), value->data, value->len, &sealed);

	if (r)
		return store_fail(st, r, "the secret '%s' cannot be sealed: %s", key, r == -EFBIG ? "it has more than 64 KiB" : strerror(-r));
	if ((r = db_exec(&st->db, "PRAGMA secure_delete = ON")))
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = audit(st, "config.set", key, SEALED, true)) || (r = write_row(st, key, sealed, true, description)))
		return r;
	return txn_commit(&t);
}

static bool is_ours(const char *value)
{
	return !strncmp(value, ENVELOPE_MARK, strlen(ENVELOPE_MARK));
}

int config_unseal(struct genstore *st, const uint8_t store_key[ENVELOPE_KEY], const struct config_row *row, struct secret_bytes *ret_value)
{
	if (!is_ours(row->value))
		return store_fail(st, -EKEYREJECTED, "the setting '%s' was sealed by another program; 'genstore config set %s' seals it anew", row->key, row->key);
	if (envelope_open(store_key, PARTS_OF(row->key), row->value, ret_value))
		return store_fail(st, -EBADMSG, "the secret '%s' does not open: its row was changed, or is damaged", row->key);
	return 0;
}

int config_note_reveal(struct genstore *st, const char *key)
{
	TXN t = txn_begin(&st->db);
	int r;

	return (r = t.error) || (r = audit_write(st, "config.reveal", key, NULL)) ? r : txn_commit(&t);
}

static int rewrap(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], const struct config_row *row)
{
	STMT q = db_stmt(&st->db, "UPDATE deployment_config SET value = ? WHERE key = ?");
	AUTO(free_ptr) char *again = NULL;

	if (envelope_rewrap(old, new, PARTS_OF(row->key), row->value, &again))
		return store_fail(st, -EBADMSG, "the secret '%s' does not open, its row was changed or is damaged: 'genstore config unset %s' first", row->key, row->key);
	bind_text(&q, again);
	bind_text(&q, row->key);
	return stmt_run(&q);
}

int config_rewrap_all(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], int64_t *count)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	int r;

	while ((r = config_next(st, row.key ? row.key : "", &row)) > 0) {
		if (!row.sealed || !is_ours(row.value))
			continue;
		if ((r = rewrap(st, old, new, &row)))
			return r;
		++*count;
	}
	return r;
}
