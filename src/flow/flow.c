#include "src/flow/flow.h"
#include "src/flow/resume.h"
#include "src/flow/running.h"
#include "src/flow/state.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

enum {
	QUIET_MS = 60000,                          /* of silence, until the stdin of what has not said ready is closed */
	FAREWELL_MS = 10000,                       /* for a generator to say that it is ready to be shut down */
	GONE_MS = SPAWN_GRACE_MS + 10000,          /* for the keeper to end everything */
};

void flow_result_release(struct flow_result *r)
{
	buf_release(&r->error);
	left_out_release(&r->left_out);
	free(r->workspace);
}

static void flow_release(struct flow *f)
{
	meter_stop(f->meter);
	stdio_release(&f->stdio);
	ws_free(f->ws);
	close_fd(&f->signals);
	generation_release(&f->g);
	workspace_release(&f->workspace);
	redact_release(&f->secrets);
	journal_release(&f->journal);
	manifest_unref(f->tree);
	left_out_release(&f->left_out);
	buf_release(&f->error);
	free(f->session_id);
	free(f->github_url);
	free(f->github_commit);
	free(f->flyio_url);
}

/* The environment of lifecycle: what the generator is told, then what passes through, then what was named. */
static int make_env(struct flow *f, int64_t iteration, struct env *e)
{
	char number[24], limit[24];
	int r = 0;

	snprintf(number, sizeof(number), "%lld", (long long)iteration);
	snprintf(limit, sizeof(limit), "%lld", (long long)f->g.max_iterations);

	const struct { const char *name, *value; } told[] = {
		{ "REQUEST_ID", f->g.request_id }, { "APP_NAME", f->g.app_name }, { "PROMPT", f->g.prompt }, { "MODE", f->g.mode },
		{ "MAX_ITERATIONS", limit }, { "WORKSPACE", f->workspace.path }, { "ITERATION", number },
		{ "WS_URL", f->ws ? ws_url(f->ws) : NULL },
	};

	for (size_t i = 0; !r && i < ARRAY_LEN(told); i++)
		r = told[i].value ? env_set(e, told[i].name, told[i].value) : 0;
	if (!r)
		r = env_pass(e);
	for (size_t i = 0; !r && i < f->o->env_count; i++) {
		const char *value = getenv(f->o->env[i]);

		r = value ? env_set(e, f->o->env[i], value) : 0;
	}
	return r;
}

static int send_stdio(struct flow *f, const struct buf *message)
{
	return stdio_send(&f->stdio, message);
}

static int start(struct flow *f, int64_t run)
{
	AUTO(env_release) struct env env = { 0 };
	int r = make_env(f, run, &env);
	const struct spawn what = { .path = f->o->path, .argv = f->o->argv, .envp = env.list, .dir = f->workspace.app,
				    .max_file = f->o->max_bytes };

	f->ended = f->gone = f->is_wsi = f->is_ws = f->started = f->farewell = false;
	f->send = send_stdio;
	f->link = (struct wsi_link){ .state = WSI_CONNECTING };
	if (f->ws)
		ws_reset(f->ws);
	f->outcome = RUNNING;
	memset(f->tail, 0, sizeof(f->tail));
	f->heard_ms = f->iteration_ms = clock_ms();
	if (!r && (r = stdio_start(&f->stdio, &what)))
		flow_fail(f, "cannot run '%s': %s", f->o->argv[0], strerror(-r));
	return r;
}

static void note(struct flow *f, const char *words)
{
	f->o->tell(f->o->arg, &(struct flow_news){ .kind = FLOW_NOTE, .generation = &f->g, .line = words, .n = strlen(words) });
}

