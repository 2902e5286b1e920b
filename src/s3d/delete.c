/* Objects go: one, or many at once. */
#include "src/s3d/keys.h"
#include "src/serve/range.h"
#include "src/sync/xml.h"

enum { MANY_MOST = 1000 };

/* What is not there is gone. The archive of a generation stays: that is `genstore rm`. */
static int remove_key(struct genstore *st, const struct bucket *b, const char *key)
{
	AUTO(found_release) struct found f = { 0 };
	char id[ID_REQUEST_MAX + 1];
	int r;

	if (b->is_shared && key_kind(key, id) != KEY_OBJECT)
		return (r = key_find(st, b, key, &f)) ? (r == -ENOENT ? 0 : r) : store_fail(st, -EPERM, "a generation is removed with 'genstore rm'");
	r = bucket_object_remove(st, b->id, key);
	return r == -ENOENT ? 0 : r;
}

static int delete_one(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(found_release) struct found f = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	const char *match = call_header(c, "If-Match");
	int r;

	if ((r = call_borrow(c, CALL_WRITE, &l)) || (r = call_bucket(c, l.st, &b)))
		return r;
	TXN t = txn_begin(&l.st->db);

	if (!(r = t.error) && match && !(r = key_find(l.st, &b, c->key, &f)) && !etag_listed(match, f.etag, false))
		return call_fail(c, S3_PreconditionFailed, NULL);
	if (r || (r = remove_key(l.st, &b, c->key)) || (r = txn_commit(&t)))
		return call_fail_store(c, r, l.st);
	return call_reply(c, 204, &(struct buf)BUF_INIT, NULL);
}

/* The keys of <Delete>, each ended by a NUL. */
struct many {
	struct buf keys;
	size_t count;
	bool is_quiet, has_version;
};

static int take(void *arg, const char *path, const char *text)
{
	struct many *m = arg;

	if (!strcmp(path, "Delete/Quiet"))
		m->is_quiet = !strcmp(text, "true");
	if (!strcmp(path, "Delete/Object/VersionId"))
		m->has_version |= strcmp(text, "null") != 0;
	if (strcmp(path, "Delete/Object/Key") != 0)
		return 0;
	if (m->count++ == MANY_MOST || !*text)
		return -EPROTO;
	return buf_add(&m->keys, text, strlen(text) + 1);
}

static void tell(const struct genstore *st, int r, const char *key, const struct many *m, struct buf *xml)
{
	const struct s3_error *e = s3_error(r == -EPERM ? S3_AccessDenied : S3_InternalError);

	if (!r && !m->is_quiet) {
		buf_adds(xml, "<Deleted>");
		xml_element(xml, "Key", key);
		buf_adds(xml, "</Deleted>");
	}
	if (!r)
		return;
	buf_adds(xml, "<Error>");
	xml_element(xml, "Key", key);
	xml_element(xml, "Code", e->code);
	xml_element(xml, "Message", *genstore_errmsg(st) ? genstore_errmsg(st) : e->words);
	buf_adds(xml, "</Error>");
}

static int delete_many(struct call *c)
{
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct many m = { .count = 0 };
	const char *key;
	int r;

	r = xml_each(buf_str(&c->body.text), c->body.text.len, take, &m);
	if (r || !m.count || m.has_version) {
		buf_release(&m.keys);
		return r == -ENOMEM ? r : m.has_version ? call_fail(c, S3_NotImplemented, NULL) : call_fail(c, S3_MalformedXML, NULL);
	}
	if (!(r = call_borrow(c, CALL_WRITE, &l)))
		r = call_bucket(c, l.st, &b);
	buf_adds(&xml, S3_XML "<DeleteResult" S3_NAMESPACE ">");
	key = buf_str(&m.keys);
	for (size_t i = 0; i < m.count && !r; i++, key += strlen(key) + 1)
		tell(l.st, remove_key(l.st, &b, key), key, &m, &xml);
	buf_adds(&xml, "</DeleteResult>\n");
	buf_release(&m.keys);
	return r ? r : call_reply(c, 200, &xml, NULL);
}

const struct op delete_ops[] = {
	{ "DELETE", LEVEL_OBJECT, NULL, NULL, delete_one, BODY_NONE },
	{ "POST", LEVEL_BUCKET, "delete", NULL, delete_many, BODY_TEXT },
	{ 0 },
};
