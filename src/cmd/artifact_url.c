/* genstore artifact url */
#include "src/cmd/artifact.h"
#include "src/cmd/out.h"
#include "src/sync/settings.h"
#include "store/artifact_remote.h"

static struct {
	const char *session, *organization;
	int64_t expires;
} o = { .expires = SIGV4_EXPIRES_DEFAULT };

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "whose it is: a name or an id" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "of which organization, where several have a session of that name" },
	{ "expires", 0, OPT_INT, &o.expires, "SECONDS", "how long it works (3600, at most 604800)" },
	{ 0 },
};

static int find(struct cli *cli, const char *path, struct artifact *a, struct artifact_remote *there)
{
	struct session s;
	int r;

	if ((r = artifact_session(cli, o.organization, o.session, &s)))
		return r;
	if ((r = artifact_find(cli->st, &s, path, a)) || ((r = artifact_remote_get(cli->st, a->storage_path, there)) && r != -ENOENT))
		return cli_fail(cli, r);
	if (r || !there->etag)
		return cli_error(cli, EXIT_NONE, "'%s' is in no bucket; 'genstore artifact sync' sends it", path);
	if (!artifact_remote_is_current(there, a))
		cli_note(cli, "the bucket has an earlier version of '%s'; 'genstore artifact sync' sends this one", path);
	return 0;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(artifact_remote_release) struct artifact_remote there = { 0 };
	AUTO(settings_release) struct settings set = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT, url = BUF_INIT;
	AUTO(s3_freep) struct s3 *s3 = NULL;
	struct s3_options so;
	int r;

	if (o.expires < 1 || o.expires > SIGV4_EXPIRES_MAX)
		return cli_usage(cli, "--expires is from 1 to %d seconds", SIGV4_EXPIRES_MAX);
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = find(cli, argv[0], &a, &there)))
		return r;
	if (!(r = settings_load(cli->st, there.bucket, NULL, &set, &why))) {
		so = settings_options(&set);
		r = s3_new(&so, &s3, &why);
	}
	if (r || (r = s3_presign(s3, there.key, o.expires, &url)))
		return cli_error(cli, cli_exit_code(r), "%s", *buf_str(&why) ? buf_str(&why) : strerror(-r));
	out_url(cli, "artifact_id", a.artifact_id, buf_str(&url), o.expires);
	return EXIT_DONE;
}

const struct command command_artifact_url = {
	.name = "artifact url", .access = FOR_USERS, .arguments = "TYPE/NAME --session S", .summary = "prints an address of an artifact in the bucket, which works without keys",
	.options = options, .run = run, .min_args = 1, .max_args = 1,
};
