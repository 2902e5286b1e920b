/* How a generation comes into this process's hand: a new request, one that was queued, one that was paused. */
#include "src/flow/begin.h"
#include "src/flow/place.h"
#include "src/flow/running.h"
#include "src/flow/state.h"
#include "store/base/utf8.h"
#include "store/outbox.h"

#include <sys/resource.h>

/* A value that --env protects must not get into the store by the command line either. */
static bool can_be_kept(const struct flow *f, const char *word)
{
	AUTO(free_ptr) char *copy = strdup(word);
	size_t n = strlen(word);

	return copy && utf8_valid(word, n) && redact_text(&f->secrets, copy, n) == n && memcmp(copy, word, n) == 0;
}

/* path, then argv, as generation_runs has them. */
static int command_of(const struct flow *f, struct run *run)
{
	size_t n = 0;

	while (f->o->argv && f->o->argv[n])
		n++;
	if (!n)
		return 0;
	run->command = calloc(n + 2, sizeof(*run->command));
	for (size_t i = 0; run->command && i <= n; i++) {
		const char *word = i ? f->o->argv[i - 1] : f->o->path;

		run->forgotten |= n >= RUN_WORDS_MAX || !can_be_kept(f, word);
		if (!(run->command[i] = strdup(word)))
			return -ENOMEM;
	}
	return run->command ? 0 : -ENOMEM;
}

static int env_of(const struct flow *f, struct run *run)
{
	run->env = calloc(f->o->env_count + 1, sizeof(*run->env));
	for (size_t i = 0; run->env && i < f->o->env_count; i++, run->env_count++)
		if (!(run->env[i] = strdup(f->o->env[i])))
			return -ENOMEM;
	return run->env ? 0 : -ENOMEM;
}

static int keep_run(struct flow *f)
{
	AUTO(run_release) struct run run = {
		.silence_ms = f->o->silence_ms, .max_bytes = f->o->max_bytes, .decision_ms = f->o->decision_ms,
		.parent_iteration = f->o->parent_iteration,
	};
	int r;

	if ((r = command_of(f, &run)) || (r = env_of(f, &run)))
		return r;
	return run_put(f->st, f->g.id, &run);
}

/* In the caller's transaction. */
static int make_request(struct flow *f, const char *request_id)
{
	const struct generation_request req = {
		.user_id = f->o->user, .app_name = f->o->app_name, .prompt = f->o->prompt, .mode = f->o->mode,
		.type = f->o->parent ? "resume" : "new", .parent = f->o->parent, .request_id = request_id,
		.max_iterations = f->o->max_iterations,
	};
	int r = generation_create(f->st, &req, &f->g);

	if (r || (r = keep_run(f)) || !f->o->to)
		return r;
	return outbox_add_list(f->st, f->g.id, f->o->to);
}

/* From here on it is this process's. */
static int take_in_hand(struct flow *f)
{
	int r = generation_set_status(f->st, f->g.id, "generating", NULL);

	return r ? r : running_put(f->st, f->g.request_id);
}

static int make_new(struct flow *f, const char *request_id)
{
	int r;

	TXN t = txn_begin(&f->st->db);

	if ((r = t.error) || (r = make_request(f, request_id)) || (r = take_in_hand(f)))
		return r;
	return txn_commit(&t);
}

/* In one transaction with the look, so that of many that want it one gets it. */
static int claim(struct flow *f)
{
	int r;

	TXN t = txn_begin(&f->st->db);

	if ((r = t.error) || (r = generation_by_request(f->st, f->o->request_id, &f->g)) ||
	    (r = running_is(f->st, f->g.request_id)) < 0)
		return r;
	if (r || (strcmp(f->g.status, "queued") != 0 && strcmp(f->g.status, "paused") != 0))
		return store_fail(f->st, -ESTALE, "'%s' is %s%s", f->g.request_id, f->g.status, r ? ", in the hand of another genstore" : "");
	if ((r = take_in_hand(f)) || (r = keep_run(f)))
		return r;
	return txn_commit(&t);
}

