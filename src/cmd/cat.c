/* genstore cat */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"

enum { AT_ONCE = 1 << 20 };

static int write_content(struct cli *cli, int64_t content)
{
	AUTO(object_unrefp) struct object *file = NULL;
	AUTO(free_ptr) char *bytes = NULL;
	int64_t at = 0;
	ssize_t n;
	int r = object_of_content(cli->st, content, &file);

	if (r)
		return cli_fail(cli, r);
	bytes = malloc((size_t)max_i64(1, min_i64(AT_ONCE, object_size(file))));
	if (!bytes)
		return cli_error(cli, EXIT_FAILED, "no memory");
	for (; at < object_size(file); at += n) {
		n = object_read(cli->st, file, at, (size_t)min_i64(AT_ONCE, object_size(file) - at), bytes);
		if (n < 0)
			return cli_fail(cli, (int)n);
		if ((r = out_bytes(cli, bytes, (size_t)n)) || ferror(stdout))
			return r;
	}
	return EXIT_DONE;
}

static int cat_one(struct cli *cli, const char *arg)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	size_t entry;
	int r;

	if (!strchr(arg, ':'))
		return cli_usage(cli, "'%s' names no file; write REV:PATH", arg);
	if ((r = cli_path(cli, arg, &rev, &m, &entry)))
		return r;
	if (entry == m->count || m->entries[entry].type == TAR_DIR)
		return cli_error(cli, EXIT_FAILED, "'%s' is a directory; 'genstore ls' lists it", arg);
	if (m->entries[entry].type == TAR_SYMLINK)
		return cli_error(cli, EXIT_FAILED, "'%s' is a symbolic link to '%s'; name that file", arg, m->entries[entry].link);
	return write_content(cli, m->entries[entry].content);
}

static int run(struct cli *cli, int argc, char **argv)
{
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	for (int i = 0; i < argc && !r && !ferror(stdout); i++)
		r = cat_one(cli, argv[i]);
	return r;
}

const struct command command_cat = {
	.name = "cat", .access = FOR_USERS, .arguments = "REV:PATH...", .summary = "writes files to standard output", .run = run,
	.min_args = 1, .max_args = -1,
};
