/* genstore help */
#include "src/cmd/cmd.h"

static int run(struct cli *cli, int argc, char **argv)
{
	const struct command *group = argc ? command_find(argv[0]) : NULL;
	const struct command *c = argc > 1 && group ? command_of(group, argv[1]) : group;

	if (argc && !c) {
		/* The hint is the list of commands, not the help of help. */
		cli->command = group;
		return cli_usage(cli, "no such command: '%s%s%s'", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	}
	cli_help(stdout, c);
	return EXIT_DONE;
}

const struct command command_help = {
	.name = "help", .arguments = "[COMMAND]", .summary = "explains a command", .run = run, .max_args = 2,
};
