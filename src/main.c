/* The table of commands. */
#include "src/cmd/cmd.h"
#include "src/cmd/cli.h"

#define COMMANDS(X)                                                                                                    \
	X(init) X(generate) X(work) X(import)                                                                                  \
	X(pause) X(continue) X(cancel) X(answer) X(say) X(snapshot)                                                    \
	X(list) X(show) X(log) X(snapshots) X(diff) X(ls) X(cat) X(get) X(restore) X(fork) X(promote) X(push) X(rm)                       \
	X(sync) X(status) X(pull) X(recover) X(evict)                                                                                         \
	X(artifact)                                                                                                    \
	X(mount) X(umount) X(serve)                                                                                             \
	X(user) X(org) X(token)                                                                                           \
	X(key) X(secret) X(audit) X(cost)                                                                                               \
	X(check) X(gc) X(backup) X(migrate) X(export) X(stats)                                                         \
	X(config) X(completion) X(help) X(example_generator) X(take_queued) X(git_remote)

#define DECLARE(name) extern const struct command command_##name;
COMMANDS(DECLARE)

#define ROW(name) &command_##name,
const struct command *const commands[] = { COMMANDS(ROW) NULL };

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
