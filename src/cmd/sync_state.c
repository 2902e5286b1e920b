#include "src/cmd/sync_state.h"
#include "src/sync/lock.h"

void sync_state_release(struct sync_state *s)
{
	outbox_row_release(&s->row);
	free(s->etag);
	*s = (struct sync_state){ 0 };
}

static int get_etag(struct genstore *st, struct sync_state *s)
{
	AUTO(remote_object_release) struct remote_object o = { 0 };
	int r = remote_object_next(st, s->row.id, "", &o);

	if (r <= 0)
		return r;
	s->etag = MOVE(o.etag);
	return 0;
}

int sync_state_get(struct genstore *st, int64_t generation, const char *remote, struct sync_state *ret_s)
{
	AUTO(sync_state_release) struct sync_state s = { .state = "local" };
	bool held = true;
	int r = outbox_find(st, generation, remote, &s.row);

	if (r && r != -ENOENT)
		return r;
	if (!r) {
		s.state = s.row.state;
		/* Whoever had it in hand was killed. */
		if (!strcmp(s.state, "syncing") && (r = lock_held(st, &held)))
			return r;
		if (!held)
			s.state = "queued";
		if ((r = get_etag(st, &s)))
			return r;
	}
	*ret_s = s;
	s = (struct sync_state){ 0 };
	return 0;
}

int sync_state_any(struct genstore *st, bool *ret_any)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM outbox LIMIT 1");
	int r = stmt_step(&q);

	*ret_any = r > 0;
	return r < 0 ? r : 0;
}

static int64_t percent(const struct sync_state *s, int64_t size)
{
	return size > 0 ? min_i64(s->row.sent * 100 / size, 100) : 0;
}

void sync_state_words(const struct sync_state *s, int64_t size, char out[32])
{
	if (strcmp(s->state, "syncing") || !s->row.sent)
		snprintf(out, 32, "%s", s->state);
	else
		snprintf(out, 32, "syncing %lld %%", (long long)percent(s, size));
}

void sync_state_json(struct jw *j, const struct sync_state *s, int64_t size)
{
	jw_str(j, "sync", s->state);
	if (!s->row.id)
		return;
	jw_object(j, s->row.remote);
	jw_str(j, "state", s->state);
	if (!strcmp(s->state, "syncing"))
		jw_int(j, "percentage", percent(s, size));
	jw_str(j, "url", s->row.url);
	jw_str(j, "etag", s->etag);
	jw_str(j, "error", s->row.error);
	jw_int(j, "attempts", s->row.attempts);
	jw_str(j, "queued_at", s->row.queued_at);
	jw_str(j, "updated_at", s->row.updated_at);
	jw_end(j);
}
