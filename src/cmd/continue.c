/* genstore continue */
#include "src/cmd/control.h"
#include "src/cmd/launch.h"

/* It is run when the look at it is over. */
static int run_later(struct cli *cli UNUSED, struct steer *s UNUSED)
{
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.s.control.kind = CONTROL_CONTINUE, .wait_ms = CONTROL_WAIT_MS, .here = run_later,
	};
	AUTO(launch_release) struct launch l = { 0 };
	int r;

	/* getopt_long(3) moves the -- before the arguments. */
	if ((r = launch_command(cli, !strcmp(argv[-1], "--"), argc - 1, argv + 1, &l)) || (r = control_run(cli, argv[0], &q)))
		return r;
	if (q.s.what != STEER_HERE && argc > 1)
		cli_note(cli, "its own process goes on; COMMAND was not needed");
	if (q.s.what != STEER_HERE)
		return control_tell(cli, &q);
	if ((r = launch_kept(cli, q.s.g.request_id, &l)))
		return r;
	return launch_run(cli, &l, true);
}

const struct command command_continue = {
	.name = "continue", .access = FOR_USERS, .arguments = "REQ [-- COMMAND [ARG]...]", .summary = "lets a paused generation go on", .run = run,
	.min_args = 1, .max_args = -1,
	.more = "Where its process is gone, it runs here, on the workspace that it left, with the command that it was\n"
		"begun with, or with COMMAND.",
};
