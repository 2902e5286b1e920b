/* genstore init */
#include "src/cmd/out.h"

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

const struct command command_init = {
	.name = "init", .arguments = "", .summary = "makes a new store", .run = run,
};
