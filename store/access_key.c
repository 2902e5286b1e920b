#include "store/token_inside.h"

enum { ID_RANDOM = ACCESS_KEY_ID - 1 - 4 };

#define PREFIX "GSAK"
/* The row's identity: a ciphertext fits no other row. */
#define PARTS_OF(id, user_id) ((const char *const[]){ "genstore", "access_keys", id, user_id, NULL })

static int random_id(struct genstore *st, char out[ACCESS_KEY_ID])
{
	static const char letters[33] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint8_t bytes[ID_RANDOM];
	int r = id_random(&st->ids, bytes, sizeof(bytes));

	memcpy(out, PREFIX, strlen(PREFIX));
	for (size_t i = 0; i < ID_RANDOM && !r; i++)
		out[strlen(PREFIX) + i] = letters[bytes[i] % 32];
	out[ACCESS_KEY_ID - 1] = '\0';
	return r;
}

static int insert(struct genstore *st, const char *id, const struct token_request *req, const char *sealed)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.access_keys (access_key_id, user_id, organization_id, encrypted_secret, description, created_at, expires_at)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];
	const char *const texts[] = { id, req->user_id, req->organization_id, sealed, req->description, now, req->expires_at };

	store_now(st, now);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		bind_text(&q, texts[i]);
	return stmt_run(&q);
}

int access_key_make(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const struct token_request *req, char ret_id[ACCESS_KEY_ID],
		    char ret_secret[ACCESS_KEY_SECRET])
{
	AUTO(free_ptr) char *sealed = NULL;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = token_check(st, req)) || (r = random_id(st, ret_id)) || (r = token_random(st, ret_secret)))
		return r;
	if ((r = envelope_seal(key, PARTS_OF(ret_id, req->user_id), ret_secret, strlen(ret_secret), &sealed)))
		return store_fail(st, r, "the secret of the access key cannot be sealed: %s", strerror(-r));
	if ((r = insert(st, ret_id, req, sealed)) || (r = token_audit(st, "token.add", ret_id, req)))
		return r;
	return txn_commit(&t);
}

int access_key_find(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const char *id, struct access_subject *ret_subject,
		    struct secret_bytes *ret_secret)
{
	STMT q = db_stmt(&st->db, "SELECT user_id, coalesce(organization_id, ''), encrypted_secret FROM main.access_keys"
				  " WHERE access_key_id = ?1 AND (expires_at IS NULL OR expires_at > ?2)");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);
	bind_text(&q, id);
	bind_text(&q, now);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -EKEYREJECTED, "the access key is not one of this store, or not good any more");
	if (envelope_open(key, PARTS_OF(id, col_text(&q, 0)), col_text(&q, 2), ret_secret))
		return store_fail(st, -EBADMSG, "the secret of the access key '%s' does not open: its row was changed, or the store's key", id);
	snprintf(ret_subject->user_id, ID_UUID, "%s", col_text(&q, 0));
	snprintf(ret_subject->organization_id, ID_UUID, "%s", col_text(&q, 1));
	return 0;
}

bool access_key_use_is_old(struct genstore *st, const char *id)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.access_keys WHERE access_key_id = ? AND coalesce(last_used_at, '') <= ?");
	char before[CLOCK_TEXT];

	clock_format(clock_now(&st->clock) - TOKEN_USED_SECONDS, before);
	bind_text(&q, id);
	bind_text(&q, before);
	return stmt_step(&q) > 0;
}

int access_key_used(struct genstore *st, const char *id)
{
	STMT q = db_stmt(&st->db, "UPDATE main.access_keys SET last_used_at = ? WHERE access_key_id = ?");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, now);
	bind_text(&q, id);
	return stmt_run(&q);
}

static int rewrap(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], const char *id, const char *user_id,
		  const char *sealed)
{
	STMT q = db_stmt(&st->db, "UPDATE main.access_keys SET encrypted_secret = ? WHERE access_key_id = ?");
	AUTO(free_ptr) char *again = NULL;

	if (envelope_rewrap(old, new, PARTS_OF(id, user_id), sealed, &again))
		return store_fail(st, -EBADMSG, "the secret of the access key '%s' does not open, its row was changed or is damaged: 'genstore token rm' it first", id);
	bind_text(&q, again);
	bind_text(&q, id);
	return stmt_run(&q);
}

/* Row by row in the order of their ids: no statement reads the table while another one changes it. */
static int rewrap_next(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], char after[ACCESS_KEY_ID])
{
	AUTO(free_ptr) char *user_id = NULL, *sealed = NULL;
	int r;

	{
		STMT q = db_stmt(&st->db, "SELECT access_key_id, user_id, encrypted_secret FROM main.access_keys WHERE access_key_id > ?"
					  " ORDER BY access_key_id LIMIT 1");

		bind_text(&q, after);
		if ((r = stmt_step(&q)) <= 0)
			return r;
		if ((r = col_dup(&q, 1, &user_id)) || (r = col_dup(&q, 2, &sealed)))
			return r;
		snprintf(after, ACCESS_KEY_ID, "%s", col_text(&q, 0));
	}
	return (r = rewrap(st, old, new, after, user_id, sealed)) ? r : 1;
}

int access_key_rewrap_all(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], int64_t *count)
{
	char after[ACCESS_KEY_ID] = "";
	int r;

	while ((r = rewrap_next(st, old, new, after)) > 0)
		++*count;
	return r;
}
