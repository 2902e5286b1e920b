#include "store/piece.h"

enum { CACHED = 2 };

struct piece_cache {
	struct { int64_t id; struct buf data; } entries[CACHED]; /* id 0: none */
	int last;
};

void piece_cache_free(struct piece_cache *cache)
{
	if (!cache)
		return;
	for (int i = 0; i < CACHED; i++)
		buf_release(&cache->entries[i].data);
	free(cache);
}

int piece_copy(struct genstore *st, int64_t id, int64_t size, void *out)
{
	struct piece p;
	int r = piece_get(st, id, &p);

	if (r == -ENOENT)
		return store_fail(st, -EBADMSG, "piece '%lld' is missing; run 'genstore check'", (long long)id);
	if (r)
		return r;
	if (p.size != size)
		return store_fail(st, -EBADMSG, "piece '%lld' has %lld bytes where %lld belong; run 'genstore check'", (long long)id,
				  (long long)p.size, (long long)size);
	return piece_read(st, &p, NULL, out);
}

int piece_borrow(struct genstore *st, int64_t id, int64_t size, const uint8_t **ret_data)
{
	struct piece_cache *cache = st->pieces;
	void *to;
	int at, r;

	if (!cache && !(cache = st->pieces = calloc(1, sizeof(*cache))))
		return -ENOMEM;
	for (at = 0; at < CACHED; at++)
		if (cache->entries[at].id == id && (int64_t)cache->entries[at].data.len == size)
			break;
	if (at == CACHED) {
		at = (cache->last + 1) % CACHED;
		struct buf *data = &cache->entries[at].data;

		cache->entries[at].id = 0;
		buf_reset(data);
		if (!(to = buf_reserve(data, (size_t)size)))
			return buf_error(data);
		if ((r = piece_copy(st, id, size, to)))
			return r;
		buf_commit(data, (size_t)size);
		/* What a write transaction may still take back is not kept: its ids would be given out again. */
		if (sqlite3_txn_state(st->db.handle, NULL) != SQLITE_TXN_WRITE)
			cache->entries[at].id = id;
	}
	cache->last = at;
	*ret_data = cache->entries[at].data.data;
	return 0;
}
