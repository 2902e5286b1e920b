#include "src/flow/steer.h"
#include "src/facts/tree.h"
#include "src/flow/checkpoint.h"
#include "src/flow/running.h"

/* In what state a generation is for who wants something of it. */
enum where {
	IS_QUEUED,
	IS_RUNNING, /* in a process's hand */
	IS_HELD,    /* paused, its process alive in a process's hand */
	IS_LEFT,    /* paused, nobody's */
	IS_OVER,    /* completed, failed, cancelled */
	WHERES
};

struct rule {
	enum steer_what what;
	const char *words;
};

#define POST { STEER_POST, NULL }
#define HERE { STEER_HERE, NULL }
#define NOTHING { STEER_NOTHING, NULL }
#define REFUSE(words) { STEER_REFUSE, words }

#define CANCEL_RULES { HERE, POST, POST, HERE, REFUSE(" already") }
/* A paused one hears it when it goes on; where no process is left there is nobody to hear. */
#define TALK_RULES { \
	REFUSE(": nobody listens yet"), POST, POST, REFUSE(" and no process of it is left; 'genstore continue' goes on"), \
	REFUSE(": nobody listens any more") }

static const struct rule rules[CONTROL_KINDS][WHERES] = {
	[CONTROL_PAUSE] = {
		REFUSE(": there is nothing to pause yet; 'genstore cancel' takes it out of the queue"), POST, NOTHING, NOTHING,
		REFUSE(": there is nothing to pause") },
	[CONTROL_CONTINUE] = {
		REFUSE(": 'genstore work' takes it"), NOTHING, POST, HERE,
		REFUSE("; 'genstore generate --resume' goes on in a new generation") },
	[CONTROL_CANCEL] = CANCEL_RULES, [CONTROL_STOP] = CANCEL_RULES,
	[CONTROL_ANSWER] = TALK_RULES, [CONTROL_SAY] = TALK_RULES,
	[CONTROL_SNAPSHOT] = {
		REFUSE(": it has no workspace yet"), POST, POST, HERE, REFUSE(": its iterations are what there is of it") },
};

void steer_release(struct steer *s)
{
	free(MOVE(s->control.decision_id));
	generation_release(&s->g);
}

static int where_is(struct genstore *st, const struct generation *g, enum where *ret)
{
	int hand = running_is(st, g->request_id);

	if (hand < 0)
		return hand;
	if (strcmp(g->status, "queued") == 0)
		*ret = IS_QUEUED;
	else if (strcmp(g->status, "generating") == 0)
		*ret = IS_RUNNING;
	else if (strcmp(g->status, "paused") == 0)
		*ret = hand ? IS_HELD : IS_LEFT;
	else
		*ret = IS_OVER;
	return 0;
}

static int reload(struct genstore *st, struct steer *s)
{
	int64_t id = s->g.id;

	generation_release(&s->g);
	s->g.id = id;
	return generation_get(st, id, &s->g);
}

static int newest_snapshot(struct genstore *st, int64_t generation, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT coalesce(max(id), 0) FROM iteration_snapshots WHERE generation_request_id = ?");
	int r;

	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) > 0)
		*ret_id = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

/* An answer is to the question that is asked now, and to no later one. */
static int find_question(struct genstore *st, struct steer *s)
{
	AUTO(question_release) struct question asked = { 0 };
	int r = question_get(st, s->g.id, &asked);

	if (r == -ENOENT) {
		s->what = STEER_REFUSE;
		s->words = " and asks nothing; 'genstore log -f' shows when it does";
		return 0;
	}
	if (!r)
		s->control.decision_id = MOVE(asked.decision_id);
	return r;
}

int steer(struct genstore *st, struct steer *s)
{
	enum where where;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = reload(st, s)) || (r = where_is(st, &s->g, &where)) || (r = newest_snapshot(st, s->g.id, &s->newest)))
		return r;
	s->what = rules[s->control.kind][where].what;
	s->words = rules[s->control.kind][where].words;
	if (s->what == STEER_POST && s->control.kind == CONTROL_ANSWER && (r = find_question(st, s)))
		return r;
	if (s->what != STEER_POST)
		return 0;
	return (r = control_post(st, s->g.id, &s->control, &s->id)) ? r : txn_commit(&t);
}

/* The message is gone: it was done. A wish for the end goes with the end, or with a genstore that was killed. */
static int look_at_end(struct genstore *st, struct steer *s, struct buf *why)
{
	bool ends = s->control.kind == CONTROL_CANCEL || s->control.kind == CONTROL_STOP;
	int r = reload(st, s);

	if (r || !ends || generation_is_final(s->g.status))
		return r;
	buf_addf(why, "'%s' is %s: its genstore ended meanwhile; try again", s->g.request_id, s->g.status);
	return -ECANCELED;
}

int steer_wait(struct genstore *st, struct steer *s, struct buf *why)
{
	AUTO(free_ptr) char *refused = NULL;
	int r = control_state(st, s->id, &refused);

	if (r == -ECANCELED) {
		buf_addf(why, "'%s': %s", s->g.request_id, refused);
		control_done(st, s->id);
	}
	return r ? r : look_at_end(st, s, why);
}

void steer_give_up(struct genstore *st, const struct steer *s)
{
	control_done(st, s->id);
}

static int end_it(struct genstore *st, const struct generation *g, const struct completion *end)
{
	static const char words[] = "cancelled";
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = running_is(st, g->request_id)))
		return r < 0 ? r : -EAGAIN;
	r = strcmp(g->status, "queued") ? generation_finish(st, g->id, end) : generation_set_status(st, g->id, "cancelled", NULL);
	if (r || (r = event_add(st, g->id, "log", "warn", words, sizeof(words) - 1, NULL)))
		return r;
	return txn_commit(&t);
}

int steer_cancel(struct genstore *st, struct steer *s, struct buf *note)
{
	AUTO(buf_release) struct buf schema = BUF_INIT;
	struct completion end = { .status = "cancelled" };
	bool queued = strcmp(s->g.status, "queued") == 0;
	int64_t id = 0;
	int r = queued ? 0 : checkpoint_of(st, &s->g, "checkpoint", "before cancel", &id);

	if (r && r != -ENOENT)
		buf_addf(note, "no snapshot of the workspace: %s", genstore_errmsg(st));
	if ((r = tree_schema_of(st, s->g.id, &schema)))
		return r;
	end.schema_snapshot = schema.len ? buf_str(&schema) : NULL;
	return (r = end_it(st, &s->g, &end)) ? r : reload(st, s);
}
