#include "src/sync/pull.h"

#include <jansson.h>

struct pull {
	struct genstore *st;
	struct s3 *s3;
	const struct settings *set;
	char *request_id, *keys[JOB_OBJECTS], *url;
	struct s3_call calls[JOB_OBJECTS];
	bool ahead; /* the archive was asked for */
	bool later; /* it is not wanted now */
	int64_t listed;
	char *etag;
	uint8_t sha256[SHA256_SIZE]; /* as metadata.json has it, of one that is not wanted now */
	struct foreign *f;
	int64_t total;
	const struct pull_progress *progress;
	json_t *metadata;
};

enum { ARCHIVE, METADATA };

void pull_free(struct pull *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < JOB_OBJECTS; i++) {
		s3_call_release(&p->calls[i]);
		free(p->keys[i]);
	}
	foreign_free(p->f);
	json_decref(p->metadata);
	free(p->request_id);
	free(p->etag);
	free(p->url);
	free(p);
}

static void pull_freep(struct pull **p)
{
	pull_free(*p);
}

const char *pull_request_id(const struct pull *p)
{
	return p->request_id;
}

static int name_all(struct pull *p, const char *request_id)
{
	AUTO(free_ptr) char *prefix = job_key(p->set, request_id, "");

	p->request_id = strdup(request_id);
	for (size_t i = 0; i < JOB_OBJECTS; i++)
		if (!(p->keys[i] = job_key(p->set, request_id, job_names[i])))
			return -ENOMEM;
	if (!prefix || asprintf(&p->url, "s3://%s/%s", p->set->bucket, prefix) < 0) {
		p->url = NULL;
		return -ENOMEM;
	}
	return p->request_id ? 0 : -ENOMEM;
}

int pull_new(struct genstore *st, struct s3 *s3, const struct settings *set, const char *request_id, const struct pull_archive *a,
	     struct pull **ret_p)
{
	AUTO(pull_freep) struct pull *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->st = st;
	p->s3 = s3;
	p->set = set;
	if ((r = name_all(p, request_id)))
		return r;
	p->listed = a->size;
	p->later = a->later && a->size > 0 && a->etag;
	if (p->later && !(p->etag = strdup(a->etag)))
		return -ENOMEM;
	p->ahead = !p->later && a->size >= 0 && a->size <= PULL_AHEAD;
	s3_get(&p->calls[METADATA], p->keys[METADATA], 0, -1);
	s3_start(s3, &p->calls[METADATA]);
	s3_get(&p->calls[ARCHIVE], p->keys[ARCHIVE], 0, -1);
	if (p->ahead)
		s3_start(s3, &p->calls[ARCHIVE]);
	*ret_p = MOVE(p);
	return 0;
}

static int wait_for(struct pull *p, int object, struct buf *words)
{
	struct s3_call *c = &p->calls[object];

	while (!c->over && s3_step(p->s3, 1000))
		;
	if (c->answer.r == -EEXIST) {
		buf_addf(words, "'%s' was replaced in the bucket while it was read; try again", p->keys[object]);
		return -EAGAIN;
	}
	if (c->answer.r)
		buf_addf(words, "'%s': %s", p->keys[object], buf_str(&c->answer.words));
	return c->answer.r;
}

static int take_bytes(void *arg, const void *data, size_t n)
{
	struct pull *p = arg;
	int r = foreign_write(p->f, data, n);

	if (!r && p->progress)
		p->progress->moved(p->progress->arg, p->calls[ARCHIVE].got + (int64_t)n, p->total);
	return r;
}

/* Into rows that nobody refers to yet: from memory, or as it comes. */
static int take_archive(struct pull *p, struct buf *words)
{
	struct s3_call *c = &p->calls[ARCHIVE];
	const struct buf *body = &c->answer.body;
	int r;

	foreign_free(MOVE(p->f));
	if ((r = foreign_new(p->st, NULL, &p->f))) {
		buf_adds(words, genstore_errmsg(p->st));
		return r;
	}
	if (p->ahead) {
		if ((r = wait_for(p, ARCHIVE, words)))
			return r;
		if ((r = foreign_write(p->f, buf_str(body), body->len)))
			buf_adds(words, genstore_errmsg(p->st));
		return r;
	}
	s3_call_release(c);
	s3_get(c, p->keys[ARCHIVE], 0, -1);
	c->sink = take_bytes;
	c->sink_arg = p;
	s3_start(p->s3, c);
	return wait_for(p, ARCHIVE, words);
}

static const char *text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static int read_metadata(struct pull *p, struct buf *words)
{
	const struct buf *body = &p->calls[METADATA].answer.body;
	int r = wait_for(p, METADATA, words);

	if (r)
		return r;
	p->metadata = json_loadb(buf_str(body), body->len, 0, NULL);
	if (json_is_object(p->metadata))
		return 0;
	buf_addf(words, "'%s' is no JSON object", p->keys[METADATA]);
	return -EBADMSG;
}

