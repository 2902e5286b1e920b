/* /api/generations/{request_id}/diff and .../files: what is in the trees of iterations, and what changed from one to another. */
#include "src/serve/api_generation.h"
#include "store/content.h"
#include "store/evict.h"
#include "store/foreign.h"

enum { CHANGES = 1000, CHANGES_MAX = 10000 };

static int fail(struct request *q, struct genstore *st, int r)
{
	r = reply_store(q, r, st);
	return r ? r : 1;
}

/* The tree of a snapshot, by its id, of that generation and no other. 1: it was answered. */
static int find_tree(struct request *q, struct genstore *st, const struct generation *g, int64_t id, struct manifest **ret_m)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int r = iteration_get(st, id, &it);

	if (r == -ENOENT || (!r && it.generation != g->id)) {
		r = reply_error(q, 404, "Iteration not found", NULL, false);
		return r ? r : 1;
	}
	if (!r && it.away)
		r = evict_fail(st, g->request_id);
	if (!r)
		r = manifest_load(st, it.manifest, ret_m);
	return r ? fail(q, st, r) : 0;
}

static int empty_tree(struct manifest **ret_m)
{
	struct manifest_builder *b = NULL;
	int r = manifest_builder_new(&b);

	if (!r)
		r = manifest_build(b, ret_m);
	manifest_builder_free(b);
	return r;
}

struct changes {
	struct jw j;
	const struct manifest *a, *b;
	int64_t listed, limit, added, removed, modified;
};

/* Of folders only empty ones are worth a line: the others show by what is in them. */
static bool is_shown(const struct manifest *m, const struct entry *e)
{
	size_t i = (size_t)(e - m->entries);

	return e->type != TAR_DIR || manifest_skip(m, i) == i + 1;
}

static int one_change(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b)
{
	struct changes *c = arg;
	const struct entry *e = b ? b : a;
	const char letter[2] = { (char)change, '\0' };

	if (!is_shown(b ? c->b : c->a, e))
		return 0;
	*(change == MANIFEST_ADDED ? &c->added : change == MANIFEST_REMOVED ? &c->removed : &c->modified) += 1;
	if (c->listed == c->limit)
		return 0;
	c->listed++;
	jw_object(&c->j, NULL);
	jw_str(&c->j, "status", letter);
	jw_strn(&c->j, "path", e->path, e->path_len);
	if (a && a->type == TAR_FILE)
		jw_int(&c->j, "old_size", a->size);
	if (b && b->type == TAR_FILE)
		jw_int(&c->j, "new_size", b->size);
	jw_end(&c->j);
	return buf_error(c->j.out);
}

static int write_changes(struct genstore *st, const struct generation *g, const struct manifest *a, const struct manifest *b, int64_t limit,
			 struct buf *out)
{
	struct changes c = { .a = a, .b = b, .limit = limit };
	int r;

	jw_begin(&c.j, out, 0);
	jw_object(&c.j, NULL);
	jw_str(&c.j, "request_id", g->request_id);
	jw_array(&c.j, "changes");
	r = foreign_diff(st, a, b, one_change, &c);
	jw_end(&c.j);
	jw_int(&c.j, "added", c.added);
	jw_int(&c.j, "modified", c.modified);
	jw_int(&c.j, "removed", c.removed);
	jw_bool(&c.j, "truncated", c.added + c.modified + c.removed > c.listed);
	jw_end(&c.j);
	return r ? r : buf_error(out);
}

/* ?to=ID&from=ID&limit=1000: ids as /iterations has them; without `from` everything is new. */
static int diff(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(manifest_unrefp) struct manifest *a = NULL, *b = NULL;
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int64_t from = 0, to = 0, limit = CHANGES;
	int has_from = url_query_int(q->path, "from", &from), r;

	if (has_from < 0 || url_query_int(q->path, "to", &to) <= 0)
		return reply_error(q, 422, "'to', and 'from' where it is given, are ids of iterations", NULL, false);
	if (url_query_int(q->path, "limit", &limit) < 0 || limit < 1 || limit > CHANGES_MAX)
		return reply_error(q, 422, "'limit' is from 1 to 10000", NULL, false);
	if ((r = api_borrow(q, API_READ, &l)) || (r = generation_find(q, l.st, &g)) || (r = find_tree(q, l.st, &g, to, &b)) ||
	    (r = has_from ? find_tree(q, l.st, &g, from, &a) : empty_tree(&a)))
		return api_answered(r);
	if ((r = write_changes(l.st, &g, a, b, limit, &body)))
		return reply_store(q, r, l.st);
	return reply_json(q, 200, &body);
}

/* The number that a name of the route is; 0: it is none. */
static int64_t number_of(const struct request *q, size_t i)
{
	int64_t n = 0;

	if (q->match.names[i].n > 18)
		return 0;
	for (size_t at = 0; at < q->match.names[i].n; at++) {
		if (q->match.names[i].text[at] < '0' || q->match.names[i].text[at] > '9')
			return 0;
		n = n * 10 + (q->match.names[i].text[at] - '0');
	}
	return n;
}

static int send_file(struct request *q, struct genstore *st, const struct manifest *m, const char *path)
{
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(object_unrefp) struct object *bytes = NULL;
	const char *name = strrchr(path, '/');
	ssize_t i = manifest_find(m, path);
	char etag[HEX_SHA256_SIZE];
	int r;

	if (i < 0 || (size_t)i == m->count || m->entries[i].type != TAR_FILE)
		return reply_error(q, 404, "File not found", NULL, false);
	if ((r = object_of_content(st, m->entries[i].content, &bytes)) || (r = content_get(st, m->entries[i].content, &c)))
		return reply_store(q, r, st);
	hex_encode(c.sha256, SHA256_SIZE, etag);
	return reply_object(q, &(struct reply_object){ bytes, request_api(q)->pools[API_READ], NULL, etag, name ? name + 1 : path });
}

static int file(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(buf_release) struct buf path = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)) || (r = find_tree(q, l.st, &g, number_of(q, 1), &m)) || (r = api_name(q, 2, &path)))
		return api_answered(r);
	return send_file(q, l.st, m, buf_str(&path));
}

const struct route tree_routes[] = {
	{ "GET", "/api/generations/{request_id}/diff", diff, .head = true },
	{ "GET", "/api/generations/{request_id}/files/{iteration_id}/{path*}", file, .head = true },
	{ 0 },
};
