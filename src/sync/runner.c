#include "src/sync/runner_inside.h"

static void runner_release(struct runner *u)
{
	for (size_t i = 0; i < u->active_count; i++)
		job_free(u->active[i]);
	for (size_t i = 0; i < u->over_count; i++)
		job_free(u->over[i]);
	idlist_release(&u->claimed);
	s3_free(u->s3);
	s3_free(u->s3_artifacts);
	settings_release(&u->set_artifacts);
	publisher_close(&u->publisher);
	settings_release(&u->set);
}

/* With these it makes no sense to try the next one. */
bool runner_stops_all(int r)
{
	static const int all[] = { ENETUNREACH, EKEYREJECTED, EKEYEXPIRED, ETIME, ENXIO, ENOSPC, EACCES };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] == -r)
			return true;
	return false;
}

bool runner_is_passing(int r)
{
	return r == -ENETUNREACH || r == -ETIMEDOUT || r == -ECONNRESET || r == -EAGAIN;
}

void runner_retry_time(int64_t attempts, char out[CLOCK_TEXT])
{
	int64_t most = min_i64(RUNNER_PAUSE_MAX_MS, (int64_t)RUNNER_PAUSE_MS << min_i64(attempts, 20));
	uint32_t random = 0;

	id_random(&(struct id_source){ 0 }, &random, sizeof(random));
	clock_format(clock_now(&(struct clock){ 0 }) + 1 + random % (most + 1) / 1000, out);
}

bool runner_is_due(const char *retry_at)
{
	int64_t at;

	return !retry_at || clock_parse(retry_at, &at) || at <= clock_now(&(struct clock){ 0 });
}

static bool is_listed(const struct runner *u, const struct outbox_row *row)
{
	const struct idlist *only = u->o->only;
	bool listed = !only;

	for (size_t i = 0; only && i < only->count && !listed; i++)
		listed = only->ids[i] == row->id;
	return listed;
}

static bool is_s3(const struct outbox_row *row)
{
	return !strcmp(row->remote, "s3");
}

bool runner_wants(const struct runner *u, const struct outbox_row *row)
{
	return is_listed(u, row) && (is_s3(row) ? u->s3 != NULL : u->can_publish) && (!u->o->watch || runner_is_due(row->retry_at));
}

void runner_tell(const struct runner *u, const struct sync_news *news)
{
	if (u->o->tell)
		u->o->tell(u->o->arg, news);
}

/* The next rows become ours, in one transaction. */
static int claim(struct runner *u)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r;

	u->claimed.count = u->claimed_at = 0;

	TXN t = txn_begin(&u->st->db);

	if ((r = t.error))
		return r;
	while (!u->round_over && u->claimed.count < RUNNER_BATCH) {
		if ((r = outbox_pending(u->st, u->cursor, &row)) < 0)
			return r;
		u->round_over = !r;
		u->cursor = r ? row.id : u->cursor;
		if (r && is_s3(&row) && runner_wants(u, &row) && ((r = outbox_begin(u->st, row.id)) || (r = idlist_add(&u->claimed, row.id))))
			return r;
		outbox_row_release(&row);
	}
	return txn_commit(&t);
}

static bool is_final(const char *status)
{
	return !strcmp(status, "completed") || !strcmp(status, "failed") || !strcmp(status, "cancelled");
}

void runner_note_failure(struct runner *u, int r, bool remote)
{
	u->result->failed++;
	if (u->result->r)
		return;
	u->result->r = r;
	u->result->remote = remote;
}

/* It is sent once there is an archive; where there never will be one, it is taken out. */
int runner_no_archive(struct runner *u, const struct outbox_row *row)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	char retry[CLOCK_TEXT];
	bool final;
	int r;

	if ((r = generation_get(u->st, row->generation, &g)))
		return r;
	final = is_final(g.status);
	runner_retry_time(0, retry);
	r = final ? outbox_cancel(u->st, row->generation, row->remote) : outbox_put_back(u->st, row->id, false, NULL, retry);
	buf_addf(&words, "it is %s%s", g.status, final ? " and has no archive: there is nothing to send" : ": it is sent once it is complete");
	runner_tell(u, &(struct sync_news){ .kind = SYNC_WAITS, .request_id = row->request_id, .remote = row->remote, .words = buf_str(&words) });
	return r;
}