/* Once: pause. SIGINT again: cancel. While it is ending anyway: end it now. */
static void take_signals(struct flow *f)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info)) {
		f->signalled++;
		if (f->outcome == RUNNING || f->outcome == RAN) {
			/* What ran to its end becomes an iteration first. */
			if (f->outcome == RAN && !f->interrupts)
				note(f, "stopping when this iteration is kept");
			else if (f->outcome == RUNNING)
				note(f, "stopping; once more cancels the generation");
			f->outcome = f->outcome == RAN ? RAN : PAUSED;
			f->interrupts = 1;
		} else if (f->outcome != PAUSED || !f->interrupts) {
			child_end(&f->stdio.child, true);
		} else if (info.ssi_signo == SIGINT) {
			f->interrupts++;
			f->outcome = CANCELLED;
			child_end(&f->stdio.child, true);
		}
	}
}

bool flow_waits(struct flow *f, int r)
{
	int before = f->signalled;

	if (r != -EBUSY)
		return false;
	take_signals(f);
	f->impatience += f->signalled - before;
	if (!f->told_locked)
		note(f, "the store is locked by another process: waiting for it; Ctrl-C twice gives up");
	f->told_locked = true;
	return f->impatience < 2;
}

int flow_flush(struct flow *f)
{
	int r;

	do
		r = journal_flush(&f->journal);
	while (flow_waits(f, r));
	return r;
}

static int milliseconds(int64_t until, int most)
{
	int64_t left = until < 0 ? -1 : max_i64(0, until - clock_ms());

	if (left < 0 || (most >= 0 && left > most))
		return most;
	return (int)min_i64(left, INT32_MAX);
}

/* The sooner of two waits, -1 being never. */
static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* What comes too fast stays in its pipes for a while: how long, -1: not at all. */
static int hold_flood(struct flow *f)
{
	int64_t now = clock_ms(), wait = f->outcome == RUNNING ? budget_wait(&f->budget, now) : 0;

	f->stdio.held = wait > 0;
	f->stdio.wake = f->ws && !wait ? ws_fd(f->ws) : -1;
	/* That it is not heard is no silence of its own. */
	if (wait)
		f->heard_ms = now;
	return wait ? (int)min_i64(wait, 1000) : -1;
}

/* Waits for something, at most until then (-1: for ever), and takes it in. */
static int step(struct flow *f, int64_t until)
{
	const struct stdio_hear hear = { hear_line, f };
	int wait, news, r = journal_tick(&f->journal, &wait);

	if (r == -EBUSY)
		r = flow_flush(f);
	if (r)
		return r;
	wait = sooner(wait, hold_flood(f));
	if (f->meter)
		wait = sooner(wait, METER_PAUSE_MS);
	news = stdio_step(&f->stdio, f->signals, milliseconds(until, wait), &hear, &f->status);
	if (news < 0)
		return news;
	if (news & STDIO_ENDED && !f->ended)
		f->ended_ms = clock_ms();
	f->ended |= (news & STDIO_ENDED) != 0;
	f->gone |= (news & STDIO_GONE) != 0;
	if (news & STDIO_HEARD)
		f->heard_ms = clock_ms();
	if (news & STDIO_SIGNAL)
		take_signals(f);
	return news & STDIO_WAKE ? hear_ws(f) : 0;
}

/* A workspace over its limit: the generator is ended before the disk is full. */
static void check_room(struct flow *f)
{
	if (!f->meter || f->outcome != RUNNING || meter_bytes(f->meter) <= f->o->max_bytes)
		return;
	flow_fail(f, "the workspace takes more than %lld bytes, its limit (--max-size)", (long long)f->o->max_bytes);
	child_end(&f->stdio.child, true);
}

/* What the store or the pipes refuse is the end of the generation, with the store's words where it has some. */
static void broken(struct flow *f, int r)
{
	flow_fail(f, "cannot keep the log: %s", *f->st->errmsg ? f->st->errmsg : strerror(-r));
}

/* A plain command that reads its stdin would wait for ever for its end. */
static bool may_wait_for_us(const struct flow *f)
{
	return !f->is_wsi && !f->stdio.deaf;
}

