/* genstore artifact get */
#include "src/cmd/artifact.h"
#include "src/cmd/out.h"
#include "src/cmd/save.h"

static struct {
	const char *session, *organization, *file;
	bool force;
} o;

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "whose it is: a name or an id" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "of which organization, where several have a session of that name" },
	{ "output", 'o', OPT_TEXT, &o.file, "FILE", "where to write it, '-' is standard output (its own name, here)" },
	{ "force", 'f', OPT_FLAG, &o.force, NULL, "replace FILE" },
	{ 0 },
};

static void tell(const struct cli *cli, const struct artifact *a, const char *file, const uint8_t sha256[SHA256_SIZE])
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char hex[HEX_SHA256_SIZE], human[HUMAN_SIZE];
	struct jw j;

	hex_encode(sha256, SHA256_SIZE, hex);
	if (!cli->json) {
		cli_note(cli, "wrote '%s': %s, sha256 %s", file, human_bytes(a->file_size, human), hex);
		return;
	}
	out_object(&j, &line, "artifact");
	artifact_fields(&j, a);
	jw_str(&j, "file", file);
	jw_str(&j, "sha256", hex);
	out_object_end(&j);
}

static int get(struct cli *cli, const struct artifact *a, const char *file)
{
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(object_unrefp) struct object *bytes = NULL;
	AUTO(free_ptr) char *what = NULL;
	uint8_t sha256[SHA256_SIZE];
	int r;

	if ((r = artifact_open(cli->st, a, &bytes)) || (r = content_get(cli->st, a->content_id, &c)))
		return cli_fail(cli, r);
	if (asprintf(&what, "'%s'", artifact_path(a->storage_path)) < 0)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if ((r = save_object(cli, bytes, &(struct save){ file, o.force, what, c.sha256 }, sha256)))
		return r;
	if (strcmp(file, "-") != 0)
		tell(cli, a, file, sha256);
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	const char *slash = strrchr(argv[0], '/');
	struct session s;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = artifact_session(cli, o.organization, o.session, &s)))
		return r;
	if ((r = artifact_find(cli->st, &s, argv[0], &a)))
		return cli_fail(cli, r);
	return get(cli, &a, o.file ? o.file : slash ? slash + 1 : argv[0]);
}

const struct command command_artifact_get = {
	.name = "artifact get", .access = FOR_USERS, .arguments = "TYPE/NAME --session S", .summary = "writes an artifact", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
