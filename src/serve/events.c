#include "src/serve/events.h"
#include "src/serve/api.h"
#include "store/event.h"
#include "store/generation.h"

#include <poll.h>

enum { LOOK_MS = 150, SILENCE_MS = 15000, AT_ONCE = 64, BLOCK = 64 << 10 };

struct events {
	struct server *server;
	struct pool *pool;
	struct access_subject subject; /* whose stream it is */
	int64_t generation, position, spoke_ms;
	char status[16];
	struct buf waiting; /* bytes that are to be sent, from `sent` on */
	size_t sent;
	bool over;
};

static void add_event(struct events *e, const struct event *of)
{
	struct buf *out = &e->waiting;
	struct jw j;

	/* A message may be called like ours are: those are told apart by having an id. */
	buf_addf(out, "id: %lld\nevent: %s\ndata: ", (long long)of->position, of->type);
	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "at", of->at);
	jw_str(&j, "level", of->level);
	jw_str(&j, "line", of->line);
	jw_end(&j);
	buf_adds(out, "\n\n");
	e->position = of->position;
}

static void add_status(struct events *e, const struct generation *g)
{
	struct jw j;

	snprintf(e->status, sizeof(e->status), "%s", g->status);
	buf_adds(&e->waiting, "event: status\ndata: ");
	jw_begin(&j, &e->waiting, 0);
	jw_object(&j, NULL);
	jw_str(&j, "status", g->status);
	jw_int(&j, "current_iteration", g->current_iteration);
	jw_str(&j, "error_message", g->error_message);
	jw_end(&j);
	buf_adds(&e->waiting, "\n\n");
}

/* The state before the lines: what is final then has no lines behind those that are read now. */
static int look(struct events *e, struct genstore *st)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_get(st, e->generation, &g);

	if (r == -ENOENT) {
		buf_adds(&e->waiting, "event: end\ndata: {\"status\":\"removed\"}\n\n");
		e->over = true;
		return 0;
	}
	if (r)
		return r;
	r = 1;
	for (int i = 0; i < AT_ONCE && r > 0; i++) {
		AUTO(event_release) struct event one = { 0 };

		if ((r = event_next(st, e->generation, e->position, &one)) > 0)
			add_event(e, &one);
	}
	if (r < 0)
		return r;
	if (strcmp(e->status, g.status) != 0)
		add_status(e, &g);
	if (!r && generation_is_final(g.status)) {
		buf_addf(&e->waiting, "event: end\ndata: {\"status\":\"%s\"}\n\n", g.status);
		e->over = true;
	}
	return buf_error(&e->waiting);
}

static int fill(struct events *e)
{
	AUTO(loan_end) struct loan l = { .pool = e->pool, .subject = e->subject };
	int r = loan_begin(&l, NULL);

	buf_reset(&e->waiting);
	e->sent = 0;
	return r ? r : look(e, l.st);
}

static ssize_t next(void *arg, uint64_t at UNUSED, char *out, size_t n)
{
	struct events *e = arg;

	while (e->sent == e->waiting.len) {
		if (e->over || server_is_ending(e->server))
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (fill(e))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (e->waiting.len)
			break;
		/* Who has left is noticed by what cannot be sent to him. */
		if (clock_ms() - e->spoke_ms >= SILENCE_MS)
			buf_adds(&e->waiting, ":\n\n");
		else
			poll(NULL, 0, LOOK_MS);
	}
	e->spoke_ms = clock_ms();
	n = e->waiting.len - e->sent < n ? e->waiting.len - e->sent : n;
	memcpy(out, e->waiting.data + e->sent, n);
	e->sent += n;
	return (ssize_t)n;
}

static void release(void *arg)
{
	struct events *e = arg;

	buf_release(&e->waiting);
	free(e);
}

int events_reply(struct request *q, const struct loan *l, int64_t generation)
{
	const char *last = request_header(q, "Last-Event-ID");
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct events){ .server = q->server, .pool = l->pool, .subject = l->subject, .generation = generation, .position = -1, .spoke_ms = clock_ms() };
	if (last && *last && strspn(last, "0123456789") == strlen(last) && strlen(last) < 18)
		e->position = strtoll(last, NULL, 10);
	return reply_stream(q, "text/event-stream", BLOCK, next, e, release);
}
