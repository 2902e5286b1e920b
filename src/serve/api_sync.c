/* /api/generations/{request_id}/sync: where a generation is, and sending it there. */
#include "src/cmd/sync.h"
#include "src/cmd/sync_state.h"
#include "src/serve/api_generation.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

/*
 * One process that sends, and one that waits for its end: that one finds whatever was queued before it began. So nothing is left behind, however
 * often the button is pressed.
 */
enum { SENDERS_MAX = 2, BODY_MAX = 4096 };

/* Of this program: they outlive the server, and so do the threads that wait for them. */
static atomic_int senders;

static void *wait_for(void *arg)
{
	pid_t pid = (pid_t)(intptr_t)arg;

	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	atomic_fetch_sub(&senders, 1);
	return NULL;
}

static int start(const char *store)
{
	pthread_t thread;
	pid_t pid;
	int r = sync_spawn(store, &pid);

	if (r)
		return r;
	if (pthread_create(&thread, NULL, wait_for, (void *)(intptr_t)pid))
		wait_for((void *)(intptr_t)pid);
	else
		pthread_detach(thread);
	return 0;
}

static int send_queued(const char *store)
{
	int r = atomic_fetch_add(&senders, 1) < SENDERS_MAX ? start(store) : -EBUSY;

	if (r)
		atomic_fetch_sub(&senders, 1);
	return r == -EBUSY ? 0 : r;
}

static int answer(struct request *q, int status, struct genstore *st, const struct generation *g)
{
	AUTO(sync_state_release) struct sync_state s = SYNC_STATE_LOCAL;
	AUTO(buf_release) struct buf body = BUF_INIT;
	struct jw j;
	int r = sync_state_get(st, g->id, &s);

	if (r)
		return reply_store(q, r, st);
	jw_begin(&j, &body, 0);
	jw_object(&j, NULL);
	jw_str(&j, "request_id", g->request_id);
	sync_state_json(&j, &s, g);
	jw_end(&j);
	return reply_json(q, status, &body);
}

static int state(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	return answer(q, 200, l.st, &g);
}

/* {"to":"s3,github"}; NULL: it is not that. Borrowed from o. */
static const char *read_remotes(const json_t *o)
{
	const char *to = json_string_value(json_object_get(o, "to"));

	return to && json_object_size(o) == 1 && !outbox_remotes_check(to) ? to : NULL;
}

/* Settings are the owner's. 1: it was answered that there are none to send with. */
static int check_settings(struct request *q, const char *to)
{
	AUTO(loan_end) struct loan l = { 0 };
	int i, r = api_borrow_any(q, API_READ, &l);

	while (!r && (i = outbox_remote_next(&to)) >= 0) {
		AUTO(buf_release) struct buf why = BUF_INIT;

		if (sync_can_send(l.st, outbox_remotes[i], &why)) {
			r = reply_error(q, 409, buf_str(&why), NULL, false);
			r = r ? r : 1;
		}
	}
	return r;
}

static int queue(struct request *q, const char *to)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_WRITE, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	if (!g.metadata_id)
		return reply_error(q, 409, "it has no archive yet: there is nothing to send", NULL, false);
	if ((r = check_settings(q, to)))
		return api_answered(r);
	if ((r = outbox_add_list(l.st, g.id, to)))
		return reply_store(q, r, l.st);
	if ((r = send_queued(l.st->path)))
		return reply_error(q, 500, "it is queued, and nothing can be started that sends it; 'genstore sync' does", NULL, false);
	return answer(q, 202, l.st, &g);
}

static int post(struct request *q)
{
	json_t *o = json_loadb(buf_str(&q->text), q->text.len, JSON_REJECT_DUPLICATES, NULL);
	const char *to = read_remotes(o);
	int r = to ? queue(q, to) : reply_error(q, 422, "the body is a JSON object whose 'to' is s3, github or s3,github", NULL, false);

	json_decref(o);
	return r;
}

const struct route sync_routes[] = {
	{ "GET", "/api/generations/{request_id}/sync", state, .head = true },
	{ "POST", "/api/generations/{request_id}/sync", post, .body = BODY_MAX },
	{ 0 },
};
