/* The tree as it is now becomes an iteration: one snapshot, its metadata, its cost. */
#include "src/flow/state.h"
#include "store/snapshot.h"

enum { TRIES = 5, NAMES_MAX = 100 };

struct changes {
	int64_t added, modified, removed, listed;
	struct jw *names;
};

static int count_change(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b)
{
	struct changes *c = arg;
	const struct entry *e = b ? b : a;
	char kind = change == MANIFEST_ADDED ? 'A' : change == MANIFEST_REMOVED ? 'D' : 'M';
	AUTO(buf_release) struct buf name = BUF_INIT;

	if (e->type == TAR_DIR)
		return 0;
	*(kind == 'A' ? &c->added : kind == 'D' ? &c->removed : &c->modified) += 1;
	if (c->listed++ >= NAMES_MAX)
		return 0;
	buf_addf(&name, "%c %s", kind, e->path);
	jw_strn(c->names, NULL, buf_str(&name), name.len);
	return buf_error(&name);
}

static int empty_tree(struct manifest **ret_m)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	int r = manifest_builder_new(&b);

	return r ? r : manifest_build(b, ret_m);
}

static int add_changes(struct flow *f, struct jw *j, const struct manifest *now, struct changes *c)
{
	AUTO(manifest_unrefp) struct manifest *before = NULL;
	int r = 0;

	if (f->tree)
		before = manifest_ref(f->tree);
	else if ((r = empty_tree(&before)))
		return r;
	*c = (struct changes){ .names = j };
	jw_object(j, "changed_files");
	jw_array(j, "names");
	if ((r = manifest_diff(before, now, count_change, c)))
		return r;
	jw_end(j);
	jw_int(j, "added", c->added);
	jw_int(j, "modified", c->modified);
	jw_int(j, "removed", c->removed);
	jw_end(j);
	return 0;
}

/* What the snapshot's row says beside the files: interface for `snapshots --json` and whoever reads the column. */
static int metadata(struct flow *f, const struct finished *what, const struct manifest *now, const struct left_out *l,
		    struct buf *out, struct changes *ret_c)
{
	AUTO(free_ptr) char *stats = what->stats ? json_dumps(what->stats, JSON_COMPACT) : NULL;
	struct jw j;
	int r;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_object(&j, "tokens");
	jw_int(&j, "input", what->tokens_in);
	jw_int(&j, "output", what->tokens_out);
	jw_end(&j);
	jw_int(&j, "duration", what->duration_ms);
	jw_real(&j, "cost", what->cost_usd);
	if ((r = add_changes(f, &j, now, ret_c)))
		return r;
	left_out_json(&j, l);
	if (f->session_id)
		jw_str(&j, "session_id", f->session_id);
	if (stats && strlen(stats) < JOURNAL_DATA_MAX)
		jw_raw(&j, "stats", stats);
	jw_end(&j);
	return buf_error(out);
}

static int write_cost(struct flow *f, int64_t iteration, const struct finished *what)
{
	const struct cost cost = {
		.iteration = iteration, .input_tokens = what->tokens_in, .output_tokens = what->tokens_out,
		.duration_ms = what->duration_ms, .cost_usd = what->cost_usd,
	};

	return cost_add(f->st, f->g.id, &cost);
}

static int write_iteration(struct flow *f, int64_t number, const struct finished *what, const struct left_out *l,
			   struct manifest *now, struct changes *ret_c)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	int64_t id;
	int r;

	if ((r = metadata(f, what, now, l, &text, ret_c)))
		return r;
	if ((r = iteration_add(f->st, f->g.id, number, what->type ? what->type : "automatic", now, f->prompt ? f->prompt : f->g.prompt,
			       buf_str(&text), &id)) ||
	    (f->session_id && (r = generation_set_session(f->st, f->g.id, f->session_id))))
		return r;
	return what->type ? 0 : write_cost(f, number, what);
}

