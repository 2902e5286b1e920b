/* genstore fork */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/app.h"

static struct {
	const char *app_name;
} o;

static const struct opt options[] = {
	{ "app-name", 'a', OPT_TEXT, &o.app_name, "NAME", "what the new app is called" },
	{ 0 },
};

/* In one transaction, so that the name is still free when it is taken. -ESTALE: again. */
static int write_fork(struct cli *cli, struct keep *k, const struct revision *rev, struct generation *ret_g)
{
	const struct generation_request req = {
		.app_name = o.app_name, .prompt = rev->generation.prompt, .mode = "single-shot", .type = "new",
		.parent = rev->generation.request_id, .max_iterations = 1,
	};
	char user[ID_UUID], app[ID_UUID];
	int r;

	TXN t = txn_begin(&cli->st->db);

	if ((r = t.error) || (r = user_find(cli->st, NULL, user)))
		return cli_fail(cli, r);
	if (!(r = app_find(cli->st, user, o.app_name, app)))
		return cli_error(cli, EXIT_FAILED, "there is an app '%s' already; choose another name", o.app_name);
	if (r != -ENOENT || (r = keep_tree(cli->st, k, &req, NULL, ret_g)) || (r = txn_commit(&t)))
		return r == -ESTALE ? r : cli_fail(cli, r);
	return 0;
}

static int fork_once(struct cli *cli, const char *text, struct manifest **ret_m, struct generation *ret_g)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(keep_release) struct keep k = { 0 };
	int r;

	if ((r = keep_revision(cli, text, &k, &rev, &m)) || (r = write_fork(cli, &k, &rev, ret_g)))
		return r;
	*ret_m = MOVE(m);
	return 0;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(generation_release) struct generation g = { 0 };
	int r;

	if ((r = keep_check(cli, o.app_name, NULL)) || (r = cli_open_writer(cli)))
		return r;
	for (int i = 0; (!i || r == -ESTALE) && i < KEEP_TRIES; i++)
		r = fork_once(cli, argv[0], &m, &g);
	if (r)
		return r < 0 ? cli_fail(cli, r) : r;
	keep_tell(cli, &g);
	cli_note(cli, "'%s/1' has the tree of '%s': %lld files", g.app_name, argv[0], (long long)m->files);
	return EXIT_DONE;
}

const struct command command_fork = {
	.name = "fork", .access = FOR_USERS, .arguments = "REV --app-name NAME", .summary = "makes a new app from a tree", .options = options,
	.run = run, .min_args = 1, .max_args = 1,
};
