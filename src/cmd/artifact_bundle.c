/* genstore artifact bundle */
#include "src/cmd/artifact.h"
#include "src/cmd/out.h"
#include "src/cmd/save.h"

static struct {
	const char *session, *organization, *type, *file;
	bool force;
} o;

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "of that session: a name or an id" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "of which organization, where several have a session of that name" },
	{ "type", 't', OPT_TEXT, &o.type, "T", "of that type only" },
	{ "output", 'o', OPT_TEXT, &o.file, "FILE", "where to write it, '-' is standard output (artifacts-SESSION.zip)" },
	{ "force", 'f', OPT_FLAG, &o.force, NULL, "replace FILE" },
	{ 0 },
};

static void tell(const struct cli *cli, const struct session *s, const struct object *zip, int64_t count, const char *file,
		 const uint8_t sha256[SHA256_SIZE])
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char hex[HEX_SHA256_SIZE], human[HUMAN_SIZE];
	struct jw j;

	hex_encode(sha256, SHA256_SIZE, hex);
	if (!cli->json) {
		cli_note(cli, "wrote '%s': %lld artifact%s, %s, sha256 %s", file, (long long)count, count == 1 ? "" : "s",
			 human_bytes(object_size(zip), human), hex);
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "session_id", s->id);
	jw_int(&j, "artifacts", count);
	jw_str(&j, "file", file);
	jw_int(&j, "size", object_size(zip));
	jw_str(&j, "sha256", hex);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	AUTO(object_unrefp) struct object *zip = NULL;
	struct artifact_filter f = { .type = o.type ? artifact_type_of(o.type) : NULL };
	char file[sizeof("artifacts-.zip") + ID_UUID];
	uint8_t sha256[SHA256_SIZE];
	struct session s;
	int64_t count;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = artifact_session(cli, o.organization, o.session, &s)))
		return r;
	f.session_id = s.id;
	f.organization_id = s.organization_id;
	r = artifact_bundle(cli->st, &f, &zip, &count, NULL);
	if (r == -ENOENT)
		return cli_error(cli, EXIT_NONE, "there are no artifacts%s in the session '%s'", o.type ? " of this type" : "", o.session);
	if (r)
		return cli_fail(cli, r);
	snprintf(file, sizeof(file), "artifacts-%s.zip", s.id);
	o.file = o.file ? o.file : file;
	if ((r = save_object(cli, zip, &(struct save){ o.file, o.force, "the bundle", NULL }, sha256)))
		return r;
	if (strcmp(o.file, "-") != 0)
		tell(cli, &s, zip, count, o.file, sha256);
	return EXIT_DONE;
}

const struct command command_artifact_bundle = {
	.name = "artifact bundle", .access = FOR_USERS, .arguments = "--session S", .summary = "writes a session's artifacts as a ZIP file",
	.options = options, .run = run,
};
