/* GET /api/generations/{request_id}/log: what the generator said so far, as text. Who wants more of it as it comes takes the events. */
#include "src/serve/api_generation.h"
#include "store/event.h"

enum { BLOCK = 64 << 10 };

struct tail {
	struct pool *pool;
	struct access_subject subject;
	int64_t generation, size; /* of the log when it was asked for: it only grows */
};

static ssize_t next(void *arg, uint64_t at, char *out, size_t n)
{
	const struct tail *t = arg;
	AUTO(loan_end) struct loan l = { .pool = t->pool, .subject = t->subject };
	int64_t left = t->size - (int64_t)at;
	ssize_t got;

	if (left <= 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (loan_begin(&l, NULL))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	got = log_read(l.st, t->generation, (int64_t)at, (size_t)min_i64(left, (int64_t)n), out);
	return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static int log_text(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct tail *t;
	int64_t size;
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	if ((r = log_size(l.st, g.id, &size)))
		return reply_store(q, r, l.st);
	if (!(t = calloc(1, sizeof(*t))))
		return -ENOMEM;
	*t = (struct tail){ l.pool, l.subject, g.id, size };
	return reply_stream(q, "text/plain; charset=utf-8", BLOCK, next, t, free);
}

const struct route log_routes[] = {
	{ "GET", "/api/generations/{request_id}/log", log_text, .head = true },
	{ 0 },
};
