#include "store/token_inside.h"
#include "store/access.h"
#include "store/audit.h"
#include "store/base/hash.h"
#include "store/base/json.h"
#include "store/base/utf8.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define PREFIX "gs1."

enum { RANDOM = 32 };

int token_random(struct genstore *st, char out[ACCESS_KEY_SECRET])
{
	uint8_t bytes[RANDOM];
	char text[4 * ((RANDOM + 2) / 3) + 1]; /* with one = at its end */
	int r = id_random(&st->ids, bytes, sizeof(bytes));

	if (r)
		return r;
	EVP_EncodeBlock((uint8_t *)text, bytes, sizeof(bytes));
	for (size_t i = 0; i < ACCESS_KEY_SECRET - 1; i++)
		out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	out[ACCESS_KEY_SECRET - 1] = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(text, sizeof(text));
	return 0;
}

static int check_membership(struct genstore *st, const struct token_request *req)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM memberships WHERE organization_id = ? AND user_id = ?");
	int r;

	bind_text(&q, req->organization_id);
	bind_text(&q, req->user_id);
	if ((r = stmt_step(&q)))
		return r < 0 ? r : 0;
	return store_fail(st, -EINVAL, "the user is no member of that organization; 'genstore org grant' makes one");
}

int token_check(struct genstore *st, const struct token_request *req)
{
	char now[CLOCK_TEXT];

	store_now(st, now);
	if (access_is_limited(st) && strcmp(st->subject.user_id, req->user_id) != 0)
		return store_fail(st, -ENOENT, "no user '%s'", req->user_id);
	/* What is limited to an organization cannot give out more than that. */
	if (*st->subject.organization_id && (!req->organization_id || strcmp(st->subject.organization_id, req->organization_id) != 0))
		return store_fail(st, -EPERM, "a token for one organization makes tokens for that one only; name it");
	if (req->description && (!utf8_plain(req->description, strlen(req->description)) || utf8_length(req->description) > TOKEN_DESCRIPTION_MAX))
		return store_fail(st, -EINVAL, "a description has up to %d characters, and no control characters", TOKEN_DESCRIPTION_MAX);
	if (req->expires_at && strcmp(req->expires_at, now) <= 0)
		return store_fail(st, -EINVAL, "it would be over already at %s", req->expires_at);
	return req->organization_id ? check_membership(st, req) : 0;
}

int token_audit(struct genstore *st, const char *action, const char *id, const struct token_request *req)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "user_id", req->user_id);
	jw_str(&j, "organization_id", req->organization_id);
	jw_str(&j, "description", req->description);
	jw_str(&j, "expires_at", req->expires_at);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, action, id, buf_str(&details));
}

static int insert(struct genstore *st, const char *id, const struct token_request *req, const char *text)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.tokens (id, user_id, organization_id, token_hash, description, created_at, expires_at)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?)");
	uint8_t hash[SHA256_SIZE];
	char now[CLOCK_TEXT];

	store_now(st, now);
	sha256_of(text, strlen(text), hash);
	bind_text(&q, id);
	bind_text(&q, req->user_id);
	bind_text(&q, req->organization_id);
	bind_blob(&q, hash, sizeof(hash));
	bind_text(&q, req->description);
	bind_text(&q, now);
	bind_text(&q, req->expires_at);
	return stmt_run(&q);
}

int token_make(struct genstore *st, const struct token_request *req, char ret_id[ID_UUID], char ret_text[TOKEN_TEXT])
{
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = token_check(st, req)) || (r = id_uuid4(&st->ids, ret_id)))
		return r;
	memcpy(ret_text, PREFIX, strlen(PREFIX));
	if ((r = token_random(st, ret_text + strlen(PREFIX))) || (r = insert(st, ret_id, req, ret_text)) ||
	    (r = token_audit(st, "token.add", ret_id, req)))
		return r;
	return txn_commit(&t);
}

int token_find(struct genstore *st, const char *text, struct access_subject *ret_subject)
{
	STMT q = db_stmt(&st->db, "SELECT user_id, coalesce(organization_id, '') FROM main.tokens"
				  " WHERE token_hash = ?1 AND (expires_at IS NULL OR expires_at > ?2)");
	uint8_t hash[SHA256_SIZE];
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);
	sha256_of(text, strlen(text), hash);
	bind_blob(&q, hash, sizeof(hash));
	bind_text(&q, now);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -EKEYREJECTED, "the token is not one of this store, or not good any more; 'genstore token add' makes one");
	snprintf(ret_subject->user_id, ID_UUID, "%s", col_text(&q, 0));
	snprintf(ret_subject->organization_id, ID_UUID, "%s", col_text(&q, 1));
	return 0;
}

