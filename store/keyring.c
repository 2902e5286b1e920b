#include "store/keyring.h"
#include "store/audit.h"
#include "store/config.h"
#include "store/secret.h"
#include "store/token.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

/* N = 2^17, r = 8, p = 1: 128 MiB and some 0.3 s (RFC 7914; OWASP's first choice). */
enum { SALT = 16, SCRYPT_N = 1 << 17, SCRYPT_R = 8, SCRYPT_P = 1, SCRYPT_MEMORY = 192 << 20 };

struct row {
	bool is_passphrase;
	int64_t cost;
	uint8_t salt[SALT], wrapped[ENVELOPE_WRAPPED];
};

static const char *const parts[] = { "genstore", "store key", NULL };

void key_material_release(struct key_material *m)
{
	secret_bytes_release(&m->bytes);
}

static const char *method_of(bool is_passphrase)
{
	return is_passphrase ? "passphrase" : "key";
}

int keyring_method(struct genstore *st, const char **ret_method)
{
	STMT q = db_stmt(&st->db, "SELECT method = 'passphrase' FROM store_keys");
	int r = stmt_step(&q);

	*ret_method = r > 0 ? method_of(col_i64(&q, 0)) : NULL;
	return r < 0 ? r : 0;
}

/* HKDF with SHA-256 (RFC 5869): for keys, which have all the entropy they need. */
static int derive_from_key(const struct key_material *m, const uint8_t salt[SALT], uint8_t out[ENVELOPE_KEY])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t n = ENVELOPE_KEY;
	bool done = c && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_CTX_set_hkdf_md(c, EVP_sha256()) == 1 &&
		    EVP_PKEY_CTX_set1_hkdf_salt(c, salt, SALT) == 1 && EVP_PKEY_CTX_set1_hkdf_key(c, m->bytes.data, (int)m->bytes.len) == 1 &&
		    EVP_PKEY_CTX_add1_hkdf_info(c, (const uint8_t *)"genstore", 8) == 1 && EVP_PKEY_derive(c, out, &n) == 1;

	EVP_PKEY_CTX_free(c);
	return done ? 0 : -EIO;
}

static int derive(const struct key_material *m, const struct row *row, struct secret_bytes *ret_key)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	int r = secret_bytes_new(ENVELOPE_KEY, &key);

	if (r)
		return r;
	if (!m->is_passphrase)
		r = derive_from_key(m, row->salt, key.data);
	else if (row->cost < 2 || row->cost > SCRYPT_N || EVP_PBE_scrypt((const char *)m->bytes.data, m->bytes.len, row->salt, SALT,
									 (uint64_t)row->cost, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, key.data, ENVELOPE_KEY) != 1)
		r = -EIO;
	if (r)
		return r;
	*ret_key = key;
	key = (struct secret_bytes){ 0 };
	return 0;
}

static int load(struct genstore *st, struct row *ret_row)
{
	STMT q = db_stmt(&st->db, "SELECT method = 'passphrase', cost, salt, wrapped FROM store_keys");
	int r = stmt_step(&q);

	if (r <= 0)
		return r ? r : store_fail(st, -ENOKEY, "there is no key yet; 'genstore key init' makes one");
	ret_row->is_passphrase = col_i64(&q, 0);
	ret_row->cost = col_i64(&q, 1);
	r = col_bytes(&q, 2, ret_row->salt, SALT);
	return r ? r : col_bytes(&q, 3, ret_row->wrapped, ENVELOPE_WRAPPED);
}

static int check(struct genstore *st, const struct key_material *m)
{
	size_t least = m->is_passphrase ? KEYRING_PASSPHRASE_MIN : KEYRING_KEY_MIN;

	if (m->bytes.len >= least)
		return 0;
	return store_fail(st, -EINVAL, "the %s has %zu bytes; it needs at least %zu", method_of(m->is_passphrase), m->bytes.len, least);
}

