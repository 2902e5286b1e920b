/* genstore ls */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "store/base/utf8.h"

static struct {
	bool lines, recursive;
} o;

static const struct opt options[] = {
	{ "long", 'l', OPT_FLAG, &o.lines, NULL, "with mode, size and target" },
	{ "recursive", 'R', OPT_FLAG, &o.recursive, NULL, "all that is below, as paths" },
	{ 0 },
};

static const char *mode_of(const struct entry *e)
{
	static const char *const modes[] = { [TAR_DIR] = "drwxr-xr-x", [TAR_SYMLINK] = "lrwxrwxrwx" };

	return e->type != TAR_FILE ? modes[e->type] : e->executable ? "-rwxr-xr-x" : "-rw-r--r--";
}

static int print_object(struct genstore *st, const struct entry *e)
{
	static const char *const types[] = { [TAR_FILE] = "file", [TAR_DIR] = "directory", [TAR_SYMLINK] = "symlink" };
	AUTO(content_release) struct content c = { 0 };
	AUTO(buf_release) struct buf line = BUF_INIT;
	char hex[HEX_SHA256_SIZE];
	struct jw j;
	int r;

	if (e->type == TAR_FILE && (r = content_get(st, e->content, &c)))
		return r;
	out_object(&j, &line, "file");
	jw_strn(&j, "path", e->path, e->path_len - (e->type == TAR_DIR));
	jw_str(&j, "type", types[e->type]);
	jw_str(&j, "mode", e->type == TAR_SYMLINK ? "0777" : e->type == TAR_DIR || e->executable ? "0755" : "0644");
	if (e->type == TAR_FILE) {
		hex_encode(c.sha256, SHA256_SIZE, hex);
		jw_int(&j, "size", e->size);
		jw_str(&j, "sha256", hex);
	}
	if (e->type == TAR_SYMLINK)
		jw_str(&j, "target", e->link);
	out_object_more(&j);
	return 0;
}

/* The name as it stands below the listed directory, whose path takes `skip` bytes. */
static void print_line(const struct entry *e, size_t skip, int width)
{
	AUTO(buf_release) struct buf line = BUF_INIT;

	if (o.lines)
		buf_addf(&line, "%s %*lld ", mode_of(e), width, (long long)e->size);
	utf8_printable(&line, e->path + skip, e->path_len - skip);
	if (o.lines && e->type == TAR_SYMLINK) {
		buf_adds(&line, " -> ");
		utf8_printable(&line, e->link, strlen(e->link));
	}
	puts(buf_str(&line));
}

static size_t next(const struct manifest *m, size_t i)
{
	return o.recursive ? i + 1 : manifest_skip(m, i);
}

static int size_width(const struct manifest *m, size_t first, size_t end)
{
	int64_t largest = 0;

	for (size_t i = first; i < end; i = next(m, i))
		largest = max_i64(largest, m->entries[i].size);
	return snprintf(NULL, 0, "%lld", (long long)largest);
}

static int list(struct cli *cli, const struct manifest *m, size_t entry)
{
	bool dir = entry == m->count || m->entries[entry].type == TAR_DIR;
	size_t first = entry, end = entry + 1, skip = 0;
	int width, r = 0;

	if (dir) {
		AUTO(free_ptr) char *path = entry == m->count ? strdup("") : strdup(m->entries[entry].path);

		if (!path)
			return cli_error(cli, EXIT_FAILED, "no memory");
		skip = strlen(path);
		if (skip)
			path[skip - 1] = '\0';
		manifest_range(m, path, &first, &end);
	}
	width = o.lines ? size_width(m, first, end) : 0;
	for (size_t i = first; i < end && !r && !ferror(stdout); i = next(m, i)) {
		if (cli->json)
			r = print_object(cli->st, &m->entries[i]);
		else
			print_line(&m->entries[i], skip, width);
	}
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	size_t entry;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_path(cli, argv[0], &rev, &m, &entry)))
		return r;
	return list(cli, m, entry);
}

const struct command command_ls = {
	.name = "ls", .access = FOR_USERS, .arguments = "REV[:PATH]", .summary = "lists a directory of a tree", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
