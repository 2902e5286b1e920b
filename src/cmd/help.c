/* genstore help */
#include "src/cmd/cmd.h"

static int run(struct cli *cli, int argc, char **argv)
{
	const struct command *c = argc ? command_find(argv[0]) : NULL;

	if (argc && !c) {
		/* The hint is the list of commands, not the help of help. */
		cli->command = NULL;
		return cli_usage(cli, "no such command: '%s'", argv[0]);
	}
	cli_help(stdout, c);
	return EXIT_DONE;
}

const struct command command_help = {
	.name = "help", .arguments = "[COMMAND]", .summary = "explains a command", .run = run, .max_args = 1,
};