/* Milliseconds of silence that are borne; 0: any. */
static int64_t patience(const struct flow *f)
{
	if (!may_wait_for_us(f))
		return f->o->silence_ms;
	return f->o->silence_ms ? min_i64(QUIET_MS, f->o->silence_ms / 2) : QUIET_MS;
}

static int lose_patience(struct flow *f)
{
	if (may_wait_for_us(f)) {
		stdio_close(&f->stdio);
		return flow_log(f, "debug", "neither a word nor ready so far: its stdin is closed");
	}
	flow_fail(f, "the generator said nothing for %lld s", (long long)(f->o->silence_ms / 1000));
	return 0;
}

static void listen_to(struct flow *f)
{
	int r;

	while (f->outcome == RUNNING) {
		int64_t limit = patience(f), until = limit ? f->heard_ms + limit : -1;

		if (f->ended && !f->gone)
			until = until < 0 ? flow_return_ms(f) : min_i64(until, flow_return_ms(f));
		if ((r = step(f, until)))
			broken(f, r);
		check_room(f);
		if (f->outcome != RUNNING)
			return;
		if (f->ended && !flow_is_spoken_for(f))
			hear_end(f);
		else if (f->gone && !f->ended)
			flow_fail(f, "the generator was killed");
		else if (limit && clock_ms() - f->heard_ms >= limit && (r = lose_patience(f)))
			broken(f, r);
	}
}

/* Nobody is there any more who could hear a farewell. */
static bool has_left(const struct flow *f)
{
	return (f->ended || f->gone) && !(f->ws && ws_is_open(f->ws));
}

/* Asks a generator that listens to finish, and waits for its word. */
static int take_leave(struct flow *f)
{
	AUTO(buf_release) struct buf order = BUF_INIT;
	int64_t until = clock_ms() + FAREWELL_MS;
	int r, interrupts = f->interrupts;

	if (!f->is_wsi || has_left(f))
		return 0;
	wsi_control(&order, "prepare_shutdown", f->interrupts ? "interrupted" : NULL);
	r = f->send(f, &order);
	while (!r && !has_left(f) && !f->farewell && f->interrupts == interrupts && clock_ms() < until)
		r = step(f, until);
	return r;
}

/* Says goodbye on the WebSocket, and waits for the answer as long as the hub does. */
static int hang_up(struct flow *f)
{
	int64_t until = clock_ms() + FAREWELL_MS;
	int r = 0, interrupts = f->interrupts;

	ws_close(f->ws, 1000, "");
	while (!r && !f->gone && ws_is_open(f->ws) && f->interrupts == interrupts && clock_ms() < until)
		r = step(f, until);
	return r;
}

/* Ends the process and all that it started. */
static void wind_down(struct flow *f)
{
	int64_t until;
	int r = take_leave(f);

	if (!r && f->is_ws)
		r = hang_up(f);
	child_end(&f->stdio.child, f->interrupts > 1);
	until = clock_ms() + GONE_MS;
	while (!r && !f->gone && clock_ms() < until)
		r = step(f, until);
	if (r)
		broken(f, r);
	stdio_release(&f->stdio);
	f->stdio = (struct stdio)STDIO_INIT;
}

/* A plain command ran: an iteration. True when there is to be another run. */
static bool run_finished(struct flow *f, int64_t run)
{
	struct finished what = { .duration_ms = clock_ms() - f->iteration_ms, .unless_same = run > 1 };
	bool changed;

	flow_iterate(f, run, &what, &changed);
	if (f->outcome != RAN)
		return false;
	take_signals(f);
	if (!changed || run >= f->g.max_iterations)
		f->outcome = COMPLETED;
	else if (f->interrupts)
		f->outcome = PAUSED;
	return f->outcome == RAN;
}

static void work(struct flow *f)
{
	for (int64_t run = 1;; run++) {
		if (start(f, run))
			return;
		listen_to(f);
		wind_down(f);
		if (f->outcome != RAN || !run_finished(f, run))
			return;
	}
}