/* The store does not give it out. */
static int not_readable(struct runner *u, const struct outbox_row *row, int error)
{
	AUTO(free_ptr) char *words = strdup(genstore_errmsg(u->st));
	int r = outbox_put_back(u->st, row->id, true, words, NULL);

	runner_note_failure(u, error, false);
	runner_tell(u, &(struct sync_news){ .kind = SYNC_FAILED, .request_id = row->request_id, .remote = row->remote, .r = error,
					    .words = words ? words : "no memory" });
	return r;
}

static int begin_one(struct runner *u, int64_t id)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r = outbox_get(u->st, id, &row);

	/* It was cancelled. */
	if (r)
		return r == -ENOENT ? 0 : r;
	r = job_new(u->st, u->s3, &u->set, &u->memory, &row, &u->active[u->active_count]);
	if (!r) {
		u->active_count++;
		return 0;
	}
	r = r == -EAGAIN ? runner_no_archive(u, &row) : not_readable(u, &row, r);
	/* It was cancelled, or removed. */
	return r == -ENOENT ? 0 : r;
}

static int begin_some(struct runner *u)
{
	int r = 0;

	while (!r && !u->stop && u->active_count < RUNNER_JOBS && u->active_count + u->over_count < RUNNER_BATCH) {
		if (u->claimed_at == u->claimed.count && (u->round_over || (r = claim(u)) || !u->claimed.count))
			break;
		r = begin_one(u, u->claimed.ids[u->claimed_at++]);
	}
	return r;
}

static int write_one(struct runner *u, const struct job *j)
{
	struct remote_object objects[JOB_OBJECTS];
	char retry[CLOCK_TEXT];

	if (!j->r) {
		job_objects(j, objects);
		return outbox_synced(u->st, j->row.id, j->url, objects, JOB_OBJECTS);
	}
	if (j->r == -ECANCELED)
		return -ENOENT;
	runner_retry_time(j->row.attempts, retry);
	return outbox_put_back(u->st, j->row.id, !runner_is_passing(j->r), buf_str(&j->words), retry);
}

static void tell_one(struct runner *u, const struct job *j, bool gone)
{
	struct remote_object objects[JOB_OBJECTS];
	struct sync_news news = {
		.kind = j->r ? SYNC_FAILED : SYNC_SYNCED, .request_id = j->row.request_id, .remote = "s3", .url = j->url, .objects = objects, .r = j->r,
		.words = buf_str(&j->words),
	};

	if (gone)
		return;
	job_objects(j, objects);
	if (j->r)
		runner_note_failure(u, j->r, true);
	else
		u->result->synced++;
	runner_tell(u, &news);
}

/* Results become durable together, and are told then. */
static int write_results(struct runner *u)
{
	bool gone[RUNNER_BATCH] = { false };
	int r;

	if (!u->over_count)
		return 0;

	TXN t = txn_begin(&u->st->db);

	if ((r = t.error))
		return r;
	for (size_t i = 0; i < u->over_count; i++) {
		r = write_one(u, u->over[i]);
		gone[i] = r == -ENOENT;
		if (r && !gone[i])
			return r;
	}
	if ((r = txn_commit(&t)))
		return r;
	for (size_t i = 0; i < u->over_count; i++) {
		tell_one(u, u->over[i], gone[i]);
		job_free(u->over[i]);
	}
	u->over_count = 0;
	return 0;
}

static void pump(struct runner *u)
{
	for (size_t i = 0; i < u->active_count;) {
		struct job *j = u->active[i];

		if (!job_pump(j)) {
			i++;
			continue;
		}
		if (!u->over_count)
			u->over_since_ms = clock_ms();
		u->over[u->over_count++] = j;
		u->active[i] = u->active[--u->active_count];
		u->result->bytes += j->r ? 0 : job_size(j);
		if (j->r && runner_stops_all(j->r))
			u->stop = j->r;
	}
}

static void tell_moved(struct runner *u)
{
	struct sync_news news = { .kind = SYNC_MOVED, .done = u->result->bytes, .total = u->total };

	for (size_t i = 0; i < u->active_count; i++)
		news.done += job_moved(u->active[i]);
	runner_tell(u, &news);
}

int runner_sign(struct runner *u)
{
	if (clock_ms() - u->signed_ms < LOCK_SIGN_S * 1000)
		return 0;
	u->signed_ms = clock_ms();
	return lock_sign(u->st);
}

