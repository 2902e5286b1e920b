/* genstore pull */
#include "src/cmd/away.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/sync.h"
#include "src/facts/tree.h"
#include "src/sync/pull.h"
#include "src/sync/pull_git.h"

static struct {
	const char *from;
} o;

static const struct opt options[] = {
	{ "from", 0, OPT_TEXT, &o.from, "REMOTE", "s3 or github (s3 where a bucket is configured, else github)" },
	{ 0 },
};

static void pull_freep(struct pull **p)
{
	pull_free(*p);
}

static void show_progress(void *arg, int64_t done, int64_t total)
{
	struct progress *p = arg;

	p->total = total;
	progress_update(p, done, "bytes");
}

/* One that is here without its bytes: an exit code, or -1 where it is none of these. */
static int bring_back(struct cli *cli, const char *request_id)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(remote_release) struct remote remote = { 0 };
	int r = generation_by_request(cli->st, request_id, &g);

	if (r == -ENOENT || (!r && !g.away))
		return -1;
	if (r)
		return cli_fail(cli, r);
	if ((r = away_fetch(cli, cli->st, &remote, &g)))
		return r;
	generation_release(&g);
	g = (struct generation){ 0 };
	if ((r = generation_by_request(cli->st, request_id, &g)))
		return cli_fail(cli, r);
	keep_tell(cli, &g);
	return EXIT_DONE;
}

/* What came of it: an exit code. words: why, or what there is to say although it went well. */
static int tell(struct cli *cli, const char *request_id, const struct generation *g, int r, const struct buf *words)
{
	if (r == -EEXIST && !cli->json)
		cli_note(cli, "%s", buf_str(words));
	if (r == -EEXIST)
		return EXIT_DONE;
	if (r)
		return cli_error(cli, remote_code(r), "cannot pull '%s': %s", request_id, *buf_str(words) ? buf_str(words) : strerror(-r));
	keep_tell(cli, g);
	if (words->len)
		cli_note(cli, "'%s': %s", request_id, buf_str(words));
	return EXIT_DONE;
}

static int pull_history(struct cli *cli, const char *request_id)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	int r = pull_git(cli->st, request_id, &g, &words);

	return tell(cli, request_id, &g, r, &words);
}

static int pull_one(struct cli *cli, struct remote *remote, const char *request_id)
{
	AUTO(pull_freep) struct pull *p = NULL;
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	struct progress bar;
	const struct pull_progress progress = { show_progress, &bar };
	int noted, r;

	if ((r = bring_back(cli, request_id)) >= 0)
		return r;
	if (!remote->s3 && (r = remote_open(cli, NULL, NULL, remote)))
		return r;
	if ((r = pull_new(cli->st, remote->s3, &remote->set, request_id, &(struct pull_archive){ .size = -1 }, &p)))
		return cli_error(cli, EXIT_FAILED, "no memory");
	progress_begin(&bar, cli, "fetching", 0);
	r = pull_finish(p, &progress, &g, &words);
	progress_end(&bar);
	if (!r && (noted = tree_note_schema(cli->st, g.id)))
		cli_debug(cli, "the tables of '%s' were not noted: %s", request_id, strerror(-noted));
	return tell(cli, request_id, &g, r, &words);
}

/* Where from: what was said, else the first of the two that is configured. */
static int choose(struct cli *cli, bool *ret_git)
{
	AUTO(buf_release) struct buf ignored = BUF_INIT;

	if (o.from && strcmp(o.from, "s3") != 0 && strcmp(o.from, "github") != 0)
		return cli_usage(cli, "--from takes s3 or github, not '%s'", o.from);
	*ret_git = o.from ? !strcmp(o.from, "github") : sync_can_send(cli->st, "s3", &ignored) && !sync_can_send(cli->st, "github", &ignored);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(remote_release) struct remote remote = { 0 };
	int done = 0, code = 0, r;
	bool git = false;

	if ((cli->store_is_default && (r = cli_make_default(cli))) || (r = cli_open_writer(cli)) || (r = choose(cli, &git)))
		return r;
	for (int i = 0; i < argc; i++) {
		if (!id_is_request(argv[i]))
			r = cli_usage(cli, "'%s' cannot be a request id", argv[i]);
		else
			r = git ? pull_history(cli, argv[i]) : pull_one(cli, &remote, argv[i]);
		done += !r;
		code = code ? code : r;
	}
	return code && done ? EXIT_PARTLY : code;
}

const struct command command_pull = {
	.name = "pull", .arguments = "ID...", .summary = "fetches generations from the bucket, or from GitHub", .options = options, .run = run, .min_args = 1, .max_args = -1,
	.more = "ID is the whole request id, as it stands in the bucket: generations/ID/app.tar.gz. What is fetched is kept byte\n"
		"for byte, with the app, number, parent and time that its metadata.json names. Its prompt is not in the bucket. Of one that\n"
		"was evicted, or recovered without its bytes, the bytes come back. From GitHub come the commits that sync made, as iterations.",
};