/* In the caller's transaction, in the place of what was there. */
static int put(struct genstore *st, const struct key_material *m, const struct secret_bytes *key)
{
	STMT q = db_stmt(&st->db, "INSERT INTO store_keys (method, salt, cost, wrapped, created_at) VALUES (?, ?, ?, ?, ?)");
	AUTO(secret_bytes_release) struct secret_bytes with = { 0 };
	struct row row = { .is_passphrase = m->is_passphrase, .cost = m->is_passphrase ? SCRYPT_N : 0 };
	char now[CLOCK_TEXT];
	int r;

	if (RAND_bytes(row.salt, SALT) != 1)
		return store_fail(st, -EIO, "there are no random numbers to be had");
	if ((r = derive(m, &row, &with)) || (r = envelope_wrap(with.data, parts, key->data, row.wrapped)))
		return store_fail(st, r, "the key cannot be wrapped: %s", strerror(-r));
	if ((r = db_exec(&st->db, "DELETE FROM store_keys")))
		return r;
	store_now(st, now);
	bind_text(&q, method_of(row.is_passphrase));
	bind_blob(&q, row.salt, SALT);
	bind_i64(&q, row.cost);
	bind_blob(&q, row.wrapped, ENVELOPE_WRAPPED);
	bind_text(&q, now);
	return stmt_run(&q);
}

static int make(struct genstore *st, struct secret_bytes *ret_key)
{
	int r = secret_bytes_new(ENVELOPE_KEY, ret_key);

	if (!r && RAND_priv_bytes(ret_key->data, ENVELOPE_KEY) != 1)
		r = store_fail(st, -EIO, "there are no random numbers to be had");
	return r;
}

int keyring_init(struct genstore *st, const struct key_material *m)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	const char *method;
	int r = check(st, m);

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = keyring_method(st, &method)))
		return r;
	if (method)
		return store_fail(st, -EEXIST, "there is a key already; 'genstore key rotate' makes another one");
	if ((r = make(st, &key)) || (r = put(st, m, &key)) || (r = audit_write(st, "key.init", method_of(m->is_passphrase), NULL)))
		return r;
	return txn_commit(&t);
}

int keyring_open(struct genstore *st, const struct key_material *m, struct secret_bytes *ret_key)
{
	AUTO(secret_bytes_release) struct secret_bytes with = { 0 }, key = { 0 };
	struct row row;
	int r = load(st, &row);

	if (r)
		return r;
	if (row.is_passphrase != m->is_passphrase)
		return store_fail(st, -EKEYREJECTED, "the store's key is under a %s, and this is a %s", method_of(row.is_passphrase), method_of(m->is_passphrase));
	if ((r = derive(m, &row, &with)) || (r = secret_bytes_new(ENVELOPE_KEY, &key)))
		return store_fail(st, r, "the key cannot be unwrapped: %s", strerror(-r));
	if ((r = envelope_unwrap(with.data, parts, row.wrapped, key.data)))
		return store_fail(st, -EKEYREJECTED, "this %s is not the one of this store", method_of(m->is_passphrase));
	*ret_key = key;
	key = (struct secret_bytes){ 0 };
	return 0;
}

int keyring_rotate(struct genstore *st, const struct key_material *old, const struct key_material *new, int64_t *ret_count)
{
	AUTO(secret_bytes_release) struct secret_bytes before = { 0 }, after = { 0 };
	char details[48];
	int r;

	/* What wrapped the old key is not to be found in free pages. */
	if ((r = check(st, new)) || (r = db_exec(&st->db, "PRAGMA secure_delete = ON")))
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = keyring_open(st, old, &before)) || (r = make(st, &after)) || (r = put(st, new, &after)) ||
	    (r = secret_rewrap_all(st, before.data, after.data, ret_count)) || (r = access_key_rewrap_all(st, before.data, after.data, ret_count)) ||
	    (r = config_rewrap_all(st, before.data, after.data, ret_count)))
		return r;
	snprintf(details, sizeof(details), "{\"values\":%lld}", (long long)*ret_count);
	if ((r = audit_write(st, "key.rotate", method_of(new->is_passphrase), details)))
		return r;
	return txn_commit(&t);
}