/* Of the archive that metadata.json was written for; one from elsewhere names none. */
static int compare(struct pull *p, const struct foreign_archive *a, struct buf *words)
{
	const char *want = text_of(json_object_get(p->metadata, "genstore"), "archive_sha256");
	char hex[HEX_SHA256_SIZE];

	hex_encode(a->sha256, SHA256_SIZE, hex);
	if (!want || !strcmp(want, hex))
		return 0;
	buf_addf(words, "'%s' has the SHA-256 %s, and metadata.json names %s: it was damaged or replaced in the bucket", p->keys[ARCHIVE], hex, want);
	return -EBADMSG;
}

/* It is in the bucket already. */
static int note_synced(struct pull *p, const struct generation *g)
{
	const struct buf *metadata = &p->calls[METADATA].answer.body;
	struct remote_object objects[JOB_OBJECTS];
	int64_t id;
	int r;

	for (size_t i = 0; i < JOB_OBJECTS; i++)
		objects[i] = (struct remote_object){
			.name = (char *)(uintptr_t)job_names[i], .bucket = p->set->bucket, .key = p->keys[i], .etag = p->calls[i].answer.etag,
		};
	if (p->later)
		objects[ARCHIVE].etag = p->etag;
	objects[ARCHIVE].size = g->archive_size;
	memcpy(objects[ARCHIVE].sha256, g->archive_sha256, SHA256_SIZE);
	objects[METADATA].size = (int64_t)metadata->len;
	sha256_of(buf_str(metadata), metadata->len, objects[METADATA].sha256);
	return (r = outbox_add(p->st, g->id, "s3", &id)) ? r : outbox_synced(p->st, id, p->url, objects, JOB_OBJECTS);
}

/* What of the archive stands in metadata.json, where that fits what the bucket lists: else its bytes have to tell. */
static bool knows_archive(struct pull *p)
{
	const json_t *ours = json_object_get(p->metadata, "genstore");
	const char *hex = text_of(ours, "archive_sha256");

	return hex && strlen(hex) == 2 * SHA256_SIZE && !hex_decode(hex, SHA256_SIZE, p->sha256) &&
	       json_integer_value(json_object_get(ours, "archive_size")) == p->listed;
}

/* a NULL: it is left where it is. */
static int receive(struct pull *p, const struct foreign_archive *a, struct generation *ret_g)
{
	const struct buf *metadata = &p->calls[METADATA].answer.body;
	const json_t *ours = json_object_get(p->metadata, "genstore");
	const char *created = text_of(p->metadata, "created_at"), *parent = text_of(ours, "parent_request_id");
	const json_t *number = json_object_get(p->metadata, "generation_number");
	struct foreign_receive how = {
		.request_id = p->request_id, .metadata = buf_str(metadata), .metadata_size = metadata->len, .opaque = a && a->error,
		.app_id = text_of(ours, "app_id"), .parent = parent && id_is_request(parent) ? parent : NULL,
		.number = json_integer_value(number) > 0 ? json_integer_value(number) : 0,
	};
	char when[CLOCK_TEXT];
	int64_t seconds;
	int r;

	if (created && !clock_parse(created, &seconds)) {
		clock_format(seconds, when);
		how.created_at = when;
	}

	TXN t = txn_begin(&p->st->db);

	if ((r = t.error) || (r = a ? foreign_receive(p->f, &how, ret_g) : foreign_receive_later(p->st, &how, p->listed, p->sha256, ret_g)) ||
	    (r = note_synced(p, ret_g)))
		return r;
	return txn_commit(&t);
}

static int try_once(struct pull *p, struct generation *ret_g, struct buf *words)
{
	struct foreign_archive a;
	int r;

	if ((r = take_archive(p, words)))
		return r;
	if (!(r = foreign_end(p->f, &a)) && (r = compare(p, &a, words)))
		return r;
	if (r || (r = receive(p, &a, ret_g)))
		buf_adds(words, genstore_errmsg(p->st));
	else if (a.error)
		buf_addf(words, "its archive cannot be browsed: %s", a.reason);
	return r;
}

static int is_here(struct pull *p, struct buf *words)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_by_request(p->st, p->request_id, &g);

	if (r == -ENOENT)
		return 0;
	buf_addf(words, r ? "%s" : "'%s' is in this store already", r ? genstore_errmsg(p->st) : p->request_id);
	return r ? r : -EEXIST;
}

int pull_finish(struct pull *p, const struct pull_progress *progress, struct generation *ret_g, struct buf *words)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r;

	p->progress = progress;
	if ((r = is_here(p, words)) || (r = read_metadata(p, words)))
		return r;
	p->later = p->later && knows_archive(p);
	if (p->later) {
		if ((r = receive(p, NULL, ret_g)))
			buf_adds(words, genstore_errmsg(p->st));
		return r;
	}
	p->total = json_integer_value(json_object_get(json_object_get(p->metadata, "genstore"), "archive_size"));
	r = -ESTALE;
	/* A collection in another process can take what was staged. */
	for (int i = 0; i < PULL_TRIES && r == -ESTALE; i++) {
		buf_reset(words);
		generation_release(&g);
		r = try_once(p, &g, words);
	}
	if (r)
		return r;
	*ret_g = g;
	g = (struct generation){ 0 };
	return 0;
}
