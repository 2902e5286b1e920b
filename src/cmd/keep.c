#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/facts/tree.h"
#include "src/flow/flow.h"
#include "store/app.h"
#include "store/base/utf8.h"
#include "store/foreign.h"
#include "store/gc.h"

void keep_release(struct keep *k)
{
	seal_release(&k->seal);
	buf_release(&k->schema);
}

/* Whether what the seal was made of is still there. */
static int is_fresh(struct genstore *st, const struct keep *k)
{
	int64_t epoch;
	int r = gc_epoch(st, &epoch);

	if (r || epoch == k->epoch)
		return r;
	return store_fail(st, -ESTALE, "bytes were collected while the tree was sealed; try again");
}

int keep_prepare(struct genstore *st, struct manifest *m, struct keep *k)
{
	int64_t mtime;
	int r;

	store_now(st, k->created_at);
	k->manifest = m;
	buf_reset(&k->schema);
	if ((r = generation_mtime(st, k->created_at, &mtime)) || (r = tree_schema(st, m, &k->schema)) ||
	    !(r = seal_compute(st, m, mtime, &k->seal)))
		return r;
	/* What is missing because it was collected is not damaged. */
	return is_fresh(st, k) == -ESTALE ? -ESTALE : r;
}

int keep_tree(struct genstore *st, struct keep *k, const struct generation_request *req, const char *metadata,
	      struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	struct generation_request dated = *req;
	const struct completion done = { .status = "completed", .seal = &k->seal, .schema_snapshot = buf_str(&k->schema) };
	int64_t id;
	int r;

	TXN t = txn_begin(&st->db);

	dated.created_at = k->created_at;
	if ((r = t.error) || (r = is_fresh(st, k)) || (r = generation_create(st, &dated, &g)) ||
	    (r = generation_set_status(st, g.id, "generating", NULL)) ||
	    (r = iteration_add(st, g.id, 1, "manual", k->manifest, req->prompt, metadata, &id)) ||
	    (r = generation_finish(st, g.id, &done)))
		return r;
	id = g.id;
	generation_release(&g);
	if ((r = generation_get(st, id, &g)) || (r = txn_commit(&t)))
		return r;
	*ret_g = g;
	g = (struct generation){ 0 };
	return 0;
}

/* The files of an archive that was handed in become contents of their own. */
static int own_tree(struct genstore *st, struct manifest **m)
{
	struct manifest *own;
	int r = foreign_import_tree(st, *m, &own);

	if (r)
		return r;
	manifest_unref(*m);
	*m = own;
	return 0;
}

int keep_revision(struct cli *cli, const char *text, struct keep *k, struct revision *ret_rev, struct manifest **ret_m)
{
	int r;

	if ((r = gc_epoch(cli->st, &k->epoch)))
		return cli_fail(cli, r);
	if ((r = cli_tree(cli, text, ret_rev, ret_m)))
		return r;
	if ((r = own_tree(cli->st, ret_m)) || (r = keep_prepare(cli->st, *ret_m, k)))
		return r == -ESTALE ? r : cli_fail(cli, r);
	return 0;
}

int keep_check(struct cli *cli, const char *app_name, const char *prompt)
{
	if (!app_name)
		return cli_usage(cli, "'%s' needs --app-name", cli->command->name);
	if (!app_name_valid(app_name))
		return cli_usage(cli, "'%s' cannot be an app name: 1 to %d bytes without / : @, not beginning with req_ or -",
				 app_name, APP_NAME_MAX);
	if (prompt && !utf8_valid(prompt, strlen(prompt)))
		return cli_usage(cli, "the prompt is not UTF-8");
	return 0;
}

static void tell_orphan(void *arg, const char *request_id)
{
	cli_note(arg, "'%s' was left running by a genstore that is gone: it is paused now", request_id);
}

int cli_open_writer(struct cli *cli)
{
	int r = cli_open(cli, 0);

	if (r)
		return r;
	return (r = flow_adopt_orphans(cli->st, tell_orphan, cli)) ? cli_fail(cli, r) : 0;
}

void keep_tell(const struct cli *cli, const struct generation *g)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		puts(g->request_id);
		return;
	}
	out_object(&j, &line, "generation");
	out_generation(&j, g);
	out_object_end(&j);
}
