#include "src/facts/tree.h"
#include "store/base/json.h"
#include "store/object.h"

int tree_file(struct genstore *st, const struct entry *e, char **ret_text)
{
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) char *text = malloc((size_t)e->size + 1);
	int r = text ? object_of_content(st, e->content, &o) : -ENOMEM;

	for (int64_t at = 0; !r && at < e->size;) {
		ssize_t n = object_read(st, o, at, (size_t)(e->size - at), text + at);

		r = n > 0 ? 0 : n < 0 ? (int)n : -EBADMSG;
		at += n;
	}
	if (r)
		return r;
	text[e->size] = '\0';
	*ret_text = MOVE(text);
	return 0;
}

/* Steps are numbered with and without zeros before: 2 comes before 10. */
static int in_steps(const void *a, const void *b)
{
	return strverscmp((*(const struct entry *const *)a)->path, (*(const struct entry *const *)b)->path);
}

static int read_step(struct genstore *st, const struct entry *e, json_t *schemas, size_t *left)
{
	struct span folder = sql_folder(e->path);
	AUTO(free_ptr) char *name = strndup(folder.p, folder.n), *text = NULL;
	int r;

	if (!name || (!json_object_get(schemas, name) && json_object_set_new_nocheck(schemas, name, json_object())))
		return -ENOMEM;
	if ((r = tree_file(st, e, &text)))
		return r;
	return sql_read(json_object_get(schemas, name), e->path, (struct span){ text, (size_t)e->size }, left);
}

int tree_read_sql(struct genstore *st, const struct entry **list, size_t n, const json_t *skipped, struct facts *f)
{
	json_t *schemas = json_object(), *schema;
	size_t left = SQL_MEMORY;
	const char *folder;
	int r = schemas ? 0 : -ENOMEM;

	if (n)
		qsort(list, n, sizeof(*list), in_steps);
	for (size_t i = 0; !r && i < n; i++)
		if (!json_object_get(skipped, list[i]->path))
			r = read_step(st, list[i], schemas, &left);
	json_object_foreach(schemas, folder, schema)
		if (r || (r = sql_facts(schema, f)))
			break;
	json_decref(schemas);
	return r;
}

/* What is looked into: SQL files together, others one by one. */
struct look {
	struct genstore *st;
	struct facts found;
	struct buf sql; /* of struct entry * */
	int64_t bytes;
};

static void look_release(struct look *l)
{
	facts_release(&l->found);
	buf_release(&l->sql);
}

/* Damage and limits are no reason to say nothing of the rest. */
static int as_far_as_possible(int r)
{
	return r == -ENOMEM ? r : 0;
}

static int look_at_code(struct look *l, const struct entry *e)
{
	AUTO(free_ptr) char *text = NULL;
	struct span whole;
	int r = tree_file(l->st, e, &text);

	whole = (struct span){ text, (size_t)e->size };
	if (!r && drizzle_may(whole))
		r = read_drizzle(&l->found, e->path, whole);
	return as_far_as_possible(r);
}

static int look_at(struct look *l, const struct entry *e)
{
	bool sql = e->type == TAR_FILE && sql_wants(e->path);

	if (e->type != TAR_FILE || (!sql && !drizzle_wants(e->path)) || e->size > FACTS_FILE_MAX || l->bytes + e->size > TREE_SCHEMA_READ)
		return 0;
	l->bytes += e->size;
	return sql ? buf_add(&l->sql, &e, sizeof(e)) : look_at_code(l, e);
}

static int look_at_all(struct look *l, const struct manifest *m)
{
	int r = 0;

	for (size_t i = 0; i < m->count && !r; i++)
		r = look_at(l, &m->entries[i]);
	return r ? r : as_far_as_possible(tree_read_sql(l->st, (const struct entry **)l->sql.data, l->sql.len / sizeof(struct entry *), NULL,
						     &l->found));
}

static bool is_column_of(const struct fact *column, const struct fact *table)
{
	return *column->part && !strcmp(column->name, table->name) && !strcmp(column->file, table->file);
}

/* A table and the columns behind it; returns how many facts that were. */
static size_t write_table(struct jw *j, struct fact *const *list, size_t count)
{
	const struct fact *table = list[0];
	size_t n = 1;

	jw_object(j, NULL);
	jw_str(j, "name", table->name);
	jw_str(j, "file", table->file);
	jw_array(j, "columns");
	for (; n < count && is_column_of(list[n], table); n++) {
		jw_object(j, NULL);
		jw_str(j, "name", list[n]->part);
		jw_str(j, "definition", list[n]->value);
		jw_end(j);
	}
	jw_end(j);
	jw_end(j);
	return n;
}

static int write_all(const struct facts *f, struct buf *out)
{
	struct jw j;
	size_t i = 0;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_array(&j, "tables");
	while (i < f->count && out->len < TREE_SCHEMA_MAX)
		i += *f->list[i]->part ? 1 : write_table(&j, f->list + i, f->count - i);
	jw_end(&j);
	if (i < f->count)
		jw_bool(&j, "more", true);
	jw_end(&j);
	return buf_error(out);
}

int tree_schema(struct genstore *st, const struct manifest *m, struct buf *out)
{
	AUTO(look_release) struct look l = { .st = st };
	int r = look_at_all(&l, m);

	return r ? r : write_all(&l.found, out);
}

int tree_schema_of(struct genstore *st, int64_t generation, struct buf *out)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r = iteration_find(st, generation, 0, &it);

	if (!r && it.manifest)
		r = manifest_load(st, it.manifest, &m);
	if (!r && m)
		return tree_schema(st, m, out);
	return r == -EBUSY ? r : as_far_as_possible(r);
}

int tree_note_schema(struct genstore *st, int64_t generation)
{
	AUTO(buf_release) struct buf schema = BUF_INIT;
	int r = tree_schema_of(st, generation, &schema);

	TXN t = txn_begin(&st->db);

	if (r || !schema.len || (r = t.error) || (r = generation_set_schema(st, generation, buf_str(&schema))))
		return r;
	return txn_commit(&t);
}