static int make_request(struct flow *f, const char *request_id)
{
	const struct revision *parent = f->o->resume;
	const struct generation_request req = {
		.user_id = parent ? parent->generation.user_id : f->o->user,
		.app_name = parent ? parent->generation.app_name : f->o->app_name, .prompt = f->o->prompt, .mode = f->o->mode,
		.type = parent ? "resume" : "new", .parent = parent ? parent->generation.request_id : NULL, .request_id = request_id,
		.max_iterations = f->o->max_iterations,
	};
	int r;

	TXN t = txn_begin(&f->st->db);

	if ((r = t.error) || (r = generation_create(f->st, &req, &f->g)) ||
	    (r = generation_set_status(f->st, f->g.id, "generating", NULL)) || (r = running_put(f->st, f->g.request_id)))
		return r;
	return txn_commit(&t);
}

static int add_secrets(struct flow *f)
{
	struct rlimit core;
	int r = 0;

	/* A core file in the workspace would carry them into the snapshot. */
	if (f->o->env_count && !getrlimit(RLIMIT_CORE, &core)) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
	for (size_t i = 0; !r && i < f->o->env_count; i++)
		if (!env_is_passed(f->o->env[i]) && getenv(f->o->env[i]))
			r = redact_add(&f->secrets, getenv(f->o->env[i]));
	return r;
}

/* One that is taken over is only moved once the request is written: it must not be lost to a request that there is not. */
static int make_workspace(struct flow *f, const char *id)
{
	int r;

	if (!f->o->resume)
		return (r = workspace_make(id, &f->workspace)) ? workspace_fail(f->st, r) : 0;
	f->takes_over = resume_can_take(f->o->resume);
	return f->takes_over ? 0 : resume_restore(f->st, f->o->resume, id, &f->workspace);
}

static void take_workspace(struct flow *f)
{
	const char *parent = f->o->resume->generation.request_id;
	int r = workspace_take(parent, f->g.request_id, &f->workspace);

	if (r)
		flow_fail(f, "cannot take over the workspace of '%s': %s; try again", parent, strerror(-r));
}

/* The workspace first: when there is none, the store stays as it is. */
static int begin(struct flow *f)
{
	char id[ID_REQUEST];
	int r = add_secrets(f);

	if (r || (r = id_request(&f->st->ids, id)))
		return store_fail(f->st, r, "cannot begin: %s", strerror(-r));
	if ((r = make_workspace(f, id)))
		return r;
	if ((r = make_request(f, id))) {
		if (f->workspace.path)
			remove_tree(f->workspace.path);
		return r;
	}
	if (f->takes_over)
		take_workspace(f);
	f->journal = (struct journal){ .st = f->st, .generation = f->g.id };
	f->budget = (struct budget){ .max_bytes = f->o->max_log };
	f->began_ms = clock_ms();
	/* Without one, what speaks over pipes works all the same. */
	if ((r = ws_open(f->g.request_id, &f->ws)) && (r = flow_log(f, "warn", "no WebSocket: %s", strerror(-r))))
		return r;
	f->st->errmsg[0] = '\0';
	/* A locked store is asked again and again (flow_waits), with an ear for signals in between. */
	return db_exec(&f->st->db, "PRAGMA busy_timeout = 500");
}

static const char *status_of(enum outcome outcome)
{
	static const char *const names[] = {
		[COMPLETED] = "completed", [FAILED] = "failed", [PAUSED] = "paused", [CANCELLED] = "cancelled",
	};

	return names[outcome];
}

static int write_end(struct flow *f)
{
	const struct completion c = {
		.status = status_of(f->outcome), .error_message = f->outcome == FAILED ? buf_str(&f->error) : NULL,
		.github_url = f->github_url, .github_commit = f->github_commit, .flyio_url = f->flyio_url, .session_id = f->session_id,
	};
	int r;

	TXN t = txn_begin(&f->st->db);

	if (t.error)
		return t.error;
	if (f->outcome == PAUSED)
		r = generation_set_status(f->st, f->g.id, c.status, NULL);
	else
		r = generation_finish(f->st, f->g.id, &c);
	return r || (r = running_drop(f->st, f->g.request_id)) ? r : txn_commit(&t);
}

