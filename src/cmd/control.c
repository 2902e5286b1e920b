#include "src/cmd/control.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/flow/running.h"

#include <poll.h>

enum { POLL_MS = 30, ORPHAN_MS = 1000 };

void control_request_release(struct control_request *q)
{
	free(MOVE(q->control.decision_id));
	generation_release(&q->g);
}

static bool is_over(const struct generation *g)
{
	return !strcmp(g->status, "completed") || !strcmp(g->status, "failed") || !strcmp(g->status, "cancelled");
}

static int where_is(struct cli *cli, const struct generation *g, enum control_where *ret)
{
	int hand = running_is(cli->st, g->request_id);

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

static int reload(struct cli *cli, struct control_request *q)
{
	int64_t id = q->g.id;

	generation_release(&q->g);
	return generation_get(cli->st, id, &q->g);
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
static int find_question(struct cli *cli, struct control_request *q)
{
	AUTO(question_release) struct question asked = { 0 };
	int r = question_get(cli->st, q->g.id, &asked);

	if (r == -ENOENT)
		return cli_error(cli, EXIT_FAILED, "'%s' asks nothing; 'genstore log -f %s' shows when it does", q->g.request_id, q->g.request_id);
	if (r)
		return cli_fail(cli, r);
	q->control.decision_id = MOVE(asked.decision_id);
	return 0;
}

/* The look and the message are one transaction: nobody waits for what is over already. *ret_id 0: there is nothing to wait for. */
static int post(struct cli *cli, struct control_request *q, const struct control_rule **ret_rule, int64_t *ret_id)
{
	enum control_where where;
	int r;

	TXN t = txn_begin(&cli->st->db);

	if ((r = t.error) || (r = reload(cli, q)) || (r = where_is(cli, &q->g, &where)) ||
	    (r = newest_snapshot(cli->st, q->g.id, &q->newest)))
		return cli_fail(cli, r);
	*ret_rule = &q->rules[where];
	*ret_id = 0;
	if ((*ret_rule)->what != POST)
		return 0;
	if (q->answers && (r = find_question(cli, q)))
		return r;
	if ((r = control_post(cli->st, q->g.id, &q->control, ret_id)) || (r = txn_commit(&t)))
		return cli_fail(cli, r);
	return 0;
}

static int give_up(struct cli *cli, struct control_request *q, int64_t id)
{
	control_done(cli->st, id);
	return cli_error(cli, EXIT_FAILED, "'%s' was not %s within %lld s: its genstore does not answer; see 'genstore log %s'", q->g.request_id,
			 q->control.kind == CONTROL_PAUSE ? "paused" : "reached", (long long)(q->wait_ms / 1000), q->g.request_id);
}

/* The message is gone: it was done. A wish for the end goes with the end, or with a genstore that was killed. */
static int look_at_end(struct cli *cli, struct control_request *q)
{
	bool ends = q->control.kind == CONTROL_CANCEL || q->control.kind == CONTROL_STOP;
	int r = reload(cli, q);

	if (r)
		return cli_fail(cli, r);
	if (!ends || is_over(&q->g))
		return 0;
	return cli_error(cli, EXIT_FAILED, "'%s' is %s: its genstore ended meanwhile; try again", q->g.request_id, q->g.status);
}

static int refused(struct cli *cli, struct control_request *q, int64_t id, const char *why)
{
	control_done(cli->st, id);
	return cli_error(cli, EXIT_FAILED, "'%s': %s", q->g.request_id, why);
}

/* One look. 1: it waits still. */
static int look(struct cli *cli, struct control_request *q, int64_t id)
{
	AUTO(free_ptr) char *why = NULL;
	int r = control_state(cli->st, id, &why);

	if (r == 1 || r == -EBUSY)
		return -1;
	if (r == -ECANCELED)
		return refused(cli, q, id, why);
	return r ? cli_fail(cli, r) : look_at_end(cli, q);
}

static int wait_for_it(struct cli *cli, struct control_request *q, int64_t id)
{
	int64_t until = clock_ms() + q->wait_ms, orphans = clock_ms() + ORPHAN_MS;

	while (clock_ms() < until) {
		int r = look(cli, q, id);

		if (r >= 0)
			return r;
		poll(NULL, 0, POLL_MS);
		/* Its genstore may be killed while we wait. */
		if (clock_ms() >= orphans) {
			flow_adopt_orphans(cli->st, NULL, NULL);
			orphans = clock_ms() + ORPHAN_MS;
		}
	}
	return give_up(cli, q, id);
}

int control_run(struct cli *cli, const char *text, struct control_request *q)
{
	AUTO(revision_release) struct revision rev = { 0 };
	const struct control_rule *rule = NULL;
	int64_t id;
	int r;

	if ((r = cli_open_writer(cli)) || (r = cli_generation(cli, text, &rev)))
		return r;
	q->g = rev.generation;
	rev.generation = (struct generation){ 0 };
	if ((r = post(cli, q, &rule, &id)))
		return r;
	if (rule->what == REFUSE)
		return cli_error(cli, EXIT_FAILED, "'%s' is %s%s", q->g.request_id, q->g.status, rule->words);
	if (rule->what == HERE)
		return q->here(cli, q);
	return rule->what == POST ? wait_for_it(cli, q, id) : EXIT_DONE;
}

int control_tell(struct cli *cli, const struct control_request *q)
{
	if (cli->json)
		keep_tell(cli, &q->g);
	else
		cli_note(cli, "'%s' is %s", q->g.request_id, q->g.status);
	return EXIT_DONE;
}
