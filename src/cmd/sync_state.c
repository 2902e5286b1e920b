#include "src/cmd/sync_state.h"
#include "src/sync/lock.h"

void sync_state_release(struct sync_state *s)
{
	for (int i = 0; i < OUTBOX_REMOTES; i++) {
		outbox_row_release(&s->places[i].row);
		free(s->places[i].etag);
	}
	*s = (struct sync_state)SYNC_STATE_LOCAL;
}

static int get_etag(struct genstore *st, struct sync_place *p)
{
	AUTO(remote_object_release) struct remote_object o = { 0 };
	int r = remote_object_next(st, p->row.id, "", &o);

	if (r <= 0)
		return r;
	p->etag = MOVE(o.etag);
	return 0;
}

static int get_place(struct genstore *st, int64_t generation, const char *remote, struct sync_place *p)
{
	bool held = true;
	int r = outbox_find(st, generation, remote, &p->row);

	if (r)
		return r == -ENOENT ? 0 : r;
	p->state = p->row.state;
	/* Whoever had it in hand was killed. */
	if (!strcmp(p->state, "syncing") && (r = lock_held(st, &held)))
		return r;
	if (!held)
		p->state = "queued";
	return get_etag(st, p);
}

/* How much attention it needs, 0 the most. */
static size_t rank(const struct sync_place *p)
{
	static const char *const order[] = { "failed", "syncing", "queued", "synced" };
	size_t i = 0;

	while (i < ARRAY_LEN(order) && strcmp(order[i], p->state) != 0)
		i++;
	return i;
}

int sync_state_get(struct genstore *st, int64_t generation, struct sync_state *ret_s)
{
	AUTO(sync_state_release) struct sync_state s = SYNC_STATE_LOCAL;

	for (int i = 0; i < OUTBOX_REMOTES; i++) {
		int r = get_place(st, generation, outbox_remotes[i], &s.places[i]);

		if (r)
			return r;
		if (rank(&s.places[i]) < rank(&s.places[s.first]))
			s.first = i;
	}
	*ret_s = s;
	s = (struct sync_state)SYNC_STATE_LOCAL;
	return 0;
}

int sync_state_any(struct genstore *st, bool *ret_any)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM outbox LIMIT 1");
	int r = stmt_step(&q);

	*ret_any = r > 0;
	return r < 0 ? r : 0;
}

static int64_t percent(const struct sync_place *p, int64_t size)
{
	return size > 0 ? min_i64(p->row.sent * 100 / size, 100) : 0;
}

void sync_state_words(const struct sync_place *p, int64_t size, char out[32])
{
	if (strcmp(p->state, "syncing") || !p->row.sent)
		snprintf(out, 32, "%s", p->state);
	else
		snprintf(out, 32, "syncing %lld %%", (long long)percent(p, size));
}

static void place_json(struct jw *j, const struct sync_place *p, const struct generation *g)
{
	jw_object(j, p->row.remote);
	jw_str(j, "state", p->state);
	if (!strcmp(p->state, "syncing"))
		jw_int(j, "percentage", percent(p, g->archive_size));
	jw_str(j, "url", p->row.url);
	if (strcmp(p->row.remote, "s3"))
		jw_str(j, "commit", strcmp(p->state, "synced") ? NULL : g->github_commit);
	else
		jw_str(j, "etag", p->etag);
	jw_str(j, "error", p->row.error);
	jw_int(j, "attempts", p->row.attempts);
	jw_str(j, "queued_at", p->row.queued_at);
	jw_str(j, "updated_at", p->row.updated_at);
	jw_end(j);
}

void sync_state_json(struct jw *j, const struct sync_state *s, const struct generation *g)
{
	jw_str(j, "sync", s->places[s->first].state);
	for (int i = 0; i < OUTBOX_REMOTES; i++)
		if (s->places[i].row.id)
			place_json(j, &s->places[i], g);
}
