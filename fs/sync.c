#include "fs/sync.h"
#include "fs/hooks.h"
#include "store/outbox.h"

#include <sys/wait.h>

/* As it is: what is 'syncing' while nobody is at it waits for the next who is. */
static int state_of(struct view *v, struct genstore *st, struct outbox_row *row, const char **ret_state)
{
	static const char *const states[] = { "failed", "syncing", "queued", "synced" };
	bool sending = true;
	int r = 0;

	if (!strcmp(row->state, "syncing") && v->hooks)
		r = v->hooks->is_sending(st, &sending);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (!strcmp(row->state, states[i]))
			*ret_state = states[i];
	if (!sending)
		*ret_state = "queued";
	return r;
}

/* "local" where it was never asked for. */
static int find(struct view *v, struct genstore *st, int64_t generation, const char *remote, struct outbox_row *ret_row, const char **ret_state)
{
	int r = outbox_find(st, generation, remote, ret_row);

	*ret_state = "local";
	return r ? r == -ENOENT ? 0 : r : state_of(v, st, ret_row, ret_state);
}

int sync_state(struct view *v, struct genstore *st, int64_t generation, char ret_value[XATTR_VALUE_MAX])
{
	static const char *const order[] = { "failed", "syncing", "queued", "synced", "local" };
	size_t first = ARRAY_LEN(order) - 1;

	for (int i = 0; i < OUTBOX_REMOTES; i++) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };
		const char *state;
		int r = find(v, st, generation, outbox_remotes[i], &row, &state);

		if (r)
			return r;
		for (size_t k = 0; k < first; k++)
			if (!strcmp(order[k], state))
				first = k;
	}
	snprintf(ret_value, XATTR_VALUE_MAX, "%s", order[first]);
	return 0;
}

static int synced_words(struct genstore *st, const struct outbox_row *row, struct buf *out)
{
	AUTO(remote_object_release) struct remote_object o = { 0 };
	char hex[HEX_SHA256_SIZE];
	int r = remote_object_next(st, row->id, "", &o);

	buf_addf(out, " %s", row->url ? row->url : "");
	if (r > 0) {
		hex_encode(o.sha256, SHA256_SIZE, hex);
		buf_addf(out, " etag=%s sha256=%s", o.etag, hex);
	}
	buf_addf(out, " at=%s", row->updated_at ? row->updated_at : "");
	return r < 0 ? r : 0;
}

static int percent(struct genstore *st, const struct outbox_row *row, struct buf *out)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_get(st, row->generation, &g);

	if (!r && g.archive_size > 0)
		buf_addf(out, " %lld %%", (long long)min_i64(row->sent * 100 / g.archive_size, 100));
	return r;
}

int sync_remote(struct view *v, struct genstore *st, int64_t generation, const char *remote, char ret_value[XATTR_VALUE_MAX])
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	const char *state;
	int r = find(v, st, generation, remote, &row, &state);

	if (r)
		return r;
	buf_adds(&words, state);
	if (!strcmp(state, "synced"))
		r = synced_words(st, &row, &words);
	else if (!strcmp(state, "syncing"))
		r = percent(st, &row, &words);
	else if (row.error)
		buf_addf(&words, ": %s", row.error);
	if (r || buf_error(&words))
		return r ? r : -ENOMEM;
	snprintf(ret_value, XATTR_VALUE_MAX, "%s", buf_str(&words));
	return 0;
}

int sync_generation(struct view *v, uint64_t ino, int64_t *ret_generation)
{
	struct node n;

	if (!v->hooks || node_of(ino, &n))
		return -EROFS;
	switch (n.kind) {
	case NODE_GENERATION:
	case NODE_ARCHIVE:
	case NODE_METADATA:
	case NODE_LOG:
	case NODE_ITERATIONS:
		*ret_generation = n.id;
		return 0;
	default:
		return -EROFS;
	}
}

static int queue_one(struct genstore *st, int64_t generation, const char *remote, const char *why, bool *ret_waits)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int64_t id;
	int r = outbox_add(st, generation, remote, &id);

	if (r || (r = outbox_get(st, id, &row)))
		return r;
	*ret_waits = strcmp(row.state, "synced") != 0;
	return *ret_waits && why ? outbox_put_back(st, id, false, why, NULL) : 0;
}

int sync_queue(struct view *v, struct genstore *st, int64_t generation, const char *list, bool *ret_send)
{
	AUTO(generation_release) struct generation g = { 0 };
	int i, r;

	*ret_send = false;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = generation_get(st, generation, &g)))
		return r;
	if (!g.metadata_id && generation_is_final(g.status))
		return store_fail(st, -ENODATA, "'%s' has no archive: it is %s; there is nothing to send", g.request_id, g.status);
	while ((i = outbox_remote_next(&list)) >= 0) {
		AUTO(buf_release) struct buf why = BUF_INIT;
		int can = v->hooks->can_send(st, outbox_remotes[i], &why);
		bool waits;

		if ((r = queue_one(st, generation, outbox_remotes[i], can ? buf_str(&why) : NULL, &waits)))
			return r;
		*ret_send |= waits && !can;
	}
	return txn_commit(&t);
}

int sync_cancel(struct genstore *st, int64_t generation)
{
	int64_t count = 0;
	int r;

	TXN t = txn_begin(&st->db);

	r = t.error;
	for (int i = 0; i < OUTBOX_REMOTES && !r; i++) {
		r = outbox_cancel(st, generation, outbox_remotes[i]);
		count += !r;
		r = r == -ENOENT ? 0 : r;
	}
	if (r || (r = txn_commit(&t)))
		return r;
	return count ? 0 : -ENODATA;
}

/* What it could not send is in the outbox, with the reason. */
static bool is_running(struct sender *s)
{
	int status;

	if (s->pid && waitpid(s->pid, &status, WNOHANG) != 0)
		s->pid = 0;
	return s->pid != 0;
}

void sender_look(struct sender *s, const struct view *v, void (*say)(void *arg, const char *line), void *arg)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r;

	if (is_running(s) || !atomic_exchange(&s->wanted, false))
		return;
	if (!(r = v->hooks->send(v->path, &s->pid, &why)))
		return;
	s->pid = 0;
	say(arg, *buf_str(&why) ? buf_str(&why) : strerror(-r));
}
