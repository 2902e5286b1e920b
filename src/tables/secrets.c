#include "src/tables/secrets.h"
#include "src/config/setting.h"

int secrets_sealed(struct genstore *st, int64_t *ret_count)
{
	*ret_count = 0;
	return db_number(&st->db, "SELECT (SELECT count(*) FROM user_secrets WHERE encrypted_token LIKE 'gs1:%')"
				  " + (SELECT count(*) FROM deployment_config WHERE encrypted AND value LIKE 'gs1:%')"
				  " + (SELECT count(*) FROM access_keys)", ret_count);
}

/* Whatever stands in a column as it is. */
static int collect_column(struct genstore *st, const char *sql, struct needles *n)
{
	STMT q = db_stmt(&st->db, sql);
	int r;

	while ((r = stmt_step(&q)) > 0)
		if (!col_null(&q, 0) && (r = needles_add(n, col_blob(&q, 0), col_size(&q, 0))))
			break;
	return r;
}

/* sealed text, then what it is sealed for, in the order of FORMAT.md, "Sealed values". */
static int open_row(struct genstore *st, const struct stmt *q, const char *table, const uint8_t *key, struct needles *n)
{
	AUTO(secret_bytes_release) struct secret_bytes value = { 0 };
	const char *const parts[] = { "genstore", table, col_text(q, 1), col_text(q, 2), col_text(q, 3), NULL };
	int r = envelope_open(key, parts, col_text(q, 0), &value);

	if (r)
		return store_fail(st, r, "row '%s' of '%s' does not open with this key, so that nobody can search for what is in it", col_text(q, 1), table);
	return needles_add(n, value.data, value.len);
}

static int open_all(struct genstore *st, const char *sql, const char *table, const uint8_t *key, struct needles *n)
{
	STMT q = db_stmt(&st->db, sql);
	int r;

	while ((r = stmt_step(&q)) > 0)
		if ((r = open_row(st, &q, table, key, n)))
			break;
	return r;
}

/* Those that lie in the clear, written by another program. */
static int collect_settings(struct genstore *st, struct needles *n)
{
	STMT q = db_stmt(&st->db, "SELECT key, value FROM deployment_config WHERE NOT encrypted AND value IS NOT NULL");
	int r;

	while ((r = stmt_step(&q)) > 0) {
		const struct setting *s = setting_find(col_text(&q, 0));

		if (s && s->type == SETTING_SECRET && (r = needles_add(n, col_text(&q, 1), col_size(&q, 1))))
			break;
	}
	return r;
}

int secrets_collect(struct genstore *st, const uint8_t *key, struct needles *n)
{
	static const char *const columns[] = {
		"SELECT encrypted_token FROM user_secrets",
		"SELECT encrypted_secret FROM access_keys",
		"SELECT value FROM deployment_config WHERE encrypted",
		"SELECT token_hash FROM tokens",
		"SELECT wrapped FROM store_keys",
		"SELECT salt FROM store_keys",
		"SELECT value FROM store_state WHERE key = 'ticket_key'",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(columns) && !r; i++)
		r = collect_column(st, columns[i], n);
	if (r || (r = collect_settings(st, n)) || !key)
		return r;
	if ((r = open_all(st, "SELECT value, key, NULL, NULL FROM deployment_config WHERE encrypted AND value LIKE 'gs1:%'", "deployment_config", key, n)))
		return r;
	if ((r = open_all(st, "SELECT encrypted_token, id, user_id, provider FROM user_secrets WHERE encrypted_token LIKE 'gs1:%'", "user_secrets", key, n)))
		return r;
	return open_all(st, "SELECT encrypted_secret, access_key_id, user_id, NULL FROM access_keys", "access_keys", key, n);
}
