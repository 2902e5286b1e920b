#include "src/cmd/diff_facts.h"
#include "src/facts/readers.h"
#include "store/object.h"

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

static int read_text(struct diff_facts *d, const struct entry *e, char **ret_text)
{
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) char *text = malloc((size_t)e->size + 1);
	int r = text ? object_of_content(d->st, e->content, &o) : -ENOMEM;

	for (int64_t at = 0; !r && at < e->size;) {
		ssize_t n = object_read(d->st, o, at, (size_t)(e->size - at), text + at);

		r = n > 0 ? 0 : n < 0 ? (int)n : -EBADMSG;
		at += n;
	}
	if (r)
		return r;
	text[e->size] = '\0';
	d->bytes += e->size;
	*ret_text = MOVE(text);
	return 0;
}

/* -EBADMSG: the file is not what its name says, and it is noted. */
static int read_facts(struct diff_facts *d, struct facts *f, const struct entry *e)
{
	AUTO(free_ptr) char *text = NULL;
	int r = read_text(d, e, &text);

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

/* Steps are numbered with and without zeros before: 2 comes before 10. */
static int in_steps(const void *a, const void *b)
{
	return strverscmp((*(const struct entry *const *)a)->path, (*(const struct entry *const *)b)->path);
}

/* The SQL files of the folders, in order; those that are too large are noted. */
static int collect_sql(struct diff_facts *d, const struct manifest *m, struct buf *out)
{
	const char *why;

	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		AUTO(free_ptr) char *folder = changed_folder(d, e);

		if (folder && (why = why_not(d, e)) && skip(d, e, why))
			return -ENOMEM;
		if (folder)
			buf_add(out, &e, sizeof(e));
	}
	if (out->len)
		qsort(out->data, out->len / sizeof(struct entry *), sizeof(struct entry *), in_steps);
	return buf_error(out);
}

static int read_step(struct diff_facts *d, const struct entry *e, json_t *schemas)
{
	AUTO(free_ptr) char *folder = changed_folder(d, e), *text = NULL;
	int r;

	if (!folder)
		return -ENOMEM;
	if (json_object_get(d->skipped, e->path))
		return 0;
	if (!json_object_get(schemas, folder) && json_object_set_new_nocheck(schemas, folder, json_object()))
		return -ENOMEM;
	if ((r = read_text(d, e, &text)))
		return r;
	return sql_read(json_object_get(schemas, folder), e->path, (struct span){ text, (size_t)e->size });
}

/* The schema of each folder in the end. */
static int read_sql(struct diff_facts *d, const struct buf *files, struct facts *f)
{
	const struct entry *const *list = (const struct entry *const *)files->data;
	json_t *schemas = json_object(), *schema;
	const char *folder;
	int r = schemas ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < files->len / sizeof(*list); i++)
		r = read_step(d, list[i], schemas);
	json_object_foreach(schemas, folder, schema)
		if (r || (r = sql_facts(schema, f)))
			break;
	json_decref(schemas);
	return r;
}

int diff_facts_end(struct diff_facts *d, const struct manifest *a, const struct manifest *b)
{
	AUTO(buf_release) struct buf old = BUF_INIT, new = BUF_INIT;
	int r;

	if (!json_object_size(d->folders))
		return 0;
	/* What one side leaves out, the other does. */
	if ((r = collect_sql(d, a, &old)) || (r = collect_sql(d, b, &new)) || (r = read_sql(d, &old, &d->old)))
		return r;
	return read_sql(d, &new, &d->new);
}
