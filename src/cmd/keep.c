#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/flow/flow.h"
#include "store/app.h"
#include "store/base/utf8.h"

int keep_tree(struct genstore *st, const struct generation_request *req, const struct manifest *m, const char *metadata,
	      struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	const struct completion done = { .status = "completed" };
	int64_t id;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = generation_create(st, req, &g)) || (r = generation_set_status(st, g.id, "generating", NULL)) ||
	    (r = iteration_add(st, g.id, 1, "manual", m, req->prompt, metadata, &id)) ||
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
