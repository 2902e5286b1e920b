/* genstore rm */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/flow/running.h"
#include "src/flow/workspace.h"
#include "store/app.h"
#include "store/idlist.h"

static struct {
	const char *app;
	int64_t keep_last;
	bool dry_run, force;
} o = { .keep_last = INT64_MIN };

static const struct opt options[] = {
	{ "app", 'a', OPT_TEXT, &o.app, "NAME", "the generations of an app" },
	{ "keep-last", 0, OPT_INT, &o.keep_last, "K", "with --app: all but its K newest" },
	{ "dry-run", 'n', OPT_FLAG, &o.dry_run, NULL, "only say what would go" },
	{ "force", 'f', OPT_FLAG, &o.force, NULL, "do not ask" },
	{ 0 },
};

static int of_app(struct cli *cli, struct idlist *ids)
{
	STMT q = db_stmt(&cli->st->db, "SELECT id FROM generation_requests WHERE app_id = ?"
				       " ORDER BY generation_number DESC LIMIT -1 OFFSET ?");
	char user[ID_UUID], app[ID_UUID];
	int r;

	if ((r = user_find(cli->st, NULL, user)) || (r = app_find(cli->st, user, o.app, app)))
		return cli_fail(cli, r);
	bind_text(&q, app);
	bind_i64(&q, o.keep_last);
	while ((r = stmt_step(&q)) > 0)
		if ((r = idlist_add(ids, col_i64(&q, 0))))
			break;
	return r ? cli_fail(cli, r) : 0;
}

/* All are found before the first is removed: a mistyped one removes nothing. */
static int of_arguments(struct cli *cli, int argc, char **argv, struct idlist *ids)
{
	int r = 0;

	for (int i = 0; i < argc && !r; i++) {
		AUTO(revision_release) struct revision rev = { 0 };
		bool known = false;

		if ((r = cli_generation(cli, argv[i], &rev)))
			return r;
		for (size_t k = 0; k < ids->count; k++)
			known = known || ids->ids[k] == rev.generation.id;
		if (!known && (r = idlist_add(ids, rev.generation.id)))
			return cli_fail(cli, r);
	}
	return r;
}

static void tell(const struct cli *cli, const struct generation *g)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "%s '%s' (%s/%lld, %s)", o.dry_run ? "would remove" : "removed", g->request_id, g->app_name,
			 (long long)g->generation_number, g->status);
		return;
	}
	out_object(&j, &line, "generation");
	jw_str(&j, "request_id", g->request_id);
	jw_str(&j, "app_name", g->app_name);
	jw_int(&j, "generation_number", g->generation_number);
	jw_bool(&j, "removed", !o.dry_run);
	out_object_end(&j);
}

static bool is_running(const struct generation *g)
{
	return !strcmp(g->status, "queued") || !strcmp(g->status, "generating");
}

static int remove_one(struct cli *cli, int64_t id)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_get(cli->st, id, &g);

	if (r)
		return cli_fail(cli, r);
	/* Paused in a process's hand, it is not over either. */
	if (is_running(&g) || running_is(cli->st, g.request_id) > 0)
		return cli_error(cli, EXIT_FAILED, "'%s' is %s; it can be removed when it has ended", g.request_id, g.status);
	if (!o.dry_run && (r = generation_remove(cli->st, id)))
		return cli_fail(cli, r);
	/* What a generation that did not complete had left to be looked at. */
	if (!o.dry_run && (r = workspace_remove(g.request_id)))
		cli_note(cli, "the workspace of '%s' could not be removed: %s", g.request_id, strerror(-r));
	tell(cli, &g);
	return 0;
}

static void summary(const struct cli *cli, size_t removed, size_t failed)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		if (removed && !o.dry_run)
			cli_note(cli, "'genstore gc --compact' gives the space back");
		return;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, "removed", o.dry_run ? 0 : (int64_t)removed);
	if (o.dry_run)
		jw_int(&j, "would_remove", (int64_t)removed);
	jw_int(&j, "failed", (int64_t)failed);
	out_object_end(&j);
}

static bool may_remove(struct cli *cli, const struct idlist *ids)
{
	AUTO(generation_release) struct generation g = { 0 };

	if (ids->count > 1 || o.force || generation_get(cli->st, ids->ids[0], &g))
		return cli_confirm(cli, o.force, "remove %zu generations?", ids->count);
	return cli_confirm(cli, false, "remove '%s' (%s/%lld, %s)?", g.request_id, g.app_name, (long long)g.generation_number,
			   g.status);
}

static int remove_all(struct cli *cli, const struct idlist *ids)
{
	size_t failed = 0;
	int first = 0;

	if (!o.dry_run && ids->count && !may_remove(cli, ids)) {
		if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !cli->json)
			return cli_error(cli, EXIT_FAILED, "nothing was removed");
		return cli_usage(cli, "%zu generation%s would go and nobody can be asked: add --force, or --dry-run to see them",
				 ids->count, ids->count == 1 ? "" : "s");
	}
	for (size_t i = 0; i < ids->count; i++) {
		int code = remove_one(cli, ids->ids[i]);

		failed += code != 0;
		first = first ? first : code;
	}
	summary(cli, ids->count - failed, failed);
	return failed && failed < ids->count ? EXIT_PARTLY : first;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(idlist_release) struct idlist ids = { 0 };
	int r;

	if (!argc == !o.app)
		return cli_usage(cli, "'rm' needs either generations or --app with --keep-last");
	if (!o.app != (o.keep_last == INT64_MIN) || (o.app && o.keep_last < 0))
		return cli_usage(cli, "--app and --keep-last, 0 or more, go together");
	if ((r = cli_open_writer(cli)) || (r = o.app ? of_app(cli, &ids) : of_arguments(cli, argc, argv, &ids)))
		return r;
	return remove_all(cli, &ids);
}

const struct command command_rm = {
	.name = "rm", .access = FOR_USERS, .arguments = "REQ... | --app NAME --keep-last K", .summary = "removes generations", .options = options,
	.run = run, .max_args = -1,
};