/* The workspace first: when there is none, the store stays as it is. */
static int begin_new(struct flow *f)
{
	char id[ID_REQUEST];
	int r = id_request(&f->st->ids, id);

	if (r)
		return store_fail(f->st, r, "cannot begin: %s", strerror(-r));
	if ((r = workspace_make(id, &f->workspace)))
		return workspace_fail(f->st, r);
	if ((r = make_new(f, id)))
		remove_tree(f->workspace.path);
	return r;
}

/* What cannot go on after all is paused: nothing is lost. */
static int give_back(struct flow *f, int why)
{
	TXN t = txn_begin(&f->st->db);

	if (!t.error && !generation_set_status(f->st, f->g.id, "paused", NULL) && !running_drop(f->st, f->g.request_id))
		txn_commit(&t);
	return why;
}

static int begin_with_tree(struct flow *f)
{
	AUTO(buf_release) struct buf words = BUF_INIT;
	char id[ID_REQUEST];
	int r = f->o->request_id ? claim(f) : (r = id_request(&f->st->ids, id)) ? r : make_new(f, id);

	if (r)
		return r;
	f->journal = (struct journal){ .st = f->st, .generation = f->g.id };
	if (!(r = place_find(f)))
		return 0;
	buf_addf(&words, "%s", *f->st->errmsg ? f->st->errmsg : strerror(-r));
	give_back(f, r);
	return store_fail(f->st, r, "'%s' cannot begin and is paused: %s", f->g.request_id, buf_str(&words));
}

int begin_secrets(struct redact *secrets, const char *const *names, size_t count)
{
	struct rlimit core;
	int r = 0;

	/* A core file in the workspace would carry them into the snapshot. */
	if (count && !getrlimit(RLIMIT_CORE, &core)) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
	for (size_t i = 0; !r && i < count; i++)
		if (!env_is_passed(names[i]) && getenv(names[i]))
			r = redact_add(secrets, getenv(names[i]));
	return r;
}

/* Where another process left off. */
static int take_up(struct flow *f)
{
	struct cost cost;
	int r = cost_total(f->st, f->g.id, &cost);

	if (r)
		return r;
	f->spent_all = cost.cost_usd;
	f->iteration = f->base = f->g.current_iteration;
	return flow_keep(&f->session_id, f->g.last_session_id);
}

/* Without one, what speaks over pipes works all the same. */
static int open_websocket(struct flow *f)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = ws_open(f->g.request_id, &f->ws, &why);

	return r ? flow_log(f, "warn", "no WebSocket: %s", why.len ? buf_str(&why) : strerror(-r)) : 0;
}

int flow_begin(struct flow *f)
{
	bool has_tree = f->o->request_id || f->o->parent;
	int r = begin_secrets(&f->secrets, f->o->env, f->o->env_count);

	if (r)
		return store_fail(f->st, r, "cannot begin: %s", strerror(-r));
	if ((r = has_tree ? begin_with_tree(f) : begin_new(f)) || (r = take_up(f)))
		return r;
	f->journal.st = f->st;
	f->journal.generation = f->g.id;
	f->budget = (struct budget){ .max_bytes = f->o->max_log };
	f->began_ms = clock_ms();
	if ((r = open_websocket(f)))
		return r;
	f->st->errmsg[0] = '\0';
	/* A locked store is asked again and again (flow_waits), with an ear for signals in between. */
	return db_exec(&f->st->db, "PRAGMA busy_timeout = 500");
}

int flow_queue(struct genstore *st, const struct flow_options *o, struct generation *ret_g)
{
	struct flow f = { .st = st, .o = o };
	AUTO(run_release) struct run run = { 0 };
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = begin_secrets(&f.secrets, o->env, o->env_count)) || (r = make_request(&f, NULL)) ||
	    (r = run_get(st, f.g.id, &run)))
		goto out;
	if (run.forgotten)
		r = store_fail(st, -EINVAL, "the command line cannot be kept for a worker: it is no UTF-8, or holds the value of a --env variable");
	else
		r = txn_commit(&t);
out:
	redact_release(&f.secrets);
	if (r)
		generation_release(&f.g);
	else
		*ret_g = f.g;
	return r;
}
