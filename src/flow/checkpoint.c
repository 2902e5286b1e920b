#include "src/flow/checkpoint.h"
#include "src/flow/workspace.h"

enum { TRIES = 5 };

static int metadata(const struct checkpoint *c, const struct left_out *l, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	if (c->label)
		jw_str(&j, "label", c->label);
	jw_int(&j, "after_iteration", c->after);
	left_out_json(&j, l);
	jw_end(&j);
	return buf_error(out);
}

static int prompt_of(struct genstore *st, int64_t generation, char **ret_prompt)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_get(st, generation, &g);

	if (!r)
		*ret_prompt = MOVE(g.prompt);
	return r;
}

static int try_once(struct genstore *st, const struct checkpoint *c, int64_t *ret_id)
{
	const struct snapshot_options o = { .cache = c->cache, .near = c->near, .max_bytes = c->max_bytes };
	AUTO(snapshot_freep) struct snapshot *s = NULL;
	AUTO(manifest_unrefp) struct manifest *now = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(free_ptr) char *prompt = NULL;
	int64_t id = 0;
	int r = snapshot_scan(st, c->app, &o, &s);

	if (r)
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = snapshot_put(st, s, &now)))
		return r;
	/* An empty tree before anything was made is nothing that could be lost. */
	if (strcmp(c->type, "manual") == 0 || (now->id != c->near && (now->count || c->near))) {
		if ((r = metadata(c, snapshot_left_out(s), &text)) || (r = prompt_of(st, c->generation, &prompt)) ||
		    (r = iteration_add(st, c->generation, 0, c->type, now, prompt, buf_str(&text), &id)))
			return r;
	}
	if ((r = txn_commit(&t)))
		return r;
	snapshot_keep(st, s);
	*ret_id = id;
	return 0;
}

int checkpoint_take(struct genstore *st, const struct checkpoint *c, int64_t *ret_id)
{
	int r = -ESTALE;

	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		r = try_once(st, c, ret_id);
	return r;
}

int checkpoint_of(struct genstore *st, const struct generation *g, const char *type, const char *label, int64_t *ret_id)
{
	AUTO(workspace_release) struct workspace w = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	int r = workspace_open(g->request_id, &w);

	if (r)
		return store_fail(st, r, "'%s' has no workspace: %s", g->request_id, strerror(-r));
	if ((r = iteration_find(st, g->id, 0, &it)) && r != -ENOENT)
		return r;

	const struct checkpoint c = {
		.generation = g->id, .app = w.app, .cache = w.cache, .type = type, .label = label, .after = g->current_iteration,
		.near = it.manifest,
	};

	return checkpoint_take(st, &c, ret_id);
}