/* All that is pending, once. */
static int run_round(struct runner *u)
{
	int r;

	u->cursor = 0;
	u->round_over = false;
	u->claimed.count = u->claimed_at = 0;
	for (;;) {
		if ((r = begin_some(u)) || (r = runner_sign(u)))
			return r;
		pump(u);
		tell_moved(u);
		if (u->over_count && (!u->active_count || u->over_count > RUNNER_BATCH - RUNNER_JOBS ||
				      clock_ms() - u->over_since_ms >= RUNNER_BATCH_MS) && (r = write_results(u)))
			return r;
		if (!u->active_count && (u->stop || (u->round_over && u->claimed_at == u->claimed.count)))
			return 0;
		if (s3_step(u->s3, u->over_count ? RUNNER_BATCH_MS : 1000) == -EINTR) {
			u->stop = -EINTR;
			return write_results(u);
		}
	}
}

int runner_give_up_orphans(struct runner *u, struct s3 *s3, const char *bucket)
{
	int64_t last = 0;
	int r;

	for (;;) {
		AUTO(upload_release) struct upload orphan = { 0 };
		struct s3_call c;

		if ((r = upload_orphan(u->st, last, &orphan)) <= 0)
			return r;
		last = orphan.id;
		if (strcmp(orphan.bucket, bucket))
			continue;
		s3_upload_abort(&c, orphan.key, orphan.upload_id);
		r = s3_wait(s3, &c);
		s3_call_release(&c);
		u->stop = r == -EINTR ? r : u->stop;
		if (u->stop || runner_is_passing(r) || runner_stops_all(r))
			return 0;
		if ((r = upload_drop(u->st, orphan.id)))
			return r;
	}
}

static int total_of(struct runner *u, int64_t id, int64_t *total)
{
	STMT q = db_stmt(&u->st->db, "SELECT coalesce(sum(coalesce(s.size, c.size)), 0) FROM outbox AS o"
				     " JOIN archive AS a ON a.generation_request_id = o.generation_request_id"
				     " LEFT JOIN seal AS s ON s.id = a.seal_id LEFT JOIN content AS c ON c.id = a.content_id"
				     " WHERE o.state <> 'synced' AND (?1 = 0 OR o.id = ?1)");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	*total += col_i64(&q, 0);
	return 0;
}

static int add_up(struct runner *u)
{
	const struct idlist *only = u->o->only;
	int r = 0;

	u->total = u->result->bytes;
	if (!only)
		return total_of(u, 0, &u->total);
	for (size_t i = 0; i < only->count && !r; i++)
		r = total_of(u, only->ids[i], &u->total);
	return r;
}

/* True when there is a signal. */
static bool rest(const struct runner *u, int ms)
{
	struct pollfd fd = { .fd = u->o->wake_fd, .events = POLLIN };

	return poll(&fd, 1, ms) > 0;
}

static int work(struct runner *u)
{
	int r;

	u->signed_ms = clock_ms();
	if ((r = u->s3 ? runner_give_up_orphans(u, u->s3, u->set.bucket) : 0) || (r = add_up(u)) || (r = u->s3 ? run_round(u) : 0))
		return r;
	/* A bucket that is out of reach says nothing of another, and of the git host. */
	if (u->stop != -EINTR)
		u->stop = 0;
	if (!u->stop && (r = runner_send_artifacts(u)))
		return r;
	if (u->stop != -EINTR)
		u->stop = 0;
	return u->can_publish ? runner_publish(u) : 0;
}

static int count_artifacts(struct runner *u, bool wanted, bool with_failed, int64_t *count)
{
	int64_t after = 0;
	int r;

	for (;;) {
		AUTO(artifact_remote_release) struct artifact_remote row = { 0 };

		if ((r = artifact_remote_pending(u->st, after, &row)) <= 0)
			return r;
		after = row.id;
		*count += (!wanted || runner_wants_artifact(u, &row)) && (with_failed || strcmp(row.state, "failed"));
	}
}

/* How many are in the outbox; of the wanted ones only, and without those that failed, where that is asked. */
static int count_rows(struct runner *u, bool wanted, bool with_failed, int64_t *ret_count)
{
	int64_t after = 0;
	int r;

	*ret_count = 0;
	for (;;) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };

		if ((r = outbox_pending(u->st, after, &row)) < 0)
			return r;
		if (!r)
			return count_artifacts(u, wanted, with_failed, ret_count);
		after = row.id;
		*ret_count += (!wanted || runner_wants(u, &row)) && (with_failed || strcmp(row.state, "failed"));
	}
}

/* Another process has the lock: until it is through with ours, or gone. 1: it is through, 0: its lock is free. */
static int watch_other(struct runner *u)
{
	bool held = true;
	int64_t waiting = 1;
	int r = 0;

	runner_tell(u, &(struct sync_news){ .kind = SYNC_ELSEWHERE });
	while (!r && held && waiting) {
		if (rest(u, RUNNER_LOOK_MS)) {
			u->stop = -EINTR;
			return 1;
		}
		if (!(r = lock_held(u->st, &held)))
			r = count_rows(u, true, false, &waiting);
	}
	return r ? r : !waiting && !u->o->watch;
}

