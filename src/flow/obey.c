/* What other processes want of a generation in hand: one function for each message of the channel (store/control.h). */
#include "src/flow/checkpoint.h"
#include "src/flow/state.h"

enum {
	LOOK_MS = 150,       /* between looks into the channel */
	CANCEL_MS = 10000,   /* for a generator to end after a cancel, before it is ended */
};

bool flow_is_waiting(const struct flow *f)
{
	return f->held || f->question.decision_id;
}

static int tell_generator(struct flow *f, const char *command)
{
	AUTO(buf_release) struct buf order = BUF_INIT;

	wsi_control(&order, command, NULL);
	return flow_say(f, &order);
}

/* A generator that speaks WSI is told, any other command's processes are stopped where they stand. */
static int hold_process(struct flow *f, bool hold)
{
	/* It may have said `ready` just before it was stopped: then it is let go, and told. */
	if (f->stopped || (hold && !f->is_wsi)) {
		f->stopped = hold;
		flow_freeze(f, hold);
	}
	return f->is_wsi ? tell_generator(f, hold ? "pause" : "resume") : 0;
}

static int write_status(struct flow *f, const char *status)
{
	int r;

	do
		r = generation_set_status(f->st, f->g.id, status, NULL);
	while (flow_waits(f, r));
	return r;
}

/* The time in which it stood still is nobody's. */
static void let_time_pass(struct flow *f)
{
	int64_t passed = clock_ms() - f->held_ms;

	f->iteration_ms += passed;
	f->heard_ms = clock_ms();
	f->until_ms += f->until_ms ? passed : 0;
	f->give_up_ms += f->give_up_ms ? passed : 0;
}

int flow_hold(struct flow *f, bool hold)
{
	int r;

	if (f->held == hold)
		return 0;
	if ((r = hold_process(f, hold)) || (r = write_status(f, hold ? "paused" : "generating")))
		return r;
	f->held = hold;
	if (hold)
		f->held_ms = clock_ms();
	else
		let_time_pass(f);
	flow_note(f, hold ? "paused from elsewhere; 'genstore continue' lets it go on" : "goes on");
	return flow_log(f, "info", hold ? "paused" : "continued");
}

/* Each: 0, a negative errno that ends the generation, or why not in *ret_why. */
struct order {
	const struct control *c;
	struct buf why;
};

static int on_pause(struct flow *f, struct order *o UNUSED)
{
	return flow_hold(f, true);
}

static int on_continue(struct flow *f, struct order *o UNUSED)
{
	return flow_hold(f, false);
}

/* A generator may have something to put in order first; a second cancel ends it at once. */
static int on_cancel(struct flow *f, struct order *o UNUSED)
{
	int r = flow_log(f, "info", "cancelled by command");

	if (!r && f->question.decision_id)
		r = flow_withdraw(f, "the generation is cancelled");
	if (r)
		return r;
	flow_note(f, "cancelled from elsewhere");
	/* Its limits count again, and it is not told to go on. */
	if (f->held)
		let_time_pass(f);
	f->held = f->stopped = false;
	flow_freeze(f, false);
	f->at_once = f->cancelling;
	if (!f->is_wsi || f->ended || f->cancelling) {
		f->outcome = CANCELLED;
		return 0;
	}
	f->cancelling = true;
	f->give_up_ms = clock_ms() + CANCEL_MS;
	return tell_generator(f, "cancel");
}

static int on_stop(struct flow *f, struct order *o UNUSED)
{
	int r = flow_hold(f, false);

	if (r || f->stopping || f->cancelling || (r = flow_log(f, "info", "asked to stop after this iteration")))
		return r;
	flow_note(f, "asked from elsewhere to stop after this iteration");
	f->stopping = true;
	f->give_up_ms = clock_ms() + FLOW_STOP_MS;
	if (f->is_wsi && (r = tell_generator(f, "stop_request")))
		return r;
	return f->question.decision_id ? flow_answer(f, "done", NULL, "stop") : 0;
}

static int on_answer(struct flow *f, struct order *o)
{
	const char *id = f->question.decision_id;

	if (!id || strcmp(id, o->c->decision_id ? o->c->decision_id : "") != 0)
		return buf_addf(&o->why, "%s", id ? "another question is asked by now" : "the question was answered already");
	return flow_answer(f, o->c->choice, o->c->input, "genstore answer");
}

