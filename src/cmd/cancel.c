/* genstore pause, genstore cancel */
#include "src/cmd/control.h"

static struct {
	bool stop;
} o;

static const struct opt options[] = {
	{ "stop", 0, OPT_FLAG, &o.stop, NULL, "lets it finish its iteration and end by itself first" },
	{ 0 },
};

static int run_pause(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = { .s.control.kind = CONTROL_PAUSE, .wait_ms = CONTROL_WAIT_MS };
	int r = control_run(cli, argv[0], &q);

	return r ? r : control_tell(cli, &q);
}

static int cancel_here(struct cli *cli, struct steer *s)
{
	AUTO(buf_release) struct buf note = BUF_INIT;
	int r = steer_cancel(cli->st, s, &note);

	if (note.len)
		cli_note(cli, "%s", buf_str(&note));
	if (r == -EAGAIN)
		return cli_error(cli, EXIT_FAILED, "'%s' was just taken up again; try again", s->g.request_id);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static int run_cancel(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.s.control.kind = o.stop ? CONTROL_STOP : CONTROL_CANCEL, .here = cancel_here, .wait_ms = CONTROL_WAIT_MS + (o.stop ? FLOW_STOP_MS : 0),
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