static int run_once(struct runner *u)
{
	int r;

	while ((r = lock_take(u->st)) == -EBUSY)
		if ((r = watch_other(u)))
			return r > 0 ? 0 : r;
	if (r)
		return r;
	r = work(u);
	/* What is in hand is let go, then said to be queued. */
	while (u->active_count)
		job_free(u->active[--u->active_count]);
	lock_drop(u->st);
	return r;
}

/* Until there is something to do: another row, or the time of a retry. */
static int idle(struct runner *u)
{
	int64_t waiting = 0;
	int r = 0;

	while (!r && !waiting) {
		if (rest(u, 1000)) {
			u->stop = -EINTR;
			return 0;
		}
		r = count_rows(u, true, true, &waiting);
	}
	return r;
}

static int open_bucket(struct runner *u, struct buf *why)
{
	struct s3_options o;
	int r = settings_load(u->st, NULL, NULL, &u->set, why);

	if (r)
		return r;
	o = settings_options(&u->set);
	o.wake_fd = u->o->wake_fd;
	return s3_new(&o, &u->s3, why);
}

/* Whether there is anything for the bucket, and for the git host. */
static int look_for_rows(struct runner *u, bool *ret_s3, bool *ret_git)
{
	int64_t after = 0;
	int r;

	for (;;) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };

		if ((r = outbox_pending(u->st, after, &row)) <= 0)
			return r;
		after = row.id;
		if (is_listed(u, &row))
			*(is_s3(&row) ? ret_s3 : ret_git) = true;
	}
}

static int look_for_artifacts(struct runner *u, bool *ret_any)
{
	AUTO(artifact_remote_release) struct artifact_remote row = { 0 };
	int r = u->o->only ? 0 : artifact_remote_pending(u->st, 0, &row);

	*ret_any |= r > 0;
	return r < 0 ? r : 0;
}

/* What cannot be used matters where there is something for it, or where nothing can be used. *ret_unable: that error. */
static int open_remotes(struct runner *u, int *ret_unable, struct buf *why)
{
	AUTO(buf_release) struct buf of_s3 = BUF_INIT, of_git = BUF_INIT, of_artifacts = BUF_INIT;
	bool for_s3 = false, for_git = false, for_artifacts = u->o->artifacts;
	int r = look_for_rows(u, &for_s3, &for_git), s3, git, artifacts = 0;

	if (!r)
		r = look_for_artifacts(u, &for_artifacts);

	if (r) {
		buf_adds(why, genstore_errmsg(u->st));
		return r;
	}
	s3 = open_bucket(u, &of_s3);
	git = publisher_open(&u->publisher, u->st, &of_git);
	u->can_publish = !git;
	runner_prepare(u);
	if (for_artifacts && (artifacts = runner_open_artifacts(u, &of_artifacts)) && !(s3 && for_s3) && !(git && for_git)) {
		buf_adds(why, buf_str(&of_artifacts));
		*ret_unable = artifacts;
		return s3 && git ? artifacts : 0;
	}
	if (!for_artifacts && u->o->watch)
		runner_open_artifacts(u, &of_artifacts); /* there may be some later */
	for_s3 |= git && !for_git && !for_artifacts;
	*ret_unable = s3 && for_s3 ? s3 : git && for_git ? git : 0;
	buf_adds(why, s3 && for_s3 ? buf_str(&of_s3) : git && for_git ? buf_str(&of_git) : "");
	return s3 && git && !u->s3_artifacts ? *ret_unable : 0;
}

int sync_run(struct genstore *st, const struct sync_options *o, struct sync_result *ret_result, struct buf *why)
{
	struct sync_result result = { 0 };
	AUTO(runner_release) struct runner u = { .st = st, .o = o, .result = &result };
	int unable = 0, r = open_remotes(&u, &unable, why);

	if (r)
		return r;
	do {
		u.stop = 0;
		r = run_once(&u);
		if (!r && o->watch && u.stop != -EINTR)
			r = idle(&u);
	} while (!r && o->watch && u.stop != -EINTR);
	result.interrupted = u.stop == -EINTR;
	if (r || (r = count_rows(&u, false, true, &result.left))) {
		buf_reset(why);
		buf_adds(why, genstore_errmsg(st));
		return r;
	}
	*ret_result = result;
	return unable;
}
