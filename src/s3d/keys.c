#include "src/s3d/keys.h"

#define GENERATIONS "generations/"

static const struct { const char *name, *headers; } files[] = {
	[KEY_ARCHIVE] = { "app.tar.gz", "{\"content-type\":\"application/gzip\"}" },
	[KEY_METADATA] = { "metadata.json", "{\"content-type\":\"application/json\"}" },
};

void found_release(struct found *f)
{
	char **texts[] = { &f->key, &f->etag, &f->headers, &f->tags };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

enum key_kind key_kind(const char *key, char ret_request_id[ID_REQUEST_MAX + 1])
{
	const char *id = key + strlen(GENERATIONS), *slash;

	if (strncmp(key, GENERATIONS, strlen(GENERATIONS)) != 0 || !(slash = strchr(id, '/')) || slash - id > ID_REQUEST_MAX)
		return KEY_OBJECT;
	snprintf(ret_request_id, ID_REQUEST_MAX + 1, "%.*s", (int)(slash - id), id);
	if (!id_is_request(ret_request_id))
		return KEY_OBJECT;
	for (enum key_kind kind = KEY_ARCHIVE; kind <= KEY_METADATA; kind++)
		if (!strcmp(slash + 1, files[kind].name))
			return kind;
	return KEY_OBJECT;
}

/* Takes the texts over. */
static void of_object(struct bucket_object *o, struct found *ret_f)
{
	found_release(ret_f);
	*ret_f = (struct found){ .kind = KEY_OBJECT, .id = o->id, .size = o->size };
	ret_f->key = MOVE(o->key);
	ret_f->etag = MOVE(o->etag);
	ret_f->headers = MOVE(o->headers);
	ret_f->tags = MOVE(o->tags);
	snprintf(ret_f->stored_at, CLOCK_TEXT, "%s", o->stored_at);
}

/* In the form of an upload in parts: it is no MD5, and clients do not take it for one. */
static int fill(struct found *f, const struct generation *g, const uint8_t sha256[SHA256_SIZE])
{
	char hex[HEX_SHA256_SIZE];

	hex_encode(sha256, SHA256_SIZE, hex);
	snprintf(f->stored_at, CLOCK_TEXT, "%s", g->completed_at ? g->completed_at : g->updated_at);
	f->id = g->id;
	f->headers = strdup(files[f->kind].headers);
	if (!f->headers || asprintf(&f->etag, "%.32s-1", hex) < 0 ||
	    asprintf(&f->key, GENERATIONS "%s/%s", g->request_id, files[f->kind].name) < 0)
		return -ENOMEM;
	return 0;
}

static int of_generation(struct genstore *st, const struct generation *g, enum key_kind kind, struct found *ret_f)
{
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(found_release) struct found f = { .kind = kind };
	int r;

	if (!g->seal_id && !g->content_id)
		return -ENOENT;
	if (kind == KEY_METADATA && !g->metadata_id)
		return -ENOENT;
	if (kind == KEY_METADATA && (r = content_get(st, g->metadata_id, &c)))
		return r;
	f.size = kind == KEY_METADATA ? c.size : g->archive_size;
	if ((r = fill(&f, g, kind == KEY_METADATA ? c.sha256 : g->archive_sha256)))
		return r;
	found_release(ret_f);
	*ret_f = f;
	f = (struct found){ 0 };
	return 0;
}

int key_find(struct genstore *st, const struct bucket *b, const char *key, struct found *ret_f)
{
	AUTO(bucket_object_release) struct bucket_object o = { 0 };
	AUTO(generation_release) struct generation g = { 0 };
	char id[ID_REQUEST_MAX + 1];
	enum key_kind kind = b->is_shared ? key_kind(key, id) : KEY_OBJECT;
	int r;

	if (kind != KEY_OBJECT)
		return (r = generation_by_request(st, id, &g)) ? r : of_generation(st, &g, kind, ret_f);
	if (!(r = bucket_object_find(st, b->id, key, &o)))
		of_object(&o, ret_f);
	return r;
}

/* The generation whose id, with a '/' behind it, comes at or behind `from`: in the order of keys, in which "a-b/" comes before "a/". */
static int next_id(struct genstore *st, const char *from, bool or_at, int64_t *ret_id)
{
	STMT q = or_at ? db_stmt(&st->db, "SELECT id FROM generation_requests WHERE request_id || '/' >= ? ORDER BY request_id || '/' LIMIT 1")
		       : db_stmt(&st->db, "SELECT id FROM generation_requests WHERE request_id || '/' > ? ORDER BY request_id || '/' LIMIT 1");
	int r;

	bind_text(&q, from);
	if ((r = stmt_step(&q)) > 0)
		*ret_id = col_i64(&q, 0);
	return r;
}

/* 1: one of its keys is behind from (or at it). */
static int of_its_keys(struct genstore *st, const struct generation *g, const char *from, bool or_at, struct found *ret_f)
{
	for (enum key_kind kind = KEY_ARCHIVE; kind <= KEY_METADATA; kind++) {
		AUTO(found_release) struct found f = { 0 };
		int r = of_generation(st, g, kind, &f), order;

		if (r == -ENOENT)
			continue;
		if (r)
			return r;
		order = strcmp(f.key, from);
		if (order < 0 || (!order && !or_at))
			continue;
		found_release(ret_f);
		*ret_f = f;
		f = (struct found){ 0 };
		return 1;
	}
	return 0;
}

static int next_generation(struct genstore *st, const char *from, bool or_at, struct found *ret_f)
{
	AUTO(buf_release) struct buf at = BUF_INIT;
	int order = strncmp(from, GENERATIONS, strlen(GENERATIONS)), r;
	bool first = true;
	int64_t id;

	if (order > 0)
		return 0;
	if (!order)
		buf_add(&at, from + strlen(GENERATIONS), strcspn(from + strlen(GENERATIONS), "/") + (strchr(from + strlen(GENERATIONS), '/') ? 1 : 0));
	while (!(r = buf_error(&at)) && (r = next_id(st, buf_str(&at), first, &id)) > 0) {
		AUTO(generation_release) struct generation g = { 0 };

		if ((r = generation_get(st, id, &g)) || (r = of_its_keys(st, &g, from, or_at, ret_f)))
			return r;
		first = false;
		buf_reset(&at);
		buf_addf(&at, "%s/", g.request_id);
	}
	return r;
}

int key_next(struct genstore *st, const struct bucket *b, const char *from, bool or_at, struct found *ret_f)
{
	AUTO(bucket_object_release) struct bucket_object o = { 0 };
	AUTO(found_release) struct found f = { 0 };
	int has_object = bucket_object_next(st, b->id, from, or_at, &o);
	int has_generation = has_object >= 0 && b->is_shared ? next_generation(st, from, or_at, &f) : 0;

	if (has_object < 0 || has_generation < 0)
		return has_object < 0 ? has_object : has_generation;
	if (has_object && (!has_generation || strcmp(o.key, f.key) < 0)) {
		of_object(&o, ret_f);
		return 1;
	}
	if (!has_generation)
		return 0;
	found_release(ret_f);
	*ret_f = f;
	f = (struct found){ 0 };
	return 1;
}

int found_open(struct genstore *st, const struct found *f, struct object **ret_o)
{
	AUTO(generation_release) struct generation g = { 0 };
	struct bucket_object o = { .id = f->id, .size = f->size, .key = f->key };
	int r;

	if (f->kind == KEY_OBJECT)
		return bucket_object_open(st, &o, ret_o);
	if ((r = generation_get(st, f->id, &g)) || (r = generation_vouch(st, g.id, g.seal_id)))
		return r;
	return f->kind == KEY_ARCHIVE ? generation_archive(st, &g, ret_o) : generation_metadata(st, &g, ret_o);
}
