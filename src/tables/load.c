#include "src/tables/load_inside.h"
#include "store/audit.h"
#include "store/base/json.h"

#include <dirent.h>

enum { PROGRESS_EVERY = 256 };

static void load_release(struct load *l)
{
	trees_release(&l->trees);
}

static int put_all(struct load *l, struct source *s)
{
	AUTO(arrival_release) struct arrival a = { 0 };
	int64_t rows = 0;
	int r;

	while ((r = source_next(l, s, &a)) > 0) {
		if ((r = row_put(l, s->table, a.cells)))
			break;
		if (!(++rows % PROGRESS_EVERY) && l->o->progress)
			l->o->progress(l->o->arg, rows);
	}
	return r;
}

static void count_table(struct load *l, const char *name)
{
	l->result.counts[l->result.tables++] = (struct load_counts){ .table = name };
}

static int load_table(struct load *l, const char *folder, const struct relation *t)
{
	AUTO(source_release) struct source s = { .csv.fd = -1 };
	int r = source_open(l->st, folder, t, &s);

	if (r)
		return r == -ENOENT ? 0 : r;
	count_table(l, t->name);
	return put_all(l, &s);
}

/* Of before request ids, users and apps come with the generations. */
static bool is_legacy_table(const struct load *l, const struct relation *t)
{
	return l->result.legacy && (!strcmp(t->name, "apps") || !strcmp(t->name, "generation_requests"));
}

static int load_tables(struct load *l, const char *folder)
{
	int r = 0;

	for (const struct relation *t = relations; t->name && !r; t++) {
		if (!t->ddl)
			continue;
		if (!is_legacy_table(l, t))
			r = load_table(l, folder, t);
		else if (!strcmp(t->name, "apps"))
			r = load_legacy(l, folder);
	}
	return r;
}

/* Which files there are. -ENOENT: none; -EINVAL: one of no table, which somebody may believe to be in the store afterwards. */
static int look(struct genstore *st, const char *folder, bool *ret_users)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int found = 0, r = 0;

	if (!dir)
		return store_fail(st, -errno, "cannot read the folder '%s': %s", folder, strerror(errno));
	*ret_users = false;
	while (!r && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);
		char name[64];
		const struct relation *t;

		if (n < 5 || strcmp(e->d_name + n - 4, ".csv") != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", n - 4 < sizeof(name) ? (int)n - 4 : 0, e->d_name);
		t = relation_named(name);
		if (!t || !t->ddl)
			r = store_fail(st, -EINVAL, "'%s/%s.csv' is not named after a table that can be imported", folder, name);
		found++;
		*ret_users |= !strcmp(name, "users");
	}
	closedir(dir);
	return r || found ? r : store_fail(st, -ENOENT, "there is no file in '%s' that is called like a table, such as 'generation_requests.csv'", folder);
}

static int is_empty(struct genstore *st, bool *ret_empty)
{
	int64_t n = 0;
	int r = db_number(&st->db, "SELECT (SELECT count(*) FROM main.users) - 1 + EXISTS (SELECT 1 FROM main.generation_requests) + EXISTS (SELECT 1 FROM main.apps)"
				   " + EXISTS (SELECT 1 FROM main.organizations) + EXISTS (SELECT 1 FROM main.user_secrets)", &n);

	*ret_empty = !n;
	return r;
}

static int note(struct genstore *st, const struct load_counts *c)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_int(&j, "rows", c->added);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, "table.import", c->table, buf_str(&details));
}

/* The trail that came along is linked, then this store's own rows follow. */
static int finish(struct load *l)
{
	int r = audit_link(l->st, l->last_audit);

	for (int i = 0; i < l->result.tables && !r; i++) {
		l->result.added += l->result.counts[i].added;
		l->result.same += l->result.counts[i].same;
		if (l->result.counts[i].added)
			r = note(l->st, &l->result.counts[i]);
	}
	l->result.texts = l->trees.kept;
	return r;
}

int load_folder(struct genstore *st, const char *folder, const struct load_options *o, struct load_result *ret_result)
{
	AUTO(load_release) struct load l = { .st = st, .o = o };
	bool users = false;
	int r;

	if ((r = look(st, folder, &users)) || (r = legacy_look(st, folder, &l.result.legacy)))
		return r;
	l.meet = !users;
	store_now(st, l.now);

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = is_empty(st, &l.empty)) || (r = audit_last(st, &l.last_audit)) || (r = trees_init(&l.trees, st)) ||
	    (r = load_tables(&l, folder)) || (r = finish(&l)) || (r = txn_commit(&t)))
		return r;
	*ret_result = l.result;
	return 0;
}
