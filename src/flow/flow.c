#include "src/flow/credentials.h"
#include "src/flow/flow.h"
#include "src/flow/state.h"
#include "store/outbox.h"

#include <signal.h>
#include <poll.h>
#include <sys/epoll.h>
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
	close_fd(&f->attention);
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
	free(f->prompt);
	free(f->choice);
	free(f->input);
	question_release(&f->question);
}

/* The environment of lifecycle: what the generator is told, then what passes through, then what was named. */
static int make_env(struct flow *f, int64_t iteration, struct env *e)
{
	char number[24], limit[24];
	int r = 0;

	snprintf(number, sizeof(number), "%lld", (long long)iteration);
	snprintf(limit, sizeof(limit), "%lld", (long long)f->g.max_iterations);

	const struct { const char *name, *value; } told[] = {
		{ "REQUEST_ID", f->g.request_id }, { "APP_NAME", f->g.app_name }, { "PROMPT", f->prompt ? f->prompt : f->g.prompt }, { "MODE", f->g.mode },
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
	if (r)
		return r;
	/* Of the app as it is built on, not of what stands in its place from now on. */
	const struct credentials_place kept = flow_credentials(f);
	bool goes_on = !strcmp(f->g.generation_type, "resume") || f->iteration > 0 || f->told_credentials;

	do
		r = credentials_give(&kept, goes_on, e, &f->secrets);
	while (flow_waits(f, r));
	return r;
}

struct credentials_place flow_credentials(const struct flow *f)
{
	return (struct credentials_place){ f->st, f->o->key, f->g.user_id, f->g.app_id, f->workspace.path };
}

static int send_stdio(struct flow *f, const struct buf *message)
{
	return stdio_send(&f->stdio, message);
}

static int start(struct flow *f, int64_t run)
{
	AUTO(env_release) struct env env = { 0 };
	int r = make_env(f, run, &env);
	const struct spawn what = { .path = f->o->path, .argv = f->o->argv, .envp = env.list, .dir = f->workspace.app, .place = f->workspace.path,
				    .max_file = f->o->max_bytes };

	f->ended = f->gone = f->is_wsi = f->is_ws = f->started = f->farewell = f->stopped = false;
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

void flow_note(struct flow *f, const char *words)
{
	f->o->tell(f->o->arg, &(struct flow_news){ .kind = FLOW_NOTE, .generation = &f->g, .line = words, .n = strlen(words) });
}

static void tell_question(struct flow *f)
{
	f->o->tell(f->o->arg, &(struct flow_news){ .kind = FLOW_ASKS, .generation = &f->g, .question = &f->question });
}

/* Once: pause. SIGINT again: cancel. While it is ending anyway: end it now. */
static void take_signals(struct flow *f)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info)) {
		/* The terminal is ours again (Ctrl-Z, fg). */
		if (info.ssi_signo == SIGCONT && f->question.decision_id)
			tell_question(f);
		if (info.ssi_signo == SIGCONT)
			continue;
		f->signalled++;
		if (f->outcome == RUNNING || f->outcome == RAN) {
			/* What ran to its end becomes an iteration first. */
			if (f->outcome == RAN && !f->interrupts)
				flow_note(f, "stopping when this iteration is kept");
			else if (f->outcome == RUNNING)
				flow_note(f, "stopping; once more cancels the generation");
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
		flow_note(f, "the store is locked by another process: waiting for it; Ctrl-C twice gives up");
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

/* While something is asked, the terminal is listened to beside the signals. */
static void watch_terminal(struct flow *f)
{
	int fd = f->question.decision_id && f->o->answer_fd ? f->o->answer_fd(f->o->arg) : -1;
	struct epoll_event e = { .events = EPOLLIN };

	if (fd == f->watched)
		return;
	/* What was watched may be closed, and its number another's: then there is nothing to remove. */
	if (f->watched >= 0)
		epoll_ctl(f->attention, EPOLL_CTL_DEL, f->watched, NULL);
	f->watched = fd >= 0 && !epoll_ctl(f->attention, EPOLL_CTL_ADD, fd, &e) ? fd : -1;
}

static int hear_terminal(struct flow *f)
{
	AUTO(control_release) struct control c = { 0 };
	struct pollfd p = { .fd = f->watched, .events = POLLIN };

	if (f->watched < 0 || poll(&p, 1, 0) <= 0 || f->o->answer(f->o->arg, &c) <= 0)
		return 0;
	return flow_answer(f, c.choice, c.input, NULL);
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

int flow_step(struct flow *f, int64_t until)
{
	const struct stdio_hear hear = { hear_line, f };
	int wait, look, news, r = journal_tick(&f->journal, &wait);

	if (r == -EBUSY)
		r = flow_flush(f);
	if (r || (r = flow_obey(f, &look)))
		return r;
	watch_terminal(f);
	wait = sooner(sooner(wait, look), hold_flood(f));
	if (f->meter)
		wait = sooner(wait, METER_PAUSE_MS);
	news = stdio_step(&f->stdio, f->attention, milliseconds(until, wait), &hear, &f->status);
	if (news < 0)
		return news;
	if (news & STDIO_ENDED && !f->ended)
		f->ended_ms = clock_ms();
	f->ended |= (news & STDIO_ENDED) != 0;
	f->gone |= (news & STDIO_GONE) != 0;
	if (news & STDIO_HEARD)
		f->heard_ms = clock_ms();
	if (news & STDIO_SIGNAL) {
		take_signals(f);
		if ((r = hear_terminal(f)))
			return r;
	}
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
void flow_broken(struct flow *f, int r)
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
	if (flow_is_waiting(f))
		return 0;
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

/* The earlier of two times, -1 being never. */
static int64_t earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void listen_to(struct flow *f)
{
	int r;

	while (f->outcome == RUNNING) {
		int64_t limit = patience(f), until = limit ? f->heard_ms + limit : -1;

		if (f->ended && !f->gone)
			until = earlier(until, flow_return_ms(f));
		if ((r = flow_step(f, earlier(until, flow_next_limit(f)))) || (r = flow_watch_limits(f)))
			flow_broken(f, r);
		check_room(f);
		if (f->outcome != RUNNING)
			return;
		limit = patience(f);
		if (f->ended && !flow_is_spoken_for(f))
			hear_end(f);
		else if (f->gone && !f->ended)
			flow_fail(f, "the generator was killed");
		else if (limit && clock_ms() - f->heard_ms >= limit && (r = lose_patience(f)))
			flow_broken(f, r);
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

	if (!f->is_wsi || has_left(f) || f->at_once)
		return 0;
	wsi_control(&order, "prepare_shutdown", f->interrupts ? "interrupted" : f->unanswered ? "no answer" : NULL);
	r = f->send(f, &order);
	while (!r && !has_left(f) && !f->farewell && f->interrupts == interrupts && clock_ms() < until)
		r = flow_step(f, until);
	return r;
}

/* Says goodbye on the WebSocket, and waits for the answer as long as the hub does. */
static int hang_up(struct flow *f)
{
	int64_t until = clock_ms() + FAREWELL_MS;
	int r = 0, interrupts = f->interrupts;

	ws_close(f->ws, 1000, "");
	while (!r && !f->gone && ws_is_open(f->ws) && f->interrupts == interrupts && clock_ms() < until)
		r = flow_step(f, until);
	return r;
}

/* Ends the process and all that it started. */
static void wind_down(struct flow *f)
{
	int64_t until;
	int r = f->question.decision_id ? flow_withdraw(f, "the question is withdrawn: the generation ends here") : 0;

	if (!r)
		r = take_leave(f);
	if (!r && f->is_ws && !f->at_once)
		r = hang_up(f);
	child_end(&f->stdio.child, f->interrupts > 1 || f->at_once);
	until = clock_ms() + GONE_MS;
	while (!r && !f->gone && clock_ms() < until)
		r = flow_step(f, until);
	if (r)
		flow_broken(f, r);
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
	if (!changed || run >= f->g.max_iterations || f->stopping)
		f->outcome = COMPLETED;
	else if (f->interrupts)
		f->outcome = PAUSED;
	return f->outcome == RAN && flow_ask_for_more(f, run);
}

static void work(struct flow *f)
{
	/* It was killed when nothing was left to do but to say so. */
	if (f->base && f->base >= f->g.max_iterations) {
		f->outcome = COMPLETED;
		return;
	}
	for (int64_t run = f->base + 1;; run++) {
		if (start(f, run))
			return;
		listen_to(f);
		wind_down(f);
		if (f->outcome != RAN || !run_finished(f, run))
			return;
	}
}

/* What a resumed one begins with is kept before the generator can change it. */
static void checkpoint(struct flow *f)
{
	bool changed;

	if (strcmp(f->g.generation_type, "resume") == 0)
		flow_iterate(f, 0, &(struct finished){ .type = "checkpoint" }, &changed);
}

static int run(struct flow *f, struct flow_result *ret)
{
	int r;

	f->o->tell(f->o->arg, &(struct flow_news){ .kind = FLOW_BEGUN, .generation = &f->g });
	if (f->outcome == RUNNING && !f->iteration)
		checkpoint(f);
	if (f->outcome == RUNNING && f->o->max_bytes && (r = meter_start(f->workspace.path, f->o->max_bytes, &f->meter)))
		flow_fail(f, "cannot watch the workspace: %s", strerror(-r));
	if (f->outcome == RUNNING)
		work(f);
	meter_stop(MOVE(f->meter));
	if ((r = flow_end(f)))
		return r;
	flow_fill_result(f, ret);
	return db_exec(&f->st->db, "PRAGMA busy_timeout = 10000");
}

int flow_run(struct genstore *st, const struct flow_options *o, struct flow_result *ret_result)
{
	AUTO(flow_release) struct flow f = {
		.st = st, .o = o, .signals = -1, .attention = -1, .watched = -1, .stdio = STDIO_INIT,
	};
	struct epoll_event e = { .events = EPOLLIN };
	struct flow_result result = { 0 };
	sigset_t ours, before;
	int r;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCONT);
	f.signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	f.attention = epoll_create1(EPOLL_CLOEXEC);
	if (f.signals < 0 || f.attention < 0 || epoll_ctl(f.attention, EPOLL_CTL_ADD, f.signals, &e))
		return store_fail(st, -errno, "cannot listen to signals: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &ours, &before);
	if (!(r = flow_begin(&f)))
		r = run(&f, &result);
	/* One too many must not keep its end from being told. */
	take_signals(&f);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r)
		return r;
	*ret_result = result;
	return 0;
}
