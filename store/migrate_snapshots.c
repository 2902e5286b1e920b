#include "store/migrate_snapshots.h"
#include "store/migrate_tree.h"

enum { REASONS_MAX = 5 };

/* A row of iteration_snapshots, and what this step did or would do with its kind. */
struct pass {
	struct genstore *st;
	struct stage *stage; /* NULL: only look */
	int64_t near;        /* the last manifest that was made */
	int64_t turned, kept, executables, empty;
	struct buf reasons;
};

static void pass_release(struct pass *p)
{
	stage_free(p->stage);
	buf_release(&p->reasons);
}

/* Calls f for each row that holds something. No statement is open meanwhile, so that f may write. */
static int each_snapshot(struct pass *p, int (*f)(struct pass *p, int64_t id, const struct buf *text))
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	int64_t id = INT64_MIN;
	int r;

	for (;;) {
		{
			STMT q = db_stmt(&p->st->db, "SELECT id, files_snapshot FROM iteration_snapshots"
						     " WHERE id > ? AND files_snapshot IS NOT NULL ORDER BY id LIMIT 1");

			bind_i64(&q, id);
			if ((r = stmt_step(&q)) <= 0)
				return r;
			id = col_i64(&q, 0);
			buf_reset(&text);
			if ((r = buf_add(&text, col_text(&q, 1), col_size(&q, 1))))
				return r;
		}
		if ((r = f(p, id, &text)))
			return r;
	}
}

static int keep_text(struct genstore *st, int64_t id, const struct buf *text)
{
	STMT q = db_stmt(&st->db, "UPDATE iteration_snapshots SET files_snapshot = ? WHERE id = ?");

	bind_textn(&q, buf_str(text), text->len);
	bind_i64(&q, id);
	return stmt_run(&q);
}

static int keep_manifest(struct genstore *st, int64_t id, const struct manifest *m)
{
	STMT q = db_stmt(&st->db, "UPDATE iteration_snapshots"
				  " SET files_snapshot = json_object('manifest', ?, 'files', ?, 'bytes', ?) WHERE id = ?");

	bind_i64(&q, m->id);
	bind_i64(&q, m->files);
	bind_i64(&q, m->bytes);
	bind_i64(&q, id);
	return stmt_run(&q);
}

/* Nothing is lost: a text that stays is the same, but for one that would be taken for a manifest. */
static int leave(struct pass *p, int64_t id, const struct buf *text, const struct buf *why)
{
	AUTO(buf_release) struct buf wrapped = BUF_INIT;
	int64_t manifest;
	int r;

	if (p->kept++ < REASONS_MAX)
		buf_addf(&p->reasons, "%s snapshot %lld: %s", p->kept > 1 ? "," : "", (long long)id, buf_str(why));
	if (!p->stage || (tree_kind(buf_str(text), text->len, &manifest) != TREE_MANIFEST &&
			  tree_kind(buf_str(text), text->len, &manifest) != TREE_AWAY))
		return buf_error(&p->reasons);
	return (r = tree_wrap(buf_str(text), text->len, &wrapped)) ? r : keep_text(p->st, id, &wrapped);
}

static int put(struct pass *p, int64_t id, struct manifest *m)
{
	int r;

	if ((r = stage_flush(p->stage)))
		return r;
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].type == TAR_FILE &&
		    (r = stage_content(p->stage, m->entries[i].content, &m->entries[i].content)))
			return r;
	if ((r = manifest_put(p->st, m, p->near)))
		return r;
	p->near = m->id;
	return keep_manifest(p->st, id, m);
}

static int up(struct pass *p, int64_t id, const struct buf *text)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = tree_parse(buf_str(text), text->len, p->stage, &why, &m);

	if (r == -EINVAL)
		return leave(p, id, text, &why);
	if (r)
		return r;
	p->turned++;
	return p->stage ? put(p, id, m) : 0;
}

int snapshots_up(struct genstore *st)
{
	AUTO(pass_release) struct pass p = { .st = st };
	int r = stage_new(st, &p.stage);

	return r ? r : each_snapshot(&p, up);
}

int snapshots_up_words(struct genstore *st, struct buf *out)
{
	AUTO(pass_release) struct pass p = { .st = st };
	int r = each_snapshot(&p, up);

	if (r)
		return r;
	buf_addf(out, "turns the full JSON of %lld iterations into manifests", (long long)p.turned);
	if (p.kept)
		buf_addf(out, "; %lld stay as they are, because they cannot become trees:%s%s", (long long)p.kept,
			 buf_str(&p.reasons), p.kept > REASONS_MAX ? " ..." : "");
	return buf_error(out);
}

/* What full JSON has no room for. */
static void count_losses(struct pass *p, const struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++) {
		p->executables += m->entries[i].executable;
		p->empty += m->entries[i].type == TAR_DIR && manifest_skip(m, i) == i + 1;
	}
}

static int is_away(struct genstore *st)
{
	return store_fail(st, -EREMOTE, "the bytes of some generations are in the bucket only; 'genstore pull' fetches them");
}

static int look_down(struct pass *p, int64_t id UNUSED, const struct buf *text)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int64_t manifest;
	int r;

	switch (tree_kind(buf_str(text), text->len, &manifest)) {
	case TREE_MANIFEST:
		break;
	case TREE_AWAY:
		return is_away(p->st);
	default:
		return 0;
	}
	if ((r = manifest_load(p->st, manifest, &m)))
		return r;
	p->turned++;
	count_losses(p, m);
	return 0;
}

static int down(struct pass *p, int64_t id, const struct buf *text)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(buf_release) struct buf full = BUF_INIT;
	int64_t manifest;
	int r;

	switch (tree_kind(buf_str(text), text->len, &manifest)) {
	case TREE_MANIFEST:
		if ((r = manifest_load(p->st, manifest, &m)) || (r = tree_print(p->st, m, &full)))
			return r;
		return keep_text(p->st, id, &full);
	case TREE_AWAY:
		return is_away(p->st);
	case TREE_WRAPPED:
		return (r = tree_unwrap(buf_str(text), text->len, &full)) ? r : keep_text(p->st, id, &full);
	case TREE_FULL:
		break;
	}
	return 0;
}

int snapshots_down(struct genstore *st)
{
	AUTO(pass_release) struct pass p = { .st = st };

	return each_snapshot(&p, down);
}

int snapshots_down_words(struct genstore *st, struct buf *out)
{
	AUTO(pass_release) struct pass p = { .st = st };
	STMT q = db_stmt(&st->db, "SELECT (SELECT count(*) FROM archive), (SELECT count(*) FROM generation_events)");
	int r = each_snapshot(&p, look_down);

	if (r || (r = stmt_step(&q)) < 0)
		return r;
	return buf_addf(out,
			"turns the manifests of %lld iterations back into full JSON (bytes that are not UTF-8 as {\"base64\": ...},"
			" symbolic links as {\"link\": ...}), without %lld executable bits and %lld empty folders;"
			" drops the archives of %lld generations and %lld lines of their logs",
			(long long)p.turned, (long long)p.executables, (long long)p.empty, (long long)col_i64(&q, 0),
			(long long)col_i64(&q, 1));
}
