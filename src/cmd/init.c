/* genstore init */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/base/folders.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static void tell(const struct cli *cli)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "made the store '%s'", cli->store_path);
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "store", cli->store_path);
	jw_bool(&j, "created", true);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	/* The folders of any other path are the user's business. */
	int r = cli->store_is_default ? folders_above(cli->store_path, 0700) : 0;

	if (r)
		return cli_error(cli, EXIT_FAILED, "cannot make the folder of '%s': %s", cli->store_path, strerror(-r));
	cli->st = genstore_new();
	if (!cli->st)
		return cli_error(cli, EXIT_FAILED, "no memory");
	r = genstore_create(cli->st, cli->store_path);
	if (r == -EEXIST)
		return cli_error(cli, EXIT_FAILED, "'%s' exists already; name another file with --store", cli->store_path);
	if (r)
		return cli_error(cli, EXIT_FAILED, "%s", genstore_errmsg(cli->st));
	tell(cli);
	return EXIT_DONE;
}

int cli_make_default(struct cli *cli)
{
	const char *path = cli->store_path;
	AUTO(free_ptr) char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	AUTO(close_fd) int fd = -1;
	int r = folder ? folders_above(path, 0700) : -ENOMEM;

	if (r)
		return cli_error(cli, EXIT_FAILED, "cannot make the folder of '%s': %s", path, strerror(-r));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Where there are no locks it goes without. */
	if (fd >= 0)
		flock(fd, LOCK_EX);
	return access(path, F_OK) && errno == ENOENT ? run(cli, 0, NULL) : 0;
}

const struct command command_init = {
	.name = "init", .arguments = "", .summary = "makes a new store", .run = run,
};
