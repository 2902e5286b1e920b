/* genstore artifact put */
#include "src/cmd/artifact.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"

static struct {
	const char *session, *organization, *conversation, *type, *metadata, *name;
} o;

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "whose it is: a name or an id, made where there is none" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "the session's organization; needed where the session is new" },
	{ "type", 't', OPT_TEXT, &o.type, "T", "terraform, cloudformation, lambda, diagram, pricing, readme, ..." },
	{ "conversation", 0, OPT_TEXT, &o.conversation, "C", "what it came from" },
	{ "metadata", 0, OPT_TEXT, &o.metadata, "JSON", "an object that is kept with it" },
	{ "name", 0, OPT_TEXT, &o.name, "NAME", "what to call it; needed for standard input ('-')" },
	{ 0 },
};

static int check(struct cli *cli, int argc)
{
	const struct { const char *name, *value; } needed[] = { { "session", o.session }, { "type", o.type } };

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!needed[i].value)
			return cli_usage(cli, "'%s' needs --%s", cli->command->name, needed[i].name);
	if (o.name && argc > 1)
		return cli_usage(cli, "--name is for one file, and there are %d", argc);
	return 0;
}

/* Without --org it is the one that has the session. */
static int find_place(struct cli *cli, struct session *s, struct artifact_place *where)
{
	int r = o.organization ? 0 : session_find(cli->st, NULL, o.session, s);

	if (r == -ENOENT)
		return cli_usage(cli, "there is no session '%s' yet; --org says whose it is to be", o.session);
	if (r)
		return cli_fail(cli, r);
	*where = (struct artifact_place){ .organization = o.organization, .session = o.session, .conversation = o.conversation, .metadata = o.metadata };
	if (!o.organization) {
		where->organization = s->organization_id;
		where->session = s->id;
	}
	return 0;
}

static int put_once(struct cli *cli, int argc, char **argv, const struct artifact_place *where, struct artifact_taken *taken,
		    struct artifact_put *ret_put, int *ret_r)
{
	AUTO(artifact_batch_freep) struct artifact_batch *b = NULL;
	int code = 0;

	*taken = (struct artifact_taken){ 0 };
	if ((*ret_r = artifact_batch_new(cli->st, &b)))
		return cli_fail(cli, *ret_r);
	for (int i = 0; i < argc && !code; i++) {
		const struct artifact_source source = { argv[i], o.type, o.name };

		code = artifact_take(cli, b, &source, taken, ret_r);
	}
	if (code)
		return code;
	*ret_r = artifact_batch_commit(b, where, ret_put);
	return *ret_r == -ESTALE ? EXIT_FAILED : *ret_r ? cli_fail(cli, *ret_r) : 0;
}

static void tell_left(const struct cli *cli, const struct artifact_taken *taken)
{
	if (taken->links || taken->ignored || taken->secrets)
		cli_note(cli, "left out: %lld symbolic links, %lld ignored, %lld secret", (long long)taken->links,
			 (long long)taken->ignored, (long long)taken->secrets);
}

static void tell(const struct cli *cli, const struct artifact_put *put, const struct artifact_taken *taken)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct jw j;

	tell_left(cli, taken);
	if (!cli->json) {
		puts(put->session.id);
		cli_note(cli, "%lld new, %lld replaced, %lld unchanged: %s", (long long)put->added, (long long)put->replaced,
			 (long long)put->unchanged, human_bytes(put->bytes, human));
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "session_id", put->session.id);
	jw_str(&j, "organization_id", put->session.organization_id);
	jw_int(&j, "added", put->added);
	jw_int(&j, "replaced", put->replaced);
	jw_int(&j, "unchanged", put->unchanged);
	jw_int(&j, "bytes", put->bytes);
	jw_int(&j, "left_out", taken->links + taken->ignored + taken->secrets);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct artifact_place where = { .organization = NULL };
	struct artifact_taken taken = { 0 };
	struct artifact_put put = { .added = 0 };
	struct session s;
	int code, r = -ESTALE;

	if ((code = check(cli, argc)) || (code = cli_open_writer(cli)) || (code = find_place(cli, &s, &where)))
		return code;
	/* A collection in another process can take what was staged: then once more, where that can be. */
	for (int i = 0; i < KEEP_TRIES && r == -ESTALE && !taken.once; i++)
		code = put_once(cli, argc, argv, &where, &taken, &put, &r);
	if (r == -ESTALE)
		return cli_fail(cli, r);
	if (!code)
		tell(cli, &put, &taken);
	return code;
}

const struct command command_artifact_put = {
	.name = "artifact put", .access = FOR_USERS, .arguments = "FILE|FOLDER|-... --session S --org O --type T",
	.summary = "keeps files as artifacts of a session, all or none", .options = options, .run = run, .min_args = 1, .max_args = -1,
	.more = "A folder's files keep their paths within it. A name that is there is replaced.",
};
