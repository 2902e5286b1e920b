/* genstore export. Rows are export_tables.c's. */
#include "src/cmd/export.h"
#include "fs/export.h"
#include "src/cmd/out.h"
#include "store/base/utf8.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct {
	const char *format;
	struct export_to to;
} o;

struct telling {
	struct cli *cli;
	struct progress progress;
};

static void show_progress(void *arg, int64_t bytes)
{
	struct telling *t = arg;

	progress_update(&t->progress, bytes, "bytes");
}

static void tell_trouble(void *arg, const char *path, const char *why)
{
	struct telling *t = arg;
	AUTO(buf_release) struct buf safe = BUF_INIT;

	utf8_printable(&safe, path, strlen(path));
	cli_error(t->cli, EXIT_PARTLY, "cannot export '%s': %s", buf_str(&safe), why);
}

static int open_folder(struct cli *cli, const char *dir, int *ret_fd)
{
	if (mkdir(dir, 0777) && errno != EEXIST)
		return cli_error(cli, EXIT_FAILED, "cannot make the folder '%s': %s", dir, strerror(errno));
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? cli_error(cli, EXIT_FAILED, "cannot open the folder '%s': %s", dir, strerror(errno)) : 0;
}

static void tell(const struct cli *cli, const struct export_result *e, const char *dir)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "'%s' has %lld generations; %lld files were written, %s, and %lld were there", dir, (long long)e->generations,
			 (long long)e->written, human_bytes(e->bytes, human), (long long)e->unchanged);
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "directory", dir);
	jw_int(&j, "generations", e->generations);
	jw_int(&j, "written", e->written);
	jw_int(&j, "unchanged", e->unchanged);
	jw_int(&j, "bytes", e->bytes);
	jw_int(&j, "failed", e->failed);
	out_object_end(&j);
}

static void view_freep(struct view **v)
{
	view_free(*v);
}

static int run_files(struct cli *cli, const char *dir)
{
	struct telling t = { .cli = cli };
	const struct export_options how = { .progress = show_progress, .trouble = tell_trouble, .arg = &t };
	AUTO(view_freep) struct view *v = NULL;
	AUTO(buf_release) struct buf why = BUF_INIT;
	AUTO(close_fd) int fd = -1;
	struct export_result e = { 0 };
	int r;

	if ((r = view_new(cli->store_path, &v)) || (r = view_look(v, cli->st)))
		return cli_fail(cli, r);
	if ((r = open_folder(cli, dir, &fd)))
		return r;
	progress_begin(&t.progress, cli, "exporting", 0);
	r = export_files(v, cli->st, fd, &how, &e, &why);
	progress_end(&t.progress);
	if (r)
		return cli_error(cli, r == -EBADMSG || r == -EUCLEAN ? EXIT_DAMAGED : EXIT_FAILED, "cannot export into '%s': %s", dir,
				 why.len ? buf_str(&why) : strerror(-r));
	tell(cli, &e, dir);
	return e.failed ? EXIT_PARTLY : EXIT_DONE;
}

static const struct {
	const char *name;
	int (*folder)(struct cli *cli, const char *dir);
	int (*file)(struct cli *cli, const struct export_to *to);
} formats[] = {
	{ "files", run_files, NULL },
	{ "json", NULL, export_json },
	{ "postgres", NULL, export_postgres },
};

static int run_format(struct cli *cli, size_t i, const char *folder)
{
	int r;

	if (formats[i].folder && (o.to.file || o.to.force || o.to.redact || o.to.without_files))
		return cli_usage(cli, "--format files writes into a folder, as it is: without -o, --force, --redact and --without-files");
	if (formats[i].folder && !folder)
		return cli_usage(cli, "name the folder to write into");
	if (!formats[i].folder && folder)
		return cli_usage(cli, "--format %s writes one file: name it with -o", formats[i].name);
	if (!o.to.file)
		o.to.file = "-";
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	return formats[i].folder ? formats[i].folder(cli, folder) : formats[i].file(cli, &o.to);
}

static int run(struct cli *cli, int argc, char **argv)
{
	if (!o.format)
		return cli_usage(cli, "say --format files, json or postgres");
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (!strcmp(o.format, formats[i].name))
			return run_format(cli, i, argc ? argv[0] : NULL);
	return cli_usage(cli, "no format '%s'; there are: files, json, postgres", o.format);
}

static const struct opt options[] = {
	{ "format", 0, OPT_TEXT, &o.format, "F", "files: as the mount shows them; json: rows as JSON lines; postgres: SQL for psql" },
	{ "output", 'o', OPT_TEXT, &o.to.file, "FILE", "json, postgres: where to write it, '-' is standard output (-)" },
	{ "force", 'f', OPT_FLAG, &o.to.force, NULL, "replace FILE" },
	{ "redact", 0, OPT_FLAG, &o.to.redact, NULL, "without secrets, wherever they are, and searched for them afterwards" },
	{ "without-files", 0, OPT_FLAG, &o.to.without_files, NULL, "without the files of iterations" },
	{ 0 },
};

const struct command command_export = {
	.name = "export", .arguments = "--format F [FOLDER]", .summary = "writes what the store holds into a folder, or its rows into a file", .options = options,
	.run = run, .max_args = 1,
	.more = "Again into the same folder, it writes what came since.\n",
};
