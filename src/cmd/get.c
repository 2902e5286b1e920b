/* genstore get */
#include "src/cmd/newfile.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"

enum { AT_ONCE = 1 << 20 };

static struct {
	const char *file;
	bool force;
} o = { .file = "app.tar.gz" };

static const struct opt options[] = {
	{ "output", 'o', OPT_TEXT, &o.file, "FILE", "where to write it, '-' is standard output (app.tar.gz)" },
	{ "force", 'f', OPT_FLAG, &o.force, NULL, "replace FILE" },
	{ 0 },
};

static int write_some(struct cli *cli, struct newfile *to, const void *data, size_t n)
{
	int r;

	if (to->fd < 0)
		return out_bytes(cli, data, n);
	if ((r = newfile_write(to, data, n)))
		return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", to->path, strerror(-r));
	return 0;
}

/* Copies it, hashed on the way. */
static int copy(struct cli *cli, const struct object *archive, struct newfile *to, uint8_t ret_sha256[SHA256_SIZE])
{
	AUTO(free_ptr) char *bytes = malloc(AT_ONCE);
	struct progress p;
	struct sha256 h;
	int64_t at = 0;
	ssize_t n = 0;
	int r = 0;

	if (!bytes)
		return cli_error(cli, EXIT_FAILED, "no memory");
	sha256_init(&h);
	progress_begin(&p, cli, "writing", object_size(archive));
	for (; !r && at < object_size(archive) && !ferror(stdout); at += n) {
		n = object_read(cli->st, archive, at, AT_ONCE, bytes);
		if (n <= 0)
			break;
		sha256_update(&h, bytes, (size_t)n);
		r = write_some(cli, to, bytes, (size_t)n);
		if (to->fd >= 0)
			progress_update(&p, at + n, "bytes");
	}
	progress_end(&p);
	sha256_final(&h, ret_sha256);
	return n < 0 ? cli_fail(cli, (int)n) : r;
}

static int check_hash(struct cli *cli, const struct generation *g, const uint8_t sha256[SHA256_SIZE])
{
	if (memcmp(sha256, g->archive_sha256, SHA256_SIZE) == 0 || ferror(stdout))
		return 0;
	return cli_error(cli, EXIT_DAMAGED, "the archive of '%s' does not have its SHA-256; run 'genstore check --read-data'",
			 g->request_id);
}

static int open_error(struct cli *cli, int r)
{
	if (r == -EEXIST)
		return cli_error(cli, EXIT_FAILED, "'%s' exists; --force replaces it", o.file);
	return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", o.file, strerror(-r));
}

static int get(struct cli *cli, const struct generation *g, const struct object *archive)
{
	AUTO(newfile_release) struct newfile to = NEWFILE_INIT;
	uint8_t sha256[SHA256_SIZE];
	bool to_stdout = strcmp(o.file, "-") == 0;
	int r = to_stdout ? 0 : newfile_open(o.file, o.force, &to);

	if (r)
		return open_error(cli, r);
	if ((r = copy(cli, archive, &to, sha256)) || (r = check_hash(cli, g, sha256)))
		return r;
	if (!to_stdout && (r = newfile_finish(&to, o.force)))
		return open_error(cli, r);
	return 0;
}

static void tell(const struct cli *cli, const struct generation *g)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char hex[HEX_SHA256_SIZE], human[HUMAN_SIZE];
	struct jw j;

	hex_encode(g->archive_sha256, SHA256_SIZE, hex);
	if (!cli->json) {
		cli_note(cli, "wrote '%s': %s, sha256 %s", o.file, human_bytes(g->archive_size, human), hex);
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "request_id", g->request_id);
	jw_str(&j, "file", o.file);
	jw_int(&j, "archive_size", g->archive_size);
	jw_str(&j, "archive_sha256", hex);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(object_unrefp) struct object *archive = NULL;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_generation(cli, argv[0], &rev)))
		return r;
	if ((r = generation_archive(cli->st, &rev.generation, &archive)))
		return cli_fail(cli, r);
	if ((r = get(cli, &rev.generation, archive)))
		return r;
	if (strcmp(o.file, "-") != 0)
		tell(cli, &rev.generation);
	return EXIT_DONE;
}

const struct command command_get = {
	.name = "get", .arguments = "REQ", .summary = "writes a generation's app.tar.gz", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
