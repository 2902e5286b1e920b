/* genstore artifact sync */
#include "src/cmd/artifact.h"
#include "src/cmd/keep.h"
#include "src/cmd/sync.h"
#include "store/artifact_remote.h"

static struct {
	const char *session, *organization, *type;
	bool all, cancel, queue;
} o;

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "those of that session: a name or an id" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "those of that organization" },
	{ "type", 't', OPT_TEXT, &o.type, "T", "those of that type" },
	{ "all", 'a', OPT_FLAG, &o.all, NULL, "all of them" },
	{ "queue", 0, OPT_FLAG, &o.queue, NULL, "only says that they are to be sent: 'genstore sync' does it" },
	{ "cancel", 0, OPT_FLAG, &o.cancel, NULL, "takes out of the outbox what is not sent yet" },
	{ 0 },
};

struct asked {
	struct artifact_filter filter;
	struct session session;
	char organization[ID_UUID];
};

static int check(struct cli *cli, int argc)
{
	bool filtered = o.session || o.organization || o.type;

	if (argc && !o.session)
		return cli_usage(cli, "'%s' of a TYPE/NAME needs --session", cli->command->name);
	if (o.all && (argc || filtered))
		return cli_usage(cli, "--all goes with no TYPE/NAME, --session, --org and --type");
	if (argc && o.type)
		return cli_usage(cli, "--type and TYPE/NAME exclude each other");
	return !argc && !filtered && !o.all ? cli_usage(cli, "say which: TYPE/NAME... --session S, --session S, --org O, --type T, or --all") : 0;
}

static int set_filter(struct cli *cli, struct asked *a)
{
	int r;

	if (o.session && (r = artifact_session(cli, o.organization, o.session, &a->session)))
		return r;
	if (!o.session && o.organization && (r = organization_find(cli->st, o.organization, a->organization)))
		return cli_fail(cli, r);
	a->filter.session_id = o.session ? a->session.id : NULL;
	a->filter.organization_id = o.session ? a->session.organization_id : o.organization ? a->organization : NULL;
	a->filter.type = o.type ? artifact_type_of(o.type) : NULL;
	return 0;
}

static int cancel_all(struct genstore *st, const struct artifact_filter *f, int64_t *count)
{
	AUTO(artifact_list_release) struct artifact_list l = { 0 };
	int r = artifact_page(st, f, NULL, INT64_MAX, &l);

	for (size_t i = 0; i < l.count && !r; i++) {
		r = artifact_remote_cancel(st, l.items[i].storage_path);
		*count += !r;
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

static int add_all(struct genstore *st, const struct artifact_filter *f, int64_t *count)
{
	int64_t n = 0;
	int r = o.cancel ? cancel_all(st, f, &n) : artifact_remote_queue(st, f, &n);

	*count += n;
	return r;
}

/* A path, or all that is below one. */
static int add_path(struct cli *cli, const struct asked *a, const char *path, int64_t *count)
{
	AUTO(artifact_release) struct artifact one = { 0 };
	AUTO(buf_release) struct buf below = BUF_INIT;
	struct artifact_filter f = a->filter;
	int r;

	if (artifact_is_folder(path)) {
		if ((r = artifact_locate(&a->session, path, &below)))
			return r;
		f.below = buf_str(&below);
		return add_all(cli->st, &f, count);
	}
	if ((r = artifact_find(cli->st, &a->session, path, &one)))
		return r;
	r = o.cancel ? artifact_remote_cancel(cli->st, one.storage_path) : artifact_remote_queue_one(cli->st, &one, count);
	*count += o.cancel && !r;
	return o.cancel && r == -ENOENT ? 0 : r;
}

/* All that was named, or none. */
static int add(struct cli *cli, const struct asked *a, int argc, char **argv, int64_t *count)
{
	TXN t = txn_begin(&cli->st->db);
	int r = t.error;

	if (!r && !argc)
		r = add_all(cli->st, &a->filter, count);
	for (int i = 0; i < argc && !r; i++)
		r = add_path(cli, a, argv[i], count);
	return r || (r = txn_commit(&t)) ? cli_fail(cli, r) : 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct asked a = { .filter.type = NULL };
	int64_t count = 0;
	int r;

	if ((r = check(cli, argc)) || (r = cli_open_writer(cli)) || (r = set_filter(cli, &a)) || (r = add(cli, &a, argc, argv, &count)))
		return r;
	if (o.cancel || o.queue) {
		cli_note(cli, "%lld %s", (long long)count, o.cancel ? "taken out of the outbox" : "wait to be sent; 'genstore sync' sends them");
		return EXIT_DONE;
	}
	if (!count)
		cli_note(cli, "all that was asked for is in the bucket already");
	return count ? sync_artifacts(cli, false) : EXIT_DONE;
}

const struct command command_artifact_sync = {
	.name = "artifact sync", .access = FOR_USERS, .arguments = "[TYPE/NAME|TYPE/...]", .summary = "sends artifacts to a bucket", .options = options,
	.run = run, .max_args = -1,
	.more = "The bucket is the setting s3.artifacts_bucket (ARTIFACTS_BUCKET), else s3.bucket; keys are storage paths. One that was\n"
		"replaced since replaces its object there, as long as that is the one that was sent; another one is left alone.",
};
