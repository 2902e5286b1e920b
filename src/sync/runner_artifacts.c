/* The typed artifacts of the outbox: several at a time, into a bucket that can be another one. */
#include "src/config/resolve.h"
#include "src/sync/artifact_job.h"
#include "src/sync/runner_inside.h"

enum { ROUNDS = 3 }; /* for one that is replaced while it is sent */

struct sending {
	struct runner *u;
	struct artifact_job *active[RUNNER_JOBS];
	size_t count;
	int64_t cursor;
	bool over; /* no more rows */
};

static void sending_release(struct sending *s)
{
	while (s->count)
		artifact_job_free(s->active[--s->count]);
}

int runner_open_artifacts(struct runner *u, struct buf *why)
{
	AUTO(free_ptr) char *bucket = NULL;
	struct s3_options o;
	int r;

	if ((r = setting_get(u->st, "s3.artifacts_bucket", &bucket, why)) || (r = settings_load(u->st, bucket, NULL, &u->set_artifacts, why)))
		return r;
	o = settings_options(&u->set_artifacts);
	o.wake_fd = u->o->wake_fd;
	return s3_new(&o, &u->s3_artifacts, why);
}

bool runner_wants_artifact(const struct runner *u, const struct artifact_remote *row)
{
	return (!u->o->only || u->o->artifacts) && u->s3_artifacts && (!u->o->watch || runner_is_due(row->retry_at));
}

static void tell(const struct runner *u, enum sync_kind kind, const char *path, const char *url, int error, const char *words)
{
	runner_tell(u, &(struct sync_news){ .kind = kind, .storage_path = path, .remote = "s3", .url = url, .r = error, .words = words });
}

/* It is not readable here. */
static int write_unreadable(struct runner *u, const struct artifact_remote *row, int error)
{
	AUTO(free_ptr) char *words = strdup(genstore_errmsg(u->st));
	int r = artifact_remote_put_back(u->st, row->id, true, words, NULL);

	runner_note_failure(u, error, false);
	tell(u, SYNC_FAILED, row->storage_path, NULL, error, words ? words : "no memory");
	return r;
}

static int begin_one(struct sending *s, struct artifact_remote *row, int round)
{
	struct runner *u = s->u;
	int r = artifact_remote_begin(u->st, row->id);

	if (!r)
		r = artifact_job_new(u->st, u->s3_artifacts, &u->set_artifacts, &u->memory, row, &s->active[s->count]);
	/* It was cancelled, or removed. */
	if (r)
		return r == -ENOENT ? 0 : write_unreadable(u, row, r);
	s->active[s->count++]->round = round;
	return 0;
}

static int begin_some(struct sending *s)
{
	int r = 0;

	while (!r && !s->u->stop && !s->over && s->count < RUNNER_JOBS) {
		AUTO(artifact_remote_release) struct artifact_remote row = { 0 };

		if ((r = artifact_remote_pending(s->u->st, s->cursor, &row)) < 0)
			return r;
		s->over = !r;
		s->cursor = r ? row.id : s->cursor;
		r = r && runner_wants_artifact(s->u, &row) ? begin_one(s, &row, 0) : 0;
	}
	return r;
}

static int write_failure(struct runner *u, const struct artifact_job *j)
{
	char retry[CLOCK_TEXT];
	int r;

	if (j->r == -ECANCELED)
		return 0;
	runner_retry_time(j->row.attempts, retry);
	if ((r = artifact_remote_put_back(u->st, j->row.id, !runner_is_passing(j->r), buf_str(&j->words), retry)))
		return r == -ENOENT ? 0 : r;
	runner_note_failure(u, j->r, true);
	tell(u, SYNC_FAILED, j->row.storage_path, NULL, j->r, buf_str(&j->words));
	return 0;
}

static int write_success(struct runner *u, const struct artifact_job *j, bool *ret_again)
{
	struct artifact_remote there = {
		.bucket = (char *)(uintptr_t)j->bucket, .key = j->key, .etag = (char *)(uintptr_t)j->etag, .size = object_size(j->object),
	};
	int r;

	memcpy(there.sha256, j->sha256, SHA256_SIZE);
	if ((r = artifact_remote_done(u->st, j->row.id, &j->artifact, &there, ret_again)))
		return r == -ENOENT ? 0 : r;
	u->result->bytes += there.size;
	if (*ret_again)
		return 0;
	u->result->synced++;
	tell(u, SYNC_SYNCED, j->row.storage_path, j->url, 0, NULL);
	return 0;
}

/* Its place is free then. */
static int finish(struct sending *s, size_t at)
{
	struct artifact_job *j = s->active[at];
	AUTO(artifact_remote_release) struct artifact_remote row = { 0 };
	bool again = false;
	int round = j->round, r;

	s->active[at] = s->active[--s->count];
	if (j->r && runner_stops_all(j->r))
		s->u->stop = j->r;
	r = j->r ? write_failure(s->u, j) : write_success(s->u, j, &again);
	if (!r && again && round < ROUNDS && (r = artifact_remote_get(s->u->st, j->row.storage_path, &row)) == -ENOENT)
		r = 0;
	artifact_job_free(j);
	return !r && row.id ? begin_one(s, &row, round + 1) : r;
}

static int pump(struct sending *s)
{
	int r = 0;

	for (size_t i = 0; i < s->count && !r;) {
		if (!artifact_job_pump(s->active[i]))
			i++;
		else
			r = finish(s, i);
	}
	return r;
}

static void tell_moved(const struct sending *s)
{
	struct sync_news news = { .kind = SYNC_MOVED, .done = s->u->result->bytes, .total = s->u->total };

	for (size_t i = 0; i < s->count; i++)
		news.done += artifact_job_moved(s->active[i]);
	runner_tell(s->u, &news);
}

static int add_up(struct runner *u)
{
	STMT q = db_stmt(&u->st->db, "SELECT coalesce(sum(a.file_size), 0) FROM artifact_remotes AS o JOIN artifacts AS a ON a.storage_path = o.storage_path"
				     " WHERE o.state <> 'synced'");
	int r = stmt_step(&q);

	u->total = u->result->bytes + (r > 0 ? col_i64(&q, 0) : 0);
	return r < 0 ? r : 0;
}

int runner_send_artifacts(struct runner *u)
{
	AUTO(sending_release) struct sending s = { .u = u };
	int r;

	if ((u->o->only && !u->o->artifacts) || !u->s3_artifacts)
		return 0;
	if ((r = runner_give_up_orphans(u, u->s3_artifacts, u->set_artifacts.bucket)) || (r = add_up(u)))
		return r;
	while (!(r = begin_some(&s)) && !(r = runner_sign(u))) {
		if ((r = pump(&s)))
			return r;
		tell_moved(&s);
		if (!s.count && (u->stop || s.over))
			return 0;
		if (s.count && s3_step(u->s3_artifacts, 1000) == -EINTR) {
			u->stop = -EINTR;
			return 0;
		}
	}
	return r;
}
