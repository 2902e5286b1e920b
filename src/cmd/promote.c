/* genstore promote */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/app.h"
#include "store/audit.h"
#include "store/base/utf8.h"

static struct {
	const char *app_name, *prompt;
} o;

static const struct opt options[] = {
	{ "app-name", 'a', OPT_TEXT, &o.app_name, "NAME", "the app that it has to be of" },
	{ "prompt", 'p', OPT_TEXT, &o.prompt, "P", "what is kept as the prompt, instead of the tree's" },
	{ 0 },
};

/* What is promoted, and what becomes of it. */
struct promotion {
	struct revision rev;
	char *app_name;
	struct manifest *manifest;
	struct keep keep;
	struct generation generation; /* the app's newest, when all is done */
	int64_t iteration;            /* the number of what was asked for */
	bool is_newest;               /* it was before: nothing was written */
};

static void promotion_release(struct promotion *p)
{
	revision_release(&p->rev);
	free(p->app_name);
	manifest_unref(p->manifest);
	keep_release(&p->keep);
	generation_release(&p->generation);
}

static int check_app(struct cli *cli, const char *text, const char *app_name)
{
	if (!o.app_name || strcmp(o.app_name, app_name) == 0)
		return 0;
	return cli_error(cli, EXIT_FAILED, "'%s' is of the app '%s'; 'genstore fork %s --app-name NAME' makes a new app from it", text,
			 app_name, text);
}

/* Which iteration has the tree; 0: it came without one. */
static int find_iteration(struct genstore *st, struct promotion *p)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int r = p->rev.snapshot ? iteration_get(st, p->rev.snapshot, &it) : 0;

	p->iteration = it.number;
	return r;
}

/* The app's newest generation, when it is complete and its tree is this one. */
static int find_newest(struct genstore *st, struct promotion *p)
{
	STMT q = db_stmt(&st->db, "SELECT g.id FROM generation_requests g JOIN archive a ON a.generation_request_id = g.id"
				  " JOIN seal s ON s.id = a.seal_id WHERE g.app_id = ?1 AND g.status = 'completed' AND s.manifest_id = ?2"
				  " AND g.generation_number = (SELECT max(generation_number) FROM generation_requests WHERE app_id = ?1)");
	int r;

	bind_text(&q, p->rev.generation.app_id);
	bind_i64(&q, p->manifest->id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	p->is_newest = true;
	return generation_get(st, col_i64(&q, 0), &p->generation);
}

/* Where the tree comes from, for the snapshot's metadata and the audit trail. */
static int origin(const struct promotion *p, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_object(&j, "promoted_from");
	jw_str(&j, "request_id", p->rev.generation.request_id);
	jw_int(&j, "generation_number", p->rev.generation.generation_number);
	jw_int(&j, "iteration", p->iteration);
	jw_end(&j);
	jw_end(&j);
	return buf_error(out);
}

static int write_generation(struct genstore *st, struct promotion *p)
{
	const struct generation *from = &p->rev.generation;
	const struct generation_request req = {
		.user_id = from->user_id, .app_name = p->app_name, .prompt = o.prompt ? o.prompt : from->prompt,
		.mode = "single-shot", .type = "resume", .parent = from->request_id, .max_iterations = 1,
	};
	AUTO(buf_release) struct buf text = BUF_INIT;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = find_newest(st, p)) || p->is_newest)
		return r;
	if ((r = origin(p, &text)) || (r = keep_tree(st, &p->keep, &req, buf_str(&text), &p->generation)) ||
	    (r = audit_write(st, "generation.promote", p->generation.request_id, buf_str(&text))))
		return r;
	return txn_commit(&t);
}

/* -ESTALE: again. */
static int promote_once(struct cli *cli, const char *text, struct promotion *ret_p)
{
	AUTO(promotion_release) struct promotion p = { 0 };
	int r;

	if ((r = keep_revision(cli, text, &p.keep, &p.rev, &p.manifest)))
		return r;
	if ((r = app_name(cli->st, p.rev.generation.app_id, &p.app_name)) || (r = find_iteration(cli->st, &p)))
		return cli_fail(cli, r);
	if ((r = check_app(cli, text, p.app_name)))
		return r;
	if ((r = write_generation(cli->st, &p)))
		return r == -ESTALE ? r : cli_fail(cli, r);
	*ret_p = p;
	p = (struct promotion){ 0 };
	return 0;
}

static void tell(const struct cli *cli, const struct promotion *p)
{
	const struct generation *g = &p->generation, *from = &p->rev.generation;

	keep_tell(cli, g);
	if (p->is_newest)
		cli_note(cli, "'%s/%lld' has that tree already: nothing to do", g->app_name, (long long)g->generation_number);
	else
		cli_note(cli, "'%s/%lld' has the tree of '%s/%lld@%lld': %lld file%s", g->app_name, (long long)g->generation_number,
			 from->app_name, (long long)from->generation_number, (long long)p->iteration, (long long)p->manifest->files,
			 p->manifest->files == 1 ? "" : "s");
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(promotion_release) struct promotion p = { 0 };
	int r = 0;

	if (o.prompt && !utf8_valid(o.prompt, strlen(o.prompt)))
		return cli_usage(cli, "the prompt is not UTF-8");
	if ((r = cli_open_writer(cli)))
		return r;
	for (int i = 0; (!i || r == -ESTALE) && i < KEEP_TRIES; i++)
		r = promote_once(cli, argv[0], &p);
	if (r)
		return r < 0 ? cli_fail(cli, r) : r;
	tell(cli, &p);
	return EXIT_DONE;
}

const struct command command_promote = {
	.name = "promote", .access = FOR_USERS, .arguments = "REV", .summary = "makes an earlier tree its app's newest generation", .options = options,
	.run = run, .min_args = 1, .max_args = 1,
};