/* One try. 1: an iteration was written; 0: the tree is the last one's. -ESTALE: scan again. */
static int try_once(struct flow *f, int64_t number, const struct finished *what, struct manifest **ret_now, struct changes *ret_c)
{
	const struct snapshot_options o = {
		.cache = f->workspace.cache, .near = f->tree ? f->tree->id : 0, .max_bytes = f->o->max_bytes,
	};
	AUTO(snapshot_freep) struct snapshot *s = NULL;
	AUTO(manifest_unrefp) struct manifest *now = NULL;
	bool same;
	int r = snapshot_scan(f->st, f->workspace.app, &o, &s);

	if (r)
		return r;

	TXN t = txn_begin(&f->st->db);

	if ((r = t.error) || (r = snapshot_put(f->st, s, &now)))
		return r;
	same = what->unless_same && f->tree && f->tree->id == now->id;
	if (!same && (r = write_iteration(f, number, what, snapshot_left_out(s), now, ret_c)))
		return r;
	/* What was spent after the last iteration belongs to the generation as a whole. */
	if (same && (what->cost_usd > 0 || what->tokens_in || what->tokens_out) && (r = write_cost(f, 0, what)))
		return r;
	if ((r = txn_commit(&t)))
		return r;
	snapshot_keep(f->st, s);
	*ret_now = MOVE(now);
	buf_release(&f->left_out.names);
	f->left_out = *snapshot_left_out(s);
	f->left_out.names = (struct buf)BUF_INIT;
	buf_adds(&f->left_out.names, buf_str(&snapshot_left_out(s)->names));
	return !same;
}

static int try_often(struct flow *f, int64_t number, const struct finished *what, struct manifest **ret_now, struct changes *ret_c)
{
	int r = -ESTALE;

	for (int stale = 0; stale < TRIES && (r == -ESTALE || flow_waits(f, r)); stale += r == -ESTALE)
		r = try_once(f, number, what, ret_now, ret_c);
	return r;
}

static void tell(struct flow *f, const struct finished *what, const struct changes *c)
{
	struct flow_news news = {
		.kind = FLOW_ITERATION, .generation = &f->g, .iteration = f->iteration, .of = f->g.max_iterations, .added = c->added,
		.modified = c->modified, .removed = c->removed, .files = f->tree->files, .bytes = f->tree->bytes,
		.duration_ms = what->duration_ms, .cost_usd = what->cost_usd,
	};

	f->o->tell(f->o->arg, &news);
}

void flow_freeze(struct flow *f, bool on)
{
	on = on || f->stopped;
	child_hold(&f->stdio.child, on);
	if (f->ws)
		ws_hold(f->ws, on);
}

void flow_iterate(struct flow *f, int64_t number, const struct finished *what, bool *ret_changed)
{
	AUTO(manifest_unrefp) struct manifest *now = NULL;
	struct changes c = { 0 };
	int r;

	f->st->errmsg[0] = '\0';
	/* First what was said before it. */
	r = flow_flush(f);

	/* What goes on working after its word is held, so that the tree is that of one moment. */
	flow_freeze(f, true);
	if (!r)
		r = try_often(f, number, what, &now, &c);
	flow_freeze(f, false);
	*ret_changed = now && now->count && !(f->tree && f->tree->id == now->id);
	if (r < 0) {
		flow_fail(f, "cannot keep iteration %lld: %s", (long long)number,
			  *f->st->errmsg ? f->st->errmsg : strerror(-r));
		return;
	}
	/* While it was held it could say nothing. */
	f->iteration_ms = f->heard_ms = clock_ms();
	f->tokens_in = f->tokens_out = 0;
	f->spent = 0;
	if (!r)
		return;
	f->spent_all += what->cost_usd;
	f->iteration = number;
	manifest_unref(f->tree);
	f->tree = MOVE(now);
	if (!what->type)
		tell(f, what, &c);
}
