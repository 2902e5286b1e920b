/* How a generation ends: its last words, its status with its archive, and what is told of it. */
#include "src/facts/tree.h"
#include "src/flow/checkpoint.h"
#include "src/flow/running.h"
#include "src/flow/state.h"
#include "store/outbox.h"

static const char *status_of(enum outcome outcome)
{
	static const char *const names[] = {
		[COMPLETED] = "completed", [FAILED] = "failed", [PAUSED] = "paused", [CANCELLED] = "cancelled",
	};

	return names[outcome];
}

static int pause_it(struct flow *f)
{
	int r = f->session_id ? generation_set_session(f->st, f->g.id, f->session_id) : 0;

	/* It may be paused already, in this process's hand. */
	return r ? r : generation_set_status(f->st, f->g.id, "paused", NULL);
}

/* What ended without an archive has nothing to send. */
static int send_no_more(struct flow *f)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_get(f->st, f->g.id, &g);

	for (int i = 0; i < OUTBOX_REMOTES && !r && !g.metadata_id; i++)
		if ((r = outbox_cancel(f->st, f->g.id, outbox_remotes[i])) == -ENOENT)
			r = 0;
	return r;
}

/* Which tables the app makes: read before the end is written, where nobody waits for it. Without it the end is the same. */
static void read_schema(struct flow *f, struct buf *out)
{
	int r;

	if (f->outcome == PAUSED)
		return;
	do
		r = tree_schema_of(f->st, f->g.id, out);
	while (flow_waits(f, r));
	if (r)
		buf_reset(out);
}

static int write_end(struct flow *f, const struct buf *schema)
{
	const struct completion c = {
		.schema_snapshot = schema->len ? buf_str(schema) : NULL,
		.status = status_of(f->outcome), .error_message = f->outcome == FAILED ? buf_str(&f->error) : NULL,
		.github_url = f->github_url, .github_commit = f->github_commit, .flyio_url = f->flyio_url, .session_id = f->session_id,
	};
	int r;

	TXN t = txn_begin(&f->st->db);

	if (t.error)
		return t.error;
	r = f->outcome == PAUSED ? pause_it(f) : generation_finish(f->st, f->g.id, &c);
	if (!r && f->outcome != PAUSED)
		r = send_no_more(f);
	return r || (r = running_drop(f->st, f->g.request_id)) ? r : txn_commit(&t);
}

/* After a commit that failed nothing more is written with that connection: another one says how it ended, if it can. */
static int write_end_anew(struct flow *f, const struct buf *schema)
{
	AUTO(free_ptr) char *path = strdup(f->st->path);
	int r = path ? genstore_open(f->st, path, 0) : -ENOMEM;

	return r ? r : write_end(f, schema);
}

/* What is in the workspace and in no iteration yet. */
static int keep_rest(struct flow *f)
{
	const struct checkpoint c = {
		.generation = f->g.id, .app = f->workspace.app, .cache = f->workspace.cache, .type = "checkpoint", .label = "before cancel",
		.after = f->iteration, .near = f->tree ? f->tree->id : 0, .max_bytes = f->o->max_bytes,
	};
	int64_t id;
	int r;

	do
		r = checkpoint_take(f->st, &c, &id);
	while (flow_waits(f, r));
	return r ? flow_log(f, "warn", "no snapshot of what was cancelled: %s", *f->st->errmsg ? f->st->errmsg : strerror(-r)) : 0;
}

/* Words for the log, the log itself, the end. */
int flow_end(struct flow *f)
{
	AUTO(buf_release) struct buf schema = BUF_INIT;
	int r = 0;

	f->st->errmsg[0] = '\0';
	if (f->outcome == CANCELLED)
		r = keep_rest(f);
	if (!r && f->budget.left_lines)
		r = flow_log(f, "warn", "left out of the log: %lld lines, %lld bytes", (long long)f->budget.left_lines,
			     (long long)f->budget.left_bytes);
	if (!r && f->outcome == FAILED)
		r = flow_log(f, "error", "failed: %s", buf_str(&f->error));
	else if (f->outcome != COMPLETED && !r)
		r = flow_log(f, "warn", "%s", status_of(f->outcome));
	if (!r)
		r = flow_flush(f);
	/* A log that cannot be kept must not keep the end from being written. */
	if (r)
		flow_broken(f, r);
	read_schema(f, &schema);
	do
		r = write_end(f, &schema);
	while (flow_waits(f, r));
	if (!r)
		return 0;
	if (f->outcome != FAILED)
		flow_fail(f, "cannot write the end: %s", *f->st->errmsg ? f->st->errmsg : strerror(-r));
	r = write_end_anew(f, &schema);
	return r ? store_fail(f->st, r, "%s; genstore pauses this generation at its next start", buf_str(&f->error)) : 0;
}

void flow_fill_result(struct flow *f, struct flow_result *ret)
{
	snprintf(ret->status, sizeof(ret->status), "%s", status_of(f->outcome));
	ret->interrupted = f->interrupts > 0;
	ret->unanswered = f->unanswered;
	ret->error = f->error;
	f->error = (struct buf)BUF_INIT;
	ret->iterations = f->iteration;
	ret->files = f->iteration && f->tree ? f->tree->files : 0;
	ret->bytes = f->iteration && f->tree ? f->tree->bytes : 0;
	ret->duration_ms = clock_ms() - f->began_ms;
	ret->left_out = f->left_out;
	f->left_out = (struct left_out){ 0 };
	ret->log_left_lines = f->budget.left_lines;
	ret->log_left_bytes = f->budget.left_bytes;
	if (cost_total(f->st, f->g.id, &ret->cost))
		ret->cost = (struct cost){ 0 };
	if (f->workspace.path && (f->outcome != COMPLETED || remove_tree(f->workspace.path)))
		ret->workspace = MOVE(f->workspace.path);
}
