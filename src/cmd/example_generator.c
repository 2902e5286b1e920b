/* genstore example-generator: what 'genstore generate' starts when it is given no command. Not for people. */
#include "src/cmd/cmd.h"
#include "src/example/example.h"

/* It wants an argv as main() has it; what stands before the arguments is the command's name. */
static int run(struct cli *cli UNUSED, int argc, char **argv)
{
	return example_generator(argc + 1, argv - 1);
}

const struct command command_example_generator = {
	.name = "example-generator", .arguments = "", .summary = "the built-in example generator", .run = run,
	.max_args = -1, .hidden = true,
};
