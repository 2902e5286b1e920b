/* genstore init */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

/* The folders that the default store is in; of any other path they are the user's business. */
static int make_parents(const char *path)
{
	AUTO(free_ptr) char *dir = strdup(path);

	if (!dir)
		return -ENOMEM;
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0700) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

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
	int r = cli->store_is_default ? make_parents(cli->store_path) : 0;

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
	int r = folder ? make_parents(path) : -ENOMEM;

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
