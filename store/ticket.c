#include "store/ticket.h"
#include "store/base/buf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static int read_key(struct genstore *st, uint8_t ret_key[TICKET_KEY])
{
	STMT q = db_stmt(&st->db, "SELECT value FROM store_state WHERE key = 'ticket_key'");
	int r = stmt_step(&q);

	return r <= 0 ? r ? r : -ENOENT : col_bytes(&q, 0, ret_key, TICKET_KEY);
}

static int make_key(struct genstore *st, uint8_t ret_key[TICKET_KEY])
{
	STMT q = db_stmt(&st->db, "INSERT INTO store_state (key, value) VALUES ('ticket_key', ?)");
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = read_key(st, ret_key)) != -ENOENT)
		return r;
	if ((r = id_random(&st->ids, ret_key, TICKET_KEY)))
		return r;
	bind_blob(&q, ret_key, TICKET_KEY);
	return (r = stmt_run(&q)) ? r : txn_commit(&t);
}

int ticket_key(struct genstore *st, uint8_t ret_key[TICKET_KEY])
{
	int r = read_key(st, ret_key);

	return r == -ENOENT ? make_key(st, ret_key) : r;
}

int ticket_sign(const uint8_t key[TICKET_KEY], const char *path, size_t n, int64_t until, char out[HEX_SHA256_SIZE])
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	uint8_t sum[SHA256_SIZE];

	/* The number first and the end of it marked: no two pairs make the same text. */
	buf_addf(&text, "%lld\n", (long long)until);
	buf_add(&text, path, n);
	if (buf_error(&text))
		return buf_error(&text);
	if (!HMAC(EVP_sha256(), key, TICKET_KEY, text.data, text.len, sum, NULL))
		return -EIO;
	hex_encode(sum, SHA256_SIZE, out);
	return 0;
}

bool ticket_is(const uint8_t key[TICKET_KEY], const char *path, size_t n, int64_t until, const char *ticket)
{
	char right[HEX_SHA256_SIZE];

	return strlen(ticket) == HEX_SHA256_SIZE - 1 && !ticket_sign(key, path, n, until, right) &&
	       CRYPTO_memcmp(right, ticket, HEX_SHA256_SIZE - 1) == 0;
}
