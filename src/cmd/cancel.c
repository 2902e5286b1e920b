/* genstore pause, genstore cancel */
#include "src/cmd/control.h"
#include "src/facts/tree.h"
#include "src/flow/checkpoint.h"
#include "src/flow/running.h"

static struct {
	bool stop;
} o;

static const struct opt options[] = {
	{ "stop", 0, OPT_FLAG, &o.stop, NULL, "lets it finish its iteration and end by itself first" },
	{ 0 },
};

static const struct control_rule pause_rules[CONTROL_WHERES] = {
	[IS_QUEUED] = { REFUSE, ": there is nothing to pause yet; 'genstore cancel' takes it out of the queue" },
	[IS_RUNNING] = { POST, NULL }, [IS_HELD] = { NOTHING, NULL }, [IS_LEFT] = { NOTHING, NULL },
	[IS_OVER] = { REFUSE, ": there is nothing to pause" },
};

static int run_pause(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.control = { .kind = CONTROL_PAUSE }, .rules = pause_rules, .wait_ms = CONTROL_WAIT_MS,
	};
	int r = control_run(cli, argv[0], &q);

	return r ? r : control_tell(cli, &q);
}

/* A queued one has nothing; of a paused one what is in the workspace is kept first. */
static int cancel_here(struct cli *cli, struct control_request *q)
{
	static const char words[] = "cancelled";
	AUTO(buf_release) struct buf schema = BUF_INIT;
	struct completion end = { .status = "cancelled" };
	bool queued = strcmp(q->g.status, "queued") == 0;
	int64_t id = 0;
	int r = queued ? 0 : checkpoint_of(cli->st, &q->g, "checkpoint", "before cancel", &id);

	if (r && r != -ENOENT)
		cli_note(cli, "no snapshot of the workspace: %s", genstore_errmsg(cli->st));
	if ((r = tree_schema_of(cli->st, q->g.id, &schema)))
		return cli_fail(cli, r);
	end.schema_snapshot = schema.len ? buf_str(&schema) : NULL;

	TXN t = txn_begin(&cli->st->db);

	if ((r = t.error) || (r = running_is(cli->st, q->g.request_id)))
		return r < 0 ? cli_fail(cli, r) : cli_error(cli, EXIT_FAILED, "'%s' was just taken up again; try again", q->g.request_id);
	r = queued ? generation_set_status(cli->st, q->g.id, "cancelled", NULL) : generation_finish(cli->st, q->g.id, &end);
	if (r || (r = event_add(cli->st, q->g.id, "log", "warn", words, sizeof(words) - 1, NULL)) || (r = txn_commit(&t)))
		return cli_fail(cli, r);
	id = q->g.id;
	generation_release(&q->g);
	return (r = generation_get(cli->st, id, &q->g)) ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct control_rule cancel_rules[CONTROL_WHERES] = {
	[IS_QUEUED] = { HERE, NULL }, [IS_RUNNING] = { POST, NULL }, [IS_HELD] = { POST, NULL }, [IS_LEFT] = { HERE, NULL },
	[IS_OVER] = { REFUSE, " already" },
};

static int run_cancel(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.control = { .kind = o.stop ? CONTROL_STOP : CONTROL_CANCEL }, .rules = cancel_rules, .here = cancel_here,
		.wait_ms = CONTROL_WAIT_MS + (o.stop ? FLOW_STOP_MS : 0),
	};
	int r = control_run(cli, argv[0], &q);

	return r ? r : control_tell(cli, &q);
}

const struct command command_pause = {
	.name = "pause", .access = FOR_USERS, .arguments = "REQ", .summary = "stops a running generation where it stands", .run = run_pause,
	.min_args = 1, .max_args = 1,
};

const struct command command_cancel = {
	.name = "cancel", .access = FOR_USERS, .arguments = "REQ", .summary = "ends a generation that is queued, runs or is paused", .options = options,
	.run = run_cancel, .min_args = 1, .max_args = 1,
	.more = "Its finished iterations are kept, and what else is in its workspace as a snapshot.",
};
