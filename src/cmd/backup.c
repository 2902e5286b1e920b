/* genstore backup */
#include "src/cmd/out.h"
#include "store/backup.h"

#include <sys/stat.h>

static void show_progress(void *arg, int64_t done, int64_t total)
{
	struct progress *p = arg;

	p->total = total;
	progress_update(p, done, "bytes");
}

static void tell(const struct cli *cli, const char *path)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct stat sb = { 0 };
	struct jw j;

	stat(path, &sb);
	if (!cli->json) {
		cli_note(cli, "wrote '%s': %s", path, human_bytes(sb.st_size, human));
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "file", path);
	jw_int(&j, "file_bytes", sb.st_size);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	struct progress p;
	const struct backup_options bo = { .progress = show_progress, .arg = &p };
	int r;

	/* One with an older schema is worth a copy too. */
	if ((r = cli_open(cli, GENSTORE_READ_ONLY | GENSTORE_ANY_VERSION)))
		return r;
	progress_begin(&p, cli, "copying", 0);
	r = backup_store(cli->st, argv[0], &bo);
	progress_end(&p);
	if (r == -EEXIST)
		return cli_error(cli, EXIT_FAILED, "'%s' exists already; name a new file", argv[0]);
	/* Not a thing of the store that there is not, but the folder of the copy. */
	if (r == -ENOENT)
		return cli_error(cli, EXIT_FAILED, "%s", genstore_errmsg(cli->st));
	if (r)
		return cli_fail(cli, r);
	tell(cli, argv[0]);
	return EXIT_DONE;
}

const struct command command_backup = {
	.name = "backup", .arguments = "FILE", .summary = "copies the store while it is in use", .run = run,
	.min_args = 1, .max_args = 1,
};
