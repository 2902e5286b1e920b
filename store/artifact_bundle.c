/* bundle.zip of a session. */
#include "store/artifact.h"
#include "store/bundle.h"

#include <sys/stat.h>

/* What the bytes of the ZIP come from, all of it. */
static void add_tag(struct sha256 *h, const struct artifact *a, int64_t mtime)
{
	const char *path = artifact_path(a->storage_path);
	const int64_t numbers[] = { a->version, mtime };

	sha256_update(h, path, strlen(path) + 1);
	sha256_update(h, numbers, sizeof(numbers));
}

static int add_artifact(struct genstore *st, struct bundle *b, const struct artifact *a, struct sha256 *tag)
{
	struct bundle_file f = { .name = artifact_path(a->storage_path), .content = a->content_id, .mode = S_IFREG | 0644 };
	int r;

	if (!a->content_id)
		return store_fail(st, -ENODATA, "the bytes of '%s' are not in this store", f.name);
	if ((r = artifact_vouch(st, a)))
		return r;
	f.mtime = st->source_date;
	if (f.mtime < 0 && clock_parse(a->stored_at, &f.mtime))
		return store_fail(st, -EBADMSG, "the time of '%s' is none; run 'genstore check'", f.name);
	add_tag(tag, a, f.mtime);
	return bundle_add(b, &f);
}

/* The paths' index against that of sessions: a file that one of them has lost would be missing without a word. */
static int check_complete(struct genstore *st, const struct artifact_filter *f, int64_t count)
{
	STMT q = db_stmt(&st->db, "SELECT count(*) FROM artifacts WHERE session_id = ?1 AND (?2 IS NULL OR artifact_type = ?2)");
	int r;

	bind_text(&q, f->session_id);
	bind_text(&q, f->type);
	if ((r = stmt_step(&q)) < 0)
		return r;
	return col_i64(&q, 0) == count ? 0 : store_fail(st, -EBADMSG, "the index of artifacts is damaged; run 'genstore check'");
}

int artifact_bundle(struct genstore *st, const struct artifact_filter *f, struct object **ret_o, int64_t *ret_count, char ret_tag[HEX_SHA256_SIZE])
{
	enum { AT_ONCE = 1000 };
	AUTO(bundle_freep) struct bundle *b = NULL;
	AUTO(free_ptr) char *after = NULL;
	TXN t = txn_begin_read(&st->db);
	uint8_t sum[SHA256_SIZE];
	struct sha256 tag;
	int64_t count = 0;
	bool more = true;
	int r = t.error ? t.error : bundle_new(st, &b);

	sha256_init(&tag);
	while (!r && more) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		r = artifact_page(st, f, after, AT_ONCE, &l);
		for (size_t i = 0; i < l.count && !r; i++) {
			if (after && strcmp(after, l.items[i].storage_path) >= 0)
				r = store_fail(st, -EBADMSG, "the index of artifacts is out of order; run 'genstore check'");
			else
				r = add_artifact(st, b, &l.items[i], &tag);
			free(after);
			after = MOVE(l.items[i].storage_path);
		}
		count += (int64_t)l.count;
		more = l.more;
	}
	if (r || (r = check_complete(st, f, count)))
		return r;
	if (!count)
		return -ENOENT;
	*ret_count = count;
	sha256_final(&tag, sum);
	if (ret_tag)
		hex_encode(sum, SHA256_SIZE, ret_tag);
	return bundle_close(b, ret_o);
}