/* Before this it is old news. */
static void recently(const struct genstore *st, char out[CLOCK_TEXT])
{
	clock_format(clock_now(&st->clock) - TOKEN_USED_SECONDS, out);
}

bool token_use_is_old(struct genstore *st, const char *text)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.tokens WHERE token_hash = ? AND coalesce(last_used_at, '') <= ?");
	uint8_t hash[SHA256_SIZE];
	char before[CLOCK_TEXT];

	recently(st, before);
	sha256_of(text, strlen(text), hash);
	bind_blob(&q, hash, sizeof(hash));
	bind_text(&q, before);
	return stmt_step(&q) > 0;
}

int token_used(struct genstore *st, const char *text)
{
	STMT q = db_stmt(&st->db, "UPDATE main.tokens SET last_used_at = ? WHERE token_hash = ?");
	uint8_t hash[SHA256_SIZE];
	char now[CLOCK_TEXT];

	if (!token_use_is_old(st, text))
		return 0;
	store_now(st, now);
	sha256_of(text, strlen(text), hash);
	bind_text(&q, now);
	bind_blob(&q, hash, sizeof(hash));
	return stmt_run(&q);
}

void token_release(struct token *t)
{
	char **texts[] = { &t->id, &t->user, &t->organization, &t->description, &t->created_at, &t->expires_at, &t->last_used_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

int token_next(struct genstore *st, const char *user_id, const char *after_created_at, const char *after_id, struct token *ret_t)
{
	STMT q = db_stmt(&st->db,
			 "WITH t (is_key, id, user_id, organization_id, description, created_at, expires_at, last_used_at) AS ("
			 " SELECT 0, id, user_id, organization_id, description, created_at, expires_at, last_used_at FROM tokens UNION ALL"
			 " SELECT 1, access_key_id, user_id, organization_id, description, created_at, expires_at, last_used_at FROM access_keys)"
			 " SELECT is_key, t.id, u.name, o.name, description, t.created_at, expires_at, last_used_at FROM t JOIN users AS u ON u.id = t.user_id"
			 " LEFT JOIN organizations AS o USING (organization_id)"
			 " WHERE (?1 IS NULL OR t.user_id = ?1) AND (t.created_at, t.id) > (?2, ?3) ORDER BY t.created_at, t.id LIMIT 1");
	AUTO(token_release) struct token t = { 0 };
	char **into[] = { &t.id, &t.user, &t.organization, &t.description, &t.created_at, &t.expires_at, &t.last_used_at };
	int r;

	bind_text(&q, user_id);
	bind_text(&q, after_created_at);
	bind_text(&q, after_id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	t.is_access_key = col_i64(&q, 0);
	for (size_t i = 0; i < ARRAY_LEN(into); i++)
		if ((r = col_dup(&q, (int)i + 1, into[i])))
			return r;
	token_release(ret_t);
	*ret_t = t;
	t = (struct token){ 0 };
	return 1;
}

bool token_is_expired(const struct genstore *st, const struct token *t)
{
	char now[CLOCK_TEXT];

	store_now(st, now);
	return t->expires_at && strcmp(t->expires_at, now) <= 0;
}

/* 1: it was there. sql removes one of those that the handle sees. */
static int remove_from(struct genstore *st, const char *sql, const char *id)
{
	STMT q = db_stmt(&st->db, sql);
	int r;

	bind_text(&q, id);
	return (r = stmt_run(&q)) ? r : db_changes(&st->db) > 0;
}

static int remove_one(struct genstore *st, const char *id)
{
	int r = remove_from(st, "DELETE FROM main.tokens WHERE id = (SELECT id FROM tokens WHERE id = ?)", id);

	if (!r)
		r = remove_from(st, "DELETE FROM main.access_keys WHERE access_key_id = (SELECT access_key_id FROM access_keys WHERE access_key_id = ?)", id);
	if (r <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no token '%s'", id);
	return audit_write(st, "token.remove", id, NULL);
}

int token_remove(struct genstore *st, char *const *ids, int count)
{
	int r;

	TXN t = txn_begin(&st->db);

	r = t.error;
	for (int i = 0; i < count && !r; i++)
		r = remove_one(st, ids[i]);
	return r ? r : txn_commit(&t);
}
