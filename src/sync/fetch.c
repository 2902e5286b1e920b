#include "src/sync/fetch.h"
#include "src/sync/compare.h"
#include "store/evict.h"

#include <openssl/evp.h>

void place_release(struct place *p)
{
	for (size_t i = 0; i < JOB_OBJECTS; i++)
		remote_object_release(&p->objects[i]);
}

static int read_objects(struct genstore *st, int64_t row, struct place *p)
{
	const char *after = "";
	int r;

	/* They come in the order of their names, which is that of job_names. */
	for (size_t i = 0; i < JOB_OBJECTS; i++) {
		if ((r = remote_object_next(st, row, after, &p->objects[i])) < 0)
			return r;
		if (!r || strcmp(p->objects[i].name, job_names[i]))
			return store_fail(st, -EUCLEAN, "the table 'remote_objects' is damaged; run 'genstore check'");
		after = p->objects[i].name;
	}
	return 0;
}

int fetch_find(struct genstore *st, const struct generation *g, struct place *ret_place, struct buf *words)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	AUTO(place_release) struct place p = { 0 };
	int r = outbox_find(st, g->id, "s3", &row);

	if (r == -ENOENT || (!r && strcmp(row.state, "synced"))) {
		buf_addf(words, "'%s' is in no bucket; 'genstore sync %s' sends it", g->request_id, g->request_id);
		return -ENOENT;
	}
	if (r || (r = read_objects(st, row.id, &p))) {
		buf_adds(words, genstore_errmsg(st));
		return r;
	}
	*ret_place = p;
	p = (struct place){ 0 };
	return 0;
}

static bool has_sha256(const struct s3_answer *a, const uint8_t sha256[SHA256_SIZE])
{
	char ours[S3_BASE64_SHA256];

	EVP_EncodeBlock((unsigned char *)ours, sha256, SHA256_SIZE);
	return !strcmp(a->sha256, ours);
}

static int look(struct genstore *st, const struct generation *g, const struct remote_object *sent, const struct s3_answer *a, struct buf *words)
{
	int r;

	if (a->r == -ENOENT)
		buf_addf(words, "'%s' is not in the bucket '%s' any more; nothing is given up", sent->key, sent->bucket);
	else if (a->r)
		buf_addf(words, "'%s': %s", sent->key, buf_str(&a->words));
	if (a->r || (a->size == sent->size && has_sha256(a, sent->sha256)))
		return a->r;
	if ((r = compare_object(st, g->id, sent, a->size, a->etag)) > 0)
		return 0;
	if (r)
		buf_adds(words, genstore_errmsg(st));
	else
		buf_addf(words, "'%s' is another object by now: %lld bytes, ETag %s; %lld bytes, ETag %s were sent; nothing is given up", sent->key,
			 (long long)a->size, a->etag, (long long)sent->size, sent->etag);
	return r ? r : -EBADMSG;
}

/* Both are on their way at once. */
static int ask(struct genstore *st, struct s3 *s3, const struct generation *g, const struct place *p, struct buf *words)
{
	struct s3_call calls[JOB_OBJECTS];
	int r = 0;

	for (size_t i = 0; i < JOB_OBJECTS; i++) {
		s3_head(&calls[i], p->objects[i].key);
		s3_start(s3, &calls[i]);
	}
	for (size_t i = 0; i < JOB_OBJECTS; i++) {
		while (!r && !calls[i].over)
			if (s3_step(s3, 1000) == -EINTR)
				r = -EINTR;
		r = r ? r : look(st, g, &p->objects[i], &calls[i].answer, words);
	}
	for (size_t i = 0; i < JOB_OBJECTS; i++)
		s3_call_release(&calls[i]);
	return r;
}

int fetch_evict(struct genstore *st, struct s3 *s3, const struct generation *g, const struct place *p, int64_t *ret_stay, struct buf *words)
{
	int r;

	if (g->away || memcmp(p->objects[0].sha256, g->archive_sha256, SHA256_SIZE)) {
		buf_addf(words, g->away ? "the bytes of '%s' are in the bucket only already" : "what was sent of '%s' is not its archive", g->request_id);
		return g->away ? -EALREADY : -EBADMSG;
	}
	if ((r = ask(st, s3, g, p, words)))
		return r;
	if ((r = evict_generation(st, g, ret_stay)))
		buf_adds(words, genstore_errmsg(st));
	return r;
}

struct taking {
	struct foreign *f;
	struct s3_call call;
	const struct pull_progress *progress;
	int64_t size;
};

static int take_bytes(void *arg, const void *data, size_t n)
{
	struct taking *t = arg;
	int r;

	/* More than there can be is not waited for. */
	if (t->call.got + (int64_t)n > t->size)
		return -EBADMSG;
	if (!(r = foreign_write(t->f, data, n)) && t->progress)
		t->progress->moved(t->progress->arg, t->call.got + (int64_t)n, t->size);
	return r;
}

static int receive(struct genstore *st, struct s3 *s3, const struct remote_object *o, struct taking *t, struct buf *words)
{
	struct s3_call *call = &t->call;
	int r;

	s3_get(call, o->key, 0, -1);
	call->sink = take_bytes;
	call->sink_arg = t;
	r = s3_wait(s3, call);
	if (r == -EEXIST)
		r = -EAGAIN;
	if (r && call->answer.words.len)
		buf_addf(words, "'%s': %s", o->key, buf_str(&call->answer.words));
	else if (r && r != -EINTR)
		buf_addf(words, "'%s': %s", o->key, r == -EBADMSG ? "it is larger than what was sent: another object is there" : genstore_errmsg(st));
	s3_call_release(call);
	return r;
}

static int try_once(struct genstore *st, struct s3 *s3, const struct generation *g, const struct remote_object *o,
		    const struct pull_progress *progress, struct buf *words)
{
	AUTO(foreign_freep) struct foreign *f = NULL;
	struct taking t = { .progress = progress, .size = g->archive_size };
	struct foreign_archive a;
	int r = foreign_new(st, NULL, &f);

	t.f = f;
	if (r)
		buf_adds(words, genstore_errmsg(st));
	if (r || (r = receive(st, s3, o, &t, words)))
		return r;
	if (!(r = foreign_end(f, &a)) && !(r = foreign_return(f, g->id)))
		return 0;
	buf_adds(words, genstore_errmsg(st));
	return r == -EEXIST ? 0 : r;
}

int fetch_back(struct genstore *st, struct s3 *s3, const struct generation *g, const struct place *p, const struct pull_progress *progress,
	       struct buf *words)
{
	int r = -ESTALE;

	/* A collection in another process can take what was staged. */
	for (int i = 0; i < PULL_TRIES && r == -ESTALE; i++) {
		buf_reset(words);
		r = try_once(st, s3, g, &p->objects[0], progress, words);
	}
	return r;
}
