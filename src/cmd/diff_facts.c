#include "src/cmd/diff_facts.h"
#include "src/facts/tree.h"

int diff_facts_init(struct diff_facts *d, struct genstore *st)
{
	*d = (struct diff_facts){ .st = st, .folders = json_object(), .skipped = json_object() };
	return d->folders && d->skipped ? 0 : -ENOMEM;
}

void diff_facts_release(struct diff_facts *d)
{
	facts_release(&d->old);
	facts_release(&d->new);
	json_decref(d->folders);
	json_decref(d->skipped);
}

static int skip(struct diff_facts *d, const struct entry *e, const char *why)
{
	return json_object_set_new_nocheck(d->skipped, e->path, json_string(why)) ? -ENOMEM : 0;
}

static bool is_file(const struct entry *e)
{
	return e && e->type == TAR_FILE;
}

/* Why a file is not read, or NULL. */
static const char *why_not(const struct diff_facts *d, const struct entry *e)
{
	if (e->size > FACTS_FILE_MAX)
		return "larger than 1 MiB";
	return d->bytes + e->size > DIFF_FACTS_BYTES ? "too many bytes changed" : NULL;
}

/* -EBADMSG: the file is not what its name says, and it is noted. */
static int read_facts(struct diff_facts *d, struct facts *f, const struct entry *e)
{
	AUTO(free_ptr) char *text = NULL;
	int r = tree_file(d->st, e, &text);

	d->bytes += e->size;
	if (r)
		return r;
	r = facts_read(f, e->path, (struct span){ text, (size_t)e->size });
	return r == -EBADMSG && !skip(d, e, "it does not parse") ? -ENODATA : r;
}

/* Both sides, or none: what cannot be read on the one would seem to have come or gone on the other. */
static int read_both(struct diff_facts *d, const struct entry *a, const struct entry *b)
{
	size_t old = d->old.count, new = d->new.count;
	int r = is_file(a) ? read_facts(d, &d->old, a) : 0;

	if (!r && is_file(b))
		r = read_facts(d, &d->new, b);
	if (r == -EFBIG)
		r = skip(d, is_file(b) ? b : a, "too many facts") ? -ENOMEM : -ENODATA;
	if (r != -ENODATA)
		return r;
	facts_truncate(&d->old, old);
	facts_truncate(&d->new, new);
	return 0;
}

int diff_facts_note(struct diff_facts *d, const struct entry *a, const struct entry *b)
{
	const struct entry *e = is_file(b) ? b : a;
	const char *why;

	if (!is_file(e) || (is_file(a) && is_file(b) && a->content == b->content))
		return 0;
	if (sql_wants(e->path)) {
		struct span folder = sql_folder(e->path);
		AUTO(free_ptr) char *name = strndup(folder.p, folder.n);

		return !name || json_object_set_new_nocheck(d->folders, name, json_true()) ? -ENOMEM : 0;
	}
	if (!facts_wants(e->path))
		return 0;
	if ((is_file(a) && (why = why_not(d, a))) || (is_file(b) && (why = why_not(d, b))))
		return skip(d, e, why);
	return read_both(d, a, b);
}

/* Its SQL folder, when something changed there; NULL. */
static char *changed_folder(const struct diff_facts *d, const struct entry *e)
{
	AUTO(free_ptr) char *name = NULL;
	struct span folder;

	if (!is_file(e) || !sql_wants(e->path))
		return NULL;
	folder = sql_folder(e->path);
	name = strndup(folder.p, folder.n);
	return name && json_object_get(d->folders, name) ? MOVE(name) : NULL;
}

/* The SQL files of the folders; those that are too large are noted. */
static int collect_sql(struct diff_facts *d, const struct manifest *m, struct buf *out)
{
	const char *why;

	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		AUTO(free_ptr) char *folder = changed_folder(d, e);

		if (!folder)
			continue;
		if ((why = why_not(d, e)) && skip(d, e, why))
			return -ENOMEM;
		/* Counted here: nothing is read before all are known. */
		d->bytes += why ? 0 : e->size;
		buf_add(out, &e, sizeof(e));
	}
	return buf_error(out);
}

/* The schema of each folder in the end. */
static int read_sql(struct diff_facts *d, const struct buf *files, struct facts *f)
{
	return tree_read_sql(d->st, (const struct entry **)files->data, files->len / sizeof(struct entry *), d->skipped, f);
}

int diff_facts_end(struct diff_facts *d, const struct manifest *a, const struct manifest *b)
{
	AUTO(buf_release) struct buf old = BUF_INIT, new = BUF_INIT;
	size_t old_count = d->old.count, new_count = d->new.count;
	int r;

	if (!json_object_size(d->folders))
		return 0;
	/* What one side leaves out, the other does. */
	if ((r = collect_sql(d, a, &old)) || (r = collect_sql(d, b, &new)))
		return r;
	if (!(r = read_sql(d, &old, &d->old)))
		r = read_sql(d, &new, &d->new);
	if (r != -EFBIG)
		return r;
	facts_truncate(&d->old, old_count);
	facts_truncate(&d->new, new_count);
	return json_object_set_new(d->skipped, "*.sql", json_string("too many facts")) ? -ENOMEM : 0;
}
