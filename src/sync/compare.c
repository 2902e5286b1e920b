#include "src/sync/compare.h"
#include "src/sync/etag.h"
#include "store/generation.h"

struct compare {
	struct genstore *st;
	const struct settings *set;
	void (*bad)(void *arg, const char *key, const char *words);
	void *arg;
	struct compare_result *result;
	char *prefix;
	/* The row that is next in order of keys; key NULL: there is none. */
	char *key, *etag, *name;
	int64_t size, generation;
};

static void row_release(struct compare *c)
{
	free(c->key);
	free(c->etag);
	free(c->name);
	c->key = c->etag = c->name = NULL;
}

static void compare_release(struct compare *c)
{
	row_release(c);
	free(c->prefix);
}

/* To the row behind a key. A statement is not left open while the network is waited for. */
static int next_row(struct compare *c, const char *after)
{
	STMT q = db_stmt(&c->st->db, "SELECT r.key, r.etag, r.name, r.size, o.generation_request_id FROM remote_objects AS r"
				     " JOIN outbox AS o ON o.id = r.outbox_id"
				     " WHERE r.bucket = ? AND r.key > ? AND o.state = 'synced' ORDER BY r.key LIMIT 1");
	AUTO(free_ptr) char *from = strdup(after);
	int r;

	if (!from)
		return -ENOMEM;
	row_release(c);
	bind_text(&q, c->set->bucket);
	bind_text(&q, from);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	/* Those of another folder are not in this listing. */
	if (!col_text(&q, 0) || strncmp(col_text(&q, 0), c->prefix, strlen(c->prefix)))
		return 0;
	c->size = col_i64(&q, 3);
	c->generation = col_i64(&q, 4);
	if ((r = col_dup(&q, 0, &c->key)) || (r = col_dup(&q, 1, &c->etag)))
		return r;
	return col_dup(&q, 2, &c->name);
}

static int missing(struct compare *c)
{
	c->result->objects++;
	c->result->problems++;
	c->bad(c->arg, c->key, "it was sent, and is not in the bucket any more");
	return next_row(c, c->key);
}

int compare_object(struct genstore *st, int64_t generation, const struct remote_object *sent, int64_t size, const char *etag)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(object_unrefp) struct object *object = NULL;
	bool metadata = sent->name && !strcmp(sent->name, "metadata.json");
	int r;

	if (size != sent->size)
		return 0;
	if (!strcmp(etag, sent->etag))
		return 1;
	if ((r = generation_get(st, generation, &g)) ||
	    (r = metadata ? generation_metadata(st, &g, &object) : generation_archive(st, &g, &object)))
		return r == -EREMOTE ? 0 : r;
	r = etag_compare(st, object, size, etag);
	return r == -EAGAIN ? 0 : r;
}

static int is_ours(struct compare *c, const struct s3_object *o)
{
	const struct remote_object sent = { .name = c->name, .etag = c->etag, .size = c->size };

	return compare_object(c->st, c->generation, &sent, o->size, o->etag);
}

static int same_key(struct compare *c, const struct s3_object *o)
{
	AUTO(buf_release) struct buf words = BUF_INIT;
	int r = is_ours(c, o);

	if (r < 0)
		return r;
	c->result->objects++;
	if (!r) {
		c->result->problems++;
		buf_addf(&words, "another object is there: %lld bytes, ETag %s; %lld bytes, ETag %s were sent", (long long)o->size, o->etag,
			 (long long)c->size, c->etag);
		c->bad(c->arg, c->key, buf_str(&words));
	}
	return next_row(c, c->key);
}

static int on_object(void *arg, const struct s3_object *o)
{
	struct compare *c = arg;
	int r = 0;

	while (!r && c->key && strcmp(c->key, o->key) < 0)
		r = missing(c);
	if (!r && c->key && !strcmp(c->key, o->key))
		return same_key(c, o);
	c->result->unknown++;
	return r;
}

static int read_page(struct compare *c, struct s3 *s3, char **token, struct buf *words)
{
	AUTO(free_ptr) char *before = *token;
	struct s3_call call;
	int r;

	*token = NULL;
	s3_list(&call, c->prefix, 0, before);
	if ((r = s3_wait(s3, &call)))
		buf_addf(words, "cannot list the bucket: %s", buf_str(&call.answer.words));
	else if ((r = s3_list_read(&call.answer, on_object, c, token)))
		buf_adds(words, r == -EPROTO ? "cannot list the bucket: its answer is no listing" : genstore_errmsg(c->st));
	s3_call_release(&call);
	return r;
}

int compare_remote(struct genstore *st, struct s3 *s3, const struct settings *set, void (*bad)(void *arg, const char *key, const char *words),
		   void *arg, struct compare_result *ret_result, struct buf *words)
{
	AUTO(compare_release) struct compare c = { .st = st, .set = set, .bad = bad, .arg = arg, .result = ret_result };
	AUTO(free_ptr) char *token = NULL;
	int r;

	*ret_result = (struct compare_result){ 0 };
	if (asprintf(&c.prefix, "%sgenerations/", set->prefix) < 0) {
		c.prefix = NULL;
		return -ENOMEM;
	}
	r = next_row(&c, c.prefix);
	if (r)
		buf_adds(words, genstore_errmsg(st));
	do {
		r = r ? r : read_page(&c, s3, &token, words);
	} while (!r && token);
	while (!r && c.key)
		if ((r = missing(&c)))
			buf_adds(words, genstore_errmsg(st));
	return r;
}
