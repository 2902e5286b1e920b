#include "store/secret.h"
#include "store/audit.h"
#include "store/base/json.h"

#define COLUMNS                                                                                                        \
	"SELECT s.id, s.user_id, u.name, s.provider, s.expires_at, s.created_at, s.updated_at, s.encrypted_token FROM user_secrets AS s"   \
	" JOIN users AS u ON u.id = s.user_id "

void secret_release(struct secret *s)
{
	char **texts[] = { &s->id, &s->user_id, &s->user, &s->provider, &s->expires_at, &s->created_at, &s->updated_at, &s->sealed };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

int secret_check_provider(struct genstore *st, const char *provider)
{
	size_t n = strlen(provider);

	if (n && n <= SECRET_PROVIDER_MAX && strspn(provider, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n)
		return 0;
	return store_fail(st, -EINVAL, "'%s' cannot be a provider: up to %d of a-z 0-9 . _ -", provider, SECRET_PROVIDER_MAX);
}

static int load(struct stmt *q, struct secret *ret_s)
{
	AUTO(secret_release) struct secret s = { 0 };
	char **into[] = { &s.id, &s.user_id, &s.user, &s.provider, &s.expires_at, &s.created_at, &s.updated_at, &s.sealed };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(into); i++)
		if ((r = col_dup(q, (int)i, into[i])))
			return r;
	secret_release(ret_s);
	*ret_s = s;
	s = (struct secret){ 0 };
	return 1;
}

int secret_find(struct genstore *st, const char *user_id, const char *provider, struct secret *ret_s)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE s.user_id = ? AND s.provider = ?");
	int r;

	bind_text(&q, user_id);
	bind_text(&q, provider);
	r = load(&q, ret_s);
	return r > 0 ? 0 : r ? r : store_fail(st, -ENOENT, "there is no secret for '%s'", provider);
}

int secret_next(struct genstore *st, const char *user_id, const char *after_user, const char *after_provider, struct secret *ret_s)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE (?1 IS NULL OR s.user_id = ?1) AND (u.name, s.provider) > (?2, ?3) ORDER BY u.name, s.provider LIMIT 1");

	bind_text(&q, user_id);
	bind_text(&q, after_user);
	bind_text(&q, after_provider);
	return load(&q, ret_s);
}

bool secret_is_expired(const struct genstore *st, const struct secret *s)
{
	int64_t until;

	return s->expires_at && (clock_parse(s->expires_at, &until) || until <= clock_now(&st->clock));
}

/* The row's identity: a ciphertext fits no other row. */
#define PARTS_OF(id, user_id, provider) ((const char *const[]){ "genstore", "user_secrets", id, user_id, provider, NULL })

static int audit(struct genstore *st, const char *action, const char *user_id, const char *provider)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "user_id", user_id);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, action, provider, buf_str(&details));
}

/* The row that is there keeps its id. */
static int write_row(struct genstore *st, const char *id, const char *user_id, const char *provider, const char *sealed, const char *expires_at)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.user_secrets (id, user_id, provider, encrypted_token, expires_at, created_at, updated_at)"
				  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (user_id, provider) DO UPDATE SET"
				  " encrypted_token = excluded.encrypted_token, expires_at = excluded.expires_at, updated_at = excluded.updated_at");
	const char *const texts[] = { id, user_id, provider, sealed, expires_at };
	char now[CLOCK_TEXT];

	store_now(st, now);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		bind_text(&q, texts[i]);
	bind_text(&q, now);
	return stmt_run(&q);
}

int secret_put(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const char *user_id, const char *provider, const struct secret_bytes *value,
	       const char *expires_at)
{
	AUTO(secret_release) struct secret before = { 0 };
	AUTO(free_ptr) char *sealed = NULL;
	char made[ID_UUID];
	const char *id = made;
	int r = secret_check_provider(st, provider);

	if (r || (r = db_exec(&st->db, "PRAGMA secure_delete = ON")))
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error))
		return r;
	r = secret_find(st, user_id, provider, &before);
	if (!r)
		id = before.id;
	else if (r != -ENOENT || (r = id_uuid4(&st->ids, made)))
		return r;
	if ((r = envelope_seal(key, PARTS_OF(id, user_id, provider), value->data, value->len, &sealed)))
		return store_fail(st, r, "the secret for '%s' cannot be sealed: %s", provider, r == -EFBIG ? "it has more than 64 KiB" : strerror(-r));
	if ((r = write_row(st, id, user_id, provider, sealed, expires_at)) || (r = audit(st, before.id ? "secret.replace" : "secret.set", user_id, provider)))
		return r;
	return txn_commit(&t);
}

int secret_open(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const struct secret *s, struct secret_bytes *ret_value)
{
	int r = envelope_open(key, PARTS_OF(s->id, s->user_id, s->provider), s->sealed, ret_value);

	if (r)
		return store_fail(st, r, "the secret for '%s' does not open: its row was changed, or is damaged", s->provider);
	if (st->read_only)
		return 0;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = audit(st, "secret.reveal", s->user_id, s->provider)) || (r = txn_commit(&t)))
		secret_bytes_release(ret_value);
	return r;
}

int secret_remove(struct genstore *st, const char *user_id, const char *provider)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.user_secrets WHERE user_id = ? AND provider = ?");
	int r = db_exec(&st->db, "PRAGMA secure_delete = ON");

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	bind_text(&q, user_id);
	bind_text(&q, provider);
	if ((r = t.error) || (r = stmt_run(&q)))
		return r;
	if (!db_changes(&st->db))
		return store_fail(st, -ENOENT, "there is no secret for '%s'", provider);
	return (r = audit(st, "secret.remove", user_id, provider)) ? r : txn_commit(&t);
}

static int rewrap_row(struct genstore *st, const struct secret *s, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY])
{
	STMT q = db_stmt(&st->db, "UPDATE main.user_secrets SET encrypted_token = ? WHERE id = ?");
	AUTO(free_ptr) char *sealed = NULL;
	int r = envelope_rewrap(old, new, PARTS_OF(s->id, s->user_id, s->provider), s->sealed, &sealed);

	if (r)
		return store_fail(st, -EBADMSG, "the secret of '%s' for '%s' does not open, its row was changed or is damaged: 'genstore secret rm' it first", s->user,
				  s->provider);
	bind_text(&q, sealed);
	bind_text(&q, s->id);
	return stmt_run(&q);
}

int secret_rewrap_all(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], int64_t *ret_count)
{
	AUTO(secret_release) struct secret s = { 0 };
	int r;

	*ret_count = 0;
	while ((r = secret_next(st, NULL, s.user ? s.user : "", s.provider ? s.provider : "", &s)) > 0) {
		if ((r = rewrap_row(st, &s, old, new)))
			return r;
		++*ret_count;
	}
	return r;
}
