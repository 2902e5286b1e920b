/* genstore continue */
#include "src/cmd/control.h"
#include "src/cmd/launch.h"

static const struct control_rule rules[CONTROL_WHERES] = {
	[IS_QUEUED] = { REFUSE, ": 'genstore work' takes it" }, [IS_RUNNING] = { NOTHING, NULL }, [IS_HELD] = { POST, NULL },
	[IS_LEFT] = { HERE, NULL }, [IS_OVER] = { REFUSE, "; 'genstore generate --resume' goes on in a new generation" },
};

/* Nothing yet: it is run when the look at it is over. */
static int run_here(struct cli *cli UNUSED, struct control_request *q)
{
	q->control.id = -1;
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.control = { .kind = CONTROL_CONTINUE }, .rules = rules, .wait_ms = CONTROL_WAIT_MS, .here = run_here,
	};
	AUTO(launch_release) struct launch l = { 0 };
	int r;

	/* getopt_long(3) moves the -- before the arguments. */
	if ((r = launch_command(cli, !strcmp(argv[-1], "--"), argc - 1, argv + 1, &l)) || (r = control_run(cli, argv[0], &q)))
		return r;
	if (q.control.id != -1 && argc > 1)
		cli_note(cli, "its own process goes on; COMMAND was not needed");
	if (q.control.id != -1)
		return control_tell(cli, &q);
	if ((r = launch_kept(cli, q.g.request_id, &l)))
		return r;
	return launch_run(cli, &l, true);
}

const struct command command_continue = {
	.name = "continue", .access = FOR_USERS, .arguments = "REQ [-- COMMAND [ARG]...]", .summary = "lets a paused generation go on", .run = run,
	.min_args = 1, .max_args = -1,
	.more = "Where its process is gone, it runs here, on the workspace that it left, with the command that it was\n"
		"begun with, or with COMMAND.",
};
