/* genstore take-queued: the process of one generation of a worker (work.c). Exits with EXIT_NOTHING when nothing is queued. */
#include "src/cmd/keep.h"
#include "src/cmd/launch.h"

#include <fcntl.h>

static struct {
	int64_t turn;
} o;

static const struct opt options[] = {
	{ "turn", 0, OPT_INT, &o.turn, "FD", "the lock for who writes" },
	{ 0 },
};

/* What can never begin here would be taken again and again. */
static int refuse(struct cli *cli, const struct generation *g, int code)
{
	static const char words[] = "the worker that took it cannot run it; its output says why";
	const struct completion end = { .status = "failed", .error_message = words };
	int r;

	TXN t = txn_begin(&cli->st->db);

	if ((r = t.error) || (r = generation_set_status(cli->st, g->id, "generating", NULL)) ||
	    (r = event_add(cli->st, g->id, "log", "error", words, sizeof(words) - 1, NULL)) ||
	    (r = generation_finish(cli->st, g->id, &end)) || (r = txn_commit(&t)))
		return cli_fail(cli, r);
	return code;
}

static int take(struct cli *cli, int64_t id, int argc, char **argv)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(launch_release) struct launch l = { .brief = true, .turn = (int)o.turn };
	AUTO(run_release) struct run kept = { 0 };
	int r = generation_get(cli->st, id, &g);

	if (r || ((r = run_get(cli->st, id, &kept)) && r != -ENOENT))
		return cli_fail(cli, r);
	/* The worker's command is for those that have none. */
	if (!kept.command && (r = launch_command(cli, argc > 0, argc, argv, &l)))
		return r;
	if ((r = launch_kept(cli, g.request_id, &l)))
		return r == EXIT_USAGE ? refuse(cli, &g, EXIT_FAILED) : r;
	return launch_run(cli, &l, false);
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	int64_t id;
	int r;

	/* Not for the generator. */
	if (o.turn > INT32_MAX || (o.turn && fcntl((int)o.turn, F_SETFD, FD_CLOEXEC)))
		return cli_usage(cli, "--turn is for the processes of a worker");
	if ((r = cli_open(cli, 0)))
		return r;
	if ((r = launch_names(&names)))
		return cli_fail(cli, r);
	/* Another worker may be first: then it is the next one's turn. */
	do {
		if ((r = run_next(cli->st, buf_str(&names), &id)) <= 0)
			return r < 0 ? cli_fail(cli, r) : EXIT_NOTHING;
		r = take(cli, id, argc, argv);
	} while (r == EXIT_NOTHING);
	return r;
}

const struct command command_take_queued = {
	.name = "take-queued", .arguments = "[-- COMMAND [ARG]...]", .summary = "a worker's process", .options = options, .run = run,
	.max_args = -1,
	.hidden = true, .rest = true,
};
