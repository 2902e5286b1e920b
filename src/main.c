/* The table of commands. */
#include "src/cmd/cmd.h"
#include "src/cmd/cli.h"

#define COMMANDS(X)                                                                                                    \
	X(init) X(generate) X(import)                                                                                  \
	X(list) X(show) X(log) X(snapshots) X(diff) X(ls) X(cat) X(get) X(restore) X(fork) X(promote) X(rm)                       \
	X(mount) X(umount)                                                                                             \
	X(check) X(gc) X(backup) X(migrate) X(stats)                                                                   \
	X(completion) X(help) X(example_generator)

#define DECLARE(name) extern const struct command command_##name;
COMMANDS(DECLARE)

#define ROW(name) &command_##name,
const struct command *const commands[] = { COMMANDS(ROW) NULL };

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
