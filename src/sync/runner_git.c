/* The outbox's rows for a git host: one generation after the other, as GitHub asks for. */
#include "src/sync/runner_inside.h"

enum { NOTE_MS = 1000 };

/* Between bytes: signs, shows and notes how far it is, and ends it when nobody wants it any more. */
static int tick(void *arg)
{
	struct runner *u = arg;
	struct pollfd fd = { .fd = u->o->wake_fd, .events = POLLIN };
	struct sync_news news = { .kind = SYNC_MOVED, .total = u->total };
	int r;

	if (poll(&fd, 1, 0) > 0)
		return u->stop = -EINTR;
	news.done = u->result->bytes + u->pushed_bytes;
	runner_tell(u, &news);
	if ((r = runner_sign(u)) || clock_ms() - u->noted_ms < NOTE_MS)
		return r;
	u->noted_ms = clock_ms();
	r = outbox_progress(u->st, u->pushed->id, u->pushed_bytes);
	return r == -ENOENT ? -ECANCELED : r;
}

static void on_progress(void *arg, int64_t bytes)
{
	struct runner *u = arg;

	u->pushed_bytes = min_i64(bytes, u->pushed_size);
}

static void on_wait(void *arg, int64_t seconds)
{
	struct runner *u = arg;

	runner_tell(u, &(struct sync_news){ .kind = SYNC_PAUSES, .request_id = u->pushed->request_id, .remote = "github", .done = seconds });
}

void runner_prepare(struct runner *u)
{
	u->publisher.tick = tick;
	u->publisher.progress = on_progress;
	u->publisher.wait = on_wait;
	u->publisher.arg = u;
}

/* The host's moods: what was tried stays in the queue. */
static bool is_passing(int r)
{
	static const int moods[] = { EHOSTUNREACH, ETIMEDOUT, ECONNRESET, EAGAIN };

	for (size_t i = 0; i < ARRAY_LEN(moods); i++)
		if (moods[i] == -r)
			return true;
	return false;
}

/* What the next generation would meet too: -EACCES can be one repository's, but a token that is refused is so for all. */
static bool is_everybodys(int r)
{
	return is_passing(r) || r == -EACCES || r == -ENXIO || r == -EKEYREJECTED || r == -ENOPKG;
}

static int write_failure(struct runner *u, const struct outbox_row *row, int error, struct buf *words)
{
	bool remote = error != -ENODATA && error != -EBADMSG && error != -EUCLEAN;
	struct sync_news news = { .kind = SYNC_FAILED, .request_id = row->request_id, .remote = "github", .r = error };
	char retry[CLOCK_TEXT];
	int r;

	runner_retry_time(row->attempts, retry);
	if (u->publisher.github.retry_at)
		clock_format(u->publisher.github.retry_at, retry);
	if (is_passing(error))
		buf_adds(words, "; it is queued, and 'genstore sync' goes on later");
	if (!words->len)
		buf_adds(words, strerror(-error));
	if ((r = outbox_put_back(u->st, row->id, !is_passing(error), buf_str(words), is_passing(error) ? retry : NULL)))
		return r;
	news.words = buf_str(words);
	runner_note_failure(u, error, remote);
	runner_tell(u, &news);
	return 0;
}

static int write_success(struct runner *u, const struct outbox_row *row, const struct published *done)
{
	const struct outbox_history h = { .url = done->url, .commit = done->commit, .artifacts_url = done->state_url };
	int r = outbox_published(u->st, row->id, &h);

	if (r)
		return r;
	u->result->synced++;
	u->result->bytes += done->bytes;
	runner_tell(u, &(struct sync_news){ .kind = SYNC_SYNCED, .request_id = row->request_id, .remote = "github", .url = done->url,
					    .commit = done->commit });
	return 0;
}

static int publish_row(struct runner *u, const struct outbox_row *row, const struct generation *g)
{
	AUTO(published_release) struct published done = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	int r;

	u->pushed = row;
	u->pushed_bytes = 0;
	u->pushed_size = g->archive_size;
	r = publish(&u->publisher, g, &done, &words);
	u->pushed_bytes = 0;
	u->pushed = NULL;
	if (r == -EINTR || r == -ECANCELED)
		return 0;
	if (r == -ESTALE)
		return r; /* the lock is another one's */
	if (r && is_everybodys(r))
		u->stop = r;
	return r ? write_failure(u, row, r, &words) : write_success(u, row, &done);
}

static int one(struct runner *u, int64_t id)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	AUTO(generation_release) struct generation g = { 0 };
	int r;

	if ((r = outbox_begin(u->st, id)) || (r = outbox_get(u->st, id, &row)) || (r = generation_get(u->st, row.generation, &g)))
		return r;
	return g.metadata_id ? publish_row(u, &row, &g) : runner_no_archive(u, &row);
}

int runner_publish(struct runner *u)
{
	int64_t after = 0;

	while (!u->stop) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };
		int r;

		if ((r = outbox_pending(u->st, after, &row)) <= 0)
			return r;
		after = row.id;
		if (strcmp(row.remote, "github") || !runner_wants(u, &row))
			continue;
		/* -ENOENT: it was cancelled, or removed. */
		if ((r = one(u, row.id)) && r != -ENOENT)
			return r;
	}
	return 0;
}