static int on_say(struct flow *f, struct order *o)
{
	AUTO(buf_release) struct buf message = BUF_INIT;
	int r;

	if (!f->is_wsi)
		return buf_addf(&o->why, "it is a plain command, which cannot be told anything");
	if ((r = flow_log(f, "info", "told: %s", o->c->input)))
		return r;
	wsi_user_input(&message, o->c->input);
	return flow_say(f, &message);
}

static int on_snapshot(struct flow *f, struct order *o)
{
	const struct checkpoint c = {
		.generation = f->g.id, .app = f->workspace.app, .cache = f->workspace.cache, .type = "manual", .label = o->c->input,
		.after = f->iteration, .near = f->tree ? f->tree->id : 0, .max_bytes = f->o->max_bytes,
	};
	int64_t id;
	int r;

	f->st->errmsg[0] = '\0';
	flow_freeze(f, true);
	do
		r = checkpoint_take(f->st, &c, &id);
	while (flow_waits(f, r));
	flow_freeze(f, false);
	f->heard_ms = clock_ms();
	if (r)
		return buf_addf(&o->why, "%s", *f->st->errmsg ? f->st->errmsg : strerror(-r));
	return flow_log(f, "info", "snapshot s%lld by command", (long long)id);
}

static int (*const orders[CONTROL_KINDS])(struct flow *f, struct order *o) = {
	[CONTROL_PAUSE] = on_pause,   [CONTROL_CONTINUE] = on_continue, [CONTROL_CANCEL] = on_cancel, [CONTROL_STOP] = on_stop,
	[CONTROL_ANSWER] = on_answer, [CONTROL_SAY] = on_say,           [CONTROL_SNAPSHOT] = on_snapshot,
};

/* Done, or why not: written before anybody is told by the row's going that it was done. */
static int reply(struct flow *f, int64_t id, const struct buf *why)
{
	int r = flow_flush(f);

	if (r)
		return r;
	do
		r = why->len ? control_refuse(f->st, id, buf_str(why)) : control_done(f->st, id);
	while (flow_waits(f, r));
	return r;
}

static int obey_one(struct flow *f, const struct control *c)
{
	struct order o = { .c = c };
	int r = 0;

	f->control_seen = c->id;
	if (f->outcome == RUNNING)
		r = orders[c->kind](f, &o);
	else
		buf_adds(&o.why, "it is about to end");
	/* Whoever cancels waits for the end itself, which takes the row away. */
	if (!r && !(c->kind == CONTROL_CANCEL || c->kind == CONTROL_STOP))
		r = reply(f, c->id, &o.why);
	buf_release(&o.why);
	return r;
}

static int obey_all(struct flow *f)
{
	for (;;) {
		AUTO(control_release) struct control c = { 0 };
		int r = control_next(f->st, f->g.id, f->control_seen, &c);

		if (r <= 0)
			return r;
		if ((r = obey_one(f, &c)))
			return r;
	}
}

/* Cheap while nobody writes: the number is read from the file's header. A locked store is looked into the next time. */
int flow_obey(struct flow *f, int *ret_wait_ms)
{
	int64_t now = clock_ms(), version;
	int r;

	*ret_wait_ms = (int)max_i64(0, f->look_ms - now);
	if (f->look_ms > now)
		return 0;
	f->look_ms = now + LOOK_MS;
	*ret_wait_ms = LOOK_MS;
	if ((r = db_data_version(&f->st->db, &version)) || version == f->version)
		return r == -EBUSY ? 0 : r;
	if ((r = obey_all(f)))
		return r == -EBUSY ? 0 : r;
	f->version = version;
	return 0;
}

int64_t flow_next_limit(const struct flow *f)
{
	if (f->held)
		return -1;
	if (!f->until_ms || (f->give_up_ms && f->give_up_ms < f->until_ms))
		return f->give_up_ms ? f->give_up_ms : -1;
	return f->until_ms;
}

int flow_watch_limits(struct flow *f)
{
	int64_t now = clock_ms();
	int r;

	if (f->outcome != RUNNING || f->held)
		return 0;
	if (f->give_up_ms && now >= f->give_up_ms) {
		/* Who did not hear the one will not hear a farewell either. */
		f->farewell = true;
		f->outcome = CANCELLED;
		return flow_log(f, "warn", f->cancelling ? "the generator did not end by itself" : "the generator did not stop by itself: cancelled");
	}
	if (!f->until_ms || now < f->until_ms)
		return 0;
	f->unanswered = true;
	f->outcome = PAUSED;
	if ((r = flow_withdraw(f, "nobody has answered in time: the generation is paused")))
		return r;
	return flow_log(f, "warn", "nobody has answered within %lld s", (long long)(f->o->decision_ms / 1000));
}
