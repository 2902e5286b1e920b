/* genstore get */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/save.h"
#include "src/sync/settings.h"
#include "store/outbox.h"

static struct {
	const char *file;
	bool force, url;
	int64_t expires;
} o = { .file = "app.tar.gz", .expires = SIGV4_EXPIRES_DEFAULT };

static const struct opt options[] = {
	{ "output", 'o', OPT_TEXT, &o.file, "FILE", "where to write it, '-' is standard output (app.tar.gz)" },
	{ "force", 'f', OPT_FLAG, &o.force, NULL, "replace FILE" },
	{ "url", 'u', OPT_FLAG, &o.url, NULL, "print an address of it in the bucket, which works without keys" },
	{ "expires", 0, OPT_INT, &o.expires, "SECONDS", "how long it works (3600, at most 604800)" },
	{ 0 },
};

static int get(struct cli *cli, const struct generation *g, const struct object *archive)
{
	AUTO(free_ptr) char *what = NULL;
	uint8_t sha256[SHA256_SIZE];

	if (asprintf(&what, "the archive of '%s'", g->request_id) < 0)
		return cli_error(cli, EXIT_FAILED, "no memory");
	return save_object(cli, archive, &(struct save){ o.file, o.force, what, g->archive_sha256 }, sha256);
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

/* Where app.tar.gz is, once it is synced. */
static int find_remote(struct cli *cli, const struct generation *g, struct remote_object *ret_o)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r = outbox_find(cli->st, g->id, "s3", &row);

	if (r && r != -ENOENT)
		return cli_fail(cli, r);
	if (r || strcmp(row.state, "synced"))
		return cli_error(cli, EXIT_NONE, "'%s' is in no bucket; 'genstore sync %s' sends it", g->request_id, g->request_id);
	r = remote_object_next(cli->st, row.id, "", ret_o);
	return r > 0 ? 0 : cli_fail(cli, r ? r : -EUCLEAN);
}

static int give_url(struct cli *cli, const struct generation *g)
{
	AUTO(remote_object_release) struct remote_object object = { 0 };
	AUTO(settings_release) struct settings set = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT, url = BUF_INIT;
	AUTO(s3_freep) struct s3 *s3 = NULL;
	struct s3_options so;
	int r = find_remote(cli, g, &object);

	if (r)
		return r;
	if (!(r = settings_load(cli->st, object.bucket, NULL, &set, &why))) {
		so = settings_options(&set);
		r = s3_new(&so, &s3, &why);
	}
	if (r || (r = s3_presign(s3, object.key, o.expires, &url)))
		return cli_error(cli, cli_exit_code(r), "%s", *buf_str(&why) ? buf_str(&why) : strerror(-r));
	out_url(cli, "request_id", g->request_id, buf_str(&url), o.expires);
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(object_unrefp) struct object *archive = NULL;
	int r;

	if (o.expires < 1 || o.expires > SIGV4_EXPIRES_MAX)
		return cli_usage(cli, "--expires is from 1 to %d seconds", SIGV4_EXPIRES_MAX);
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_generation(cli, argv[0], &rev)))
		return r;
	if (o.url)
		return give_url(cli, &rev.generation);
	if (rev.generation.away) {
		revision_release(&rev);
		rev = (struct revision){ 0 };
		if ((r = cli_here(cli, argv[0], &rev)))
			return r;
	}
	if ((r = generation_archive(cli->st, &rev.generation, &archive)))
		return cli_fail(cli, r);
	if ((r = get(cli, &rev.generation, archive)))
		return r;
	if (strcmp(o.file, "-") != 0)
		tell(cli, &rev.generation);
	return EXIT_DONE;
}

const struct command command_get = {
	.name = "get", .access = FOR_USERS, .arguments = "REQ", .summary = "writes a generation's app.tar.gz", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