/* After a commit that failed nothing more is written with that connection: another one says how it ended, if it can. */
static int write_end_anew(struct flow *f)
{
	AUTO(free_ptr) char *path = strdup(f->st->path);
	int r = path ? genstore_open(f->st, path, 0) : -ENOMEM;

	return r ? r : write_end(f);
}

/* Words for the log, the log itself, the end. */
static int end(struct flow *f)
{
	int r = 0;

	f->st->errmsg[0] = '\0';
	if (f->budget.left_lines)
		r = flow_log(f, "warn", "left out of the log: %lld lines, %lld bytes", (long long)f->budget.left_lines,
			     (long long)f->budget.left_bytes);
	if (!r && f->outcome == FAILED)
		r = flow_log(f, "error", "failed: %s", buf_str(&f->error));
	else if (!r && f->outcome != COMPLETED)
		r = flow_log(f, "warn", "%s", status_of(f->outcome));
	if (!r)
		r = flow_flush(f);
	/* A log that cannot be kept must not keep the end from being written. */
	if (r)
		broken(f, r);
	do
		r = write_end(f);
	while (flow_waits(f, r));
	if (!r)
		return 0;
	if (f->outcome != FAILED)
		flow_fail(f, "cannot write the end: %s", *f->st->errmsg ? f->st->errmsg : strerror(-r));
	r = write_end_anew(f);
	return r ? store_fail(f->st, r, "%s; genstore pauses this generation at its next start", buf_str(&f->error)) : 0;
}

static void fill_result(struct flow *f, struct flow_result *ret)
{
	snprintf(ret->status, sizeof(ret->status), "%s", status_of(f->outcome));
	ret->interrupted = f->interrupts > 0;
	ret->error = f->error;
	f->error = (struct buf)BUF_INIT;
	ret->iterations = f->iteration;
	ret->files = f->tree ? f->tree->files : 0;
	ret->bytes = f->tree ? f->tree->bytes : 0;
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

/* What a resumed one begins with is kept before the generator can change it. */
static void checkpoint(struct flow *f)
{
	bool changed;

	if (!f->takes_over)
		note(f, "  the tree was restored: what snapshots leave out (node_modules, dist, .env) is not there");
	flow_iterate(f, 0, &(struct finished){ .type = "checkpoint" }, &changed);
}

static int run(struct flow *f, struct flow_result *ret)
{
	int r;

	f->o->tell(f->o->arg, &(struct flow_news){ .kind = FLOW_BEGUN, .generation = &f->g });
	if (f->outcome == RUNNING && f->o->resume)
		checkpoint(f);
	if (f->outcome == RUNNING && f->o->max_bytes && (r = meter_start(f->workspace.path, f->o->max_bytes, &f->meter)))
		flow_fail(f, "cannot watch the workspace: %s", strerror(-r));
	if (f->outcome == RUNNING)
		work(f);
	meter_stop(MOVE(f->meter));
	if ((r = end(f)))
		return r;
	fill_result(f, ret);
	return db_exec(&f->st->db, "PRAGMA busy_timeout = 10000");
}

int flow_run(struct genstore *st, const struct flow_options *o, struct flow_result *ret_result)
{
	AUTO(flow_release) struct flow f = { .st = st, .o = o, .signals = -1, .stdio = STDIO_INIT };
	struct flow_result result = { 0 };
	sigset_t ours, before;
	int r;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	f.signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f.signals < 0)
		return store_fail(st, -errno, "cannot listen to signals: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &ours, &before);
	if (!(r = begin(&f)))
		r = run(&f, &result);
	/* One too many must not keep its end from being told. */
	take_signals(&f);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r)
		return r;
	*ret_result = result;
	return 0;
}
