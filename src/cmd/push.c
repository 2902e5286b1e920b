/* genstore push */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/git/push.h"

/* Whether trying again can help, and what else scripts want to know. */
static int exit_code(int r)
{
	static const struct { int r, code; } codes[] = {
		{ -EPERM, EXIT_FAILED },  { -EEXIST, EXIT_FAILED },       { -EACCES, EXIT_FAILED },  { -EINVAL, EXIT_USAGE },
		{ -ENODEV, EXIT_USAGE },  { -ENODATA, EXIT_NONE },        { -EKEYREJECTED, EXIT_REMOTE }, { -EPROTO, EXIT_REMOTE },
		{ -EAGAIN, EXIT_REMOTE }, { -EHOSTUNREACH, EXIT_REMOTE }, { -ETIMEDOUT, EXIT_REMOTE }, { -ECONNRESET, EXIT_REMOTE },
		{ -ENOPKG, EXIT_FAILED }, { -EFBIG, EXIT_FAILED },
	};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].r == r)
			return codes[i].code;
	return cli_exit_code(r);
}

static void show_progress(void *arg, int64_t bytes)
{
	progress_update(arg, bytes, "bytes");
}

static void tell(const struct cli *cli, const struct generation *g, const struct git_push *p)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct jw j;

	if (cli->json) {
		out_object(&j, &line, "summary");
		jw_str(&j, "request_id", g->request_id);
		jw_str(&j, "url", p->url);
		jw_str(&j, "commit", p->commit);
		jw_int(&j, "objects", p->objects);
		jw_int(&j, "bytes", p->bytes);
		jw_int(&j, "tags_kept", p->tags_kept);
		jw_bool(&j, "was_there", p->was_there);
		out_object_end(&j);
		return;
	}
	printf("%s %s\n", p->commit, p->url);
	if (p->was_there)
		cli_note(cli, "'%s' is there already: nothing to do", g->request_id);
	else
		cli_note(cli, "'%s': %lld objects, %s", g->request_id, (long long)p->objects, human_bytes(p->bytes, human));
	if (p->tags_kept)
		cli_note(cli, "%lld tag%s of the same name %s there before, and stayed", (long long)p->tags_kept, p->tags_kept == 1 ? "" : "s",
			 p->tags_kept == 1 ? "was" : "were");
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	struct progress bar;
	AUTO(git_push_release) struct git_push p = { .progress = show_progress, .arg = &bar };
	AUTO(free_ptr) char *url = NULL;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_generation(cli, argv[0], &rev)))
		return r;
	if (argc < 2 && (r = git_push_url(cli->st, &rev.generation, &url, &p.words)))
		return cli_error(cli, exit_code(r), "%s", buf_str(&p.words));
	progress_begin(&bar, cli, "pushing", 0);
	r = git_push(cli->st, &rev.generation, argc < 2 ? url : argv[1], &p);
	progress_end(&bar);
	if (r)
		return cli_error(cli, exit_code(r), "%s", buf_str(&p.words));
	tell(cli, &rev.generation, &p);
	return EXIT_DONE;
}

const struct command command_push = {
	.name = "push", .access = FOR_USERS, .arguments = "REQ [URL]", .summary = "sends a generation's history to a git server", .run = run,
	.min_args = 1, .max_args = 2,
	.more = "URL is https://host/path of a repository that is there; without it, the setting git.remote_template names it.",
};
