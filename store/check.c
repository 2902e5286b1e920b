#include "store/check_inside.h"
#include "store/migrate_verify.h"

#include <sys/stat.h>

int check_found(struct check *c, const char *kind, const char *subject, const char *fmt, ...)
{
	char words[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	c->result.problems++;
	if (c->o && c->o->problem)
		c->o->problem(c->o->arg, kind, subject, words);
	return 0;
}

int check_verdict(struct check *c, const char *kind, const char *subject, int r)
{
	static const int damage[] = { -EBADMSG, -EUCLEAN, -ENOENT, -EIO, -EPROTO, -ENOTSUP, -EINVAL, -EEXIST };

	for (size_t i = 0; i < ARRAY_LEN(damage); i++)
		if (r == damage[i])
			return check_found(c, kind, subject, "%s", c->st->errmsg);
	return r;
}

int check_verdict_id(struct check *c, const char *kind, int64_t id, int r)
{
	char subject[24];

	snprintf(subject, sizeof(subject), "%lld", (long long)id);
	return check_verdict(c, kind, subject, r);
}

static void tell(struct check *c)
{
	if (++c->done % 64 == 0 && c->o && c->o->progress)
		c->o->progress(c->o->arg, min_i64(c->done, c->total), c->total);
}

static int next_id(struct check *c, const char *next, int64_t *id)
{
	STMT q = db_stmt(&c->st->db, next);

	bind_i64(&q, *id);
	return stmt_step_after(&q, id);
}

int check_each(struct check *c, const char *next, int (*f)(struct check *c, int64_t id))
{
	int64_t id = INT64_MIN;
	int r;

	while ((r = next_id(c, next, &id)) > 0) {
		tell(c);
		if ((r = f(c, id)))
			return r;
	}
	return check_verdict(c, "database", "-", r);
}

static int count_rows(struct check *c)
{
	STMT q = db_stmt(&c->st->db, "SELECT (SELECT count(*) FROM piece) + (SELECT count(*) FROM content) + (SELECT count(*) FROM manifest)"
				     " + (SELECT count(*) FROM seal) + (SELECT count(*) FROM generation_requests)"
				     " + (SELECT count(*) FROM iteration_snapshots) + (SELECT count(*) FROM artifact_content)");
	int r = stmt_step(&q);

	if (r > 0)
		c->total = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

static int number(struct check *c, const char *sql, int64_t *ret_number)
{
	STMT q = db_stmt(&c->st->db, sql);
	int r = stmt_step(&q);

	if (r > 0)
		*ret_number = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

/* The file as a file: what SQLite does not look at. */
static int check_header(struct check *c)
{
	int64_t id = 0, pages = 0, size = 0, version = 0;
	struct stat sb;
	int r;

	if ((r = number(c, "PRAGMA application_id", &id)) || (r = number(c, "PRAGMA page_count", &pages)) ||
	    (r = number(c, "PRAGMA page_size", &size)) || (r = number(c, "PRAGMA user_version", &version)))
		return check_verdict(c, "header", "-", r);
	if (id != STORE_APPLICATION_ID)
		check_found(c, "header", "application_id", "is 0x%llx, not 0x%x", (unsigned long long)id, STORE_APPLICATION_ID);
	if (version != migrate_newest())
		check_found(c, "header", "user_version", "is %lld, not %d", (long long)version, migrate_newest());
	if (!stat(c->st->path, &sb) && sb.st_size < pages * size)
		check_found(c, "header", "size", "the file has %lld bytes, its pages make %lld", (long long)sb.st_size,
			    (long long)(pages * size));
	return 0;
}

static int check_integrity(struct check *c)
{
	STMT q = db_stmt(&c->st->db, "PRAGMA integrity_check(100)");
	int r;

	while ((r = stmt_step(&q)) > 0)
		if (strcmp(col_text(&q, 0), "ok") != 0)
			check_found(c, "database", "-", "%s", col_text(&q, 0));
	return check_verdict(c, "database", "-", r);
}

static int check_references(struct check *c)
{
	STMT q = db_stmt(&c->st->db, "PRAGMA foreign_key_check");
	int r;

	while ((r = stmt_step(&q)) > 0)
		check_found(c, "reference", col_text(&q, 0), "row %lld refers to a row of '%s' that does not exist",
			    (long long)col_i64(&q, 1), col_text(&q, 2));
	return check_verdict(c, "reference", "-", r);
}

static int other_object(void *arg, const char *name, const char *words)
{
	return check_found(arg, "schema", name, "%s", words);
}

/* The table of states decides what may be written: its rows are part of the schema. */
static int check_transitions(struct check *c)
{
	static const char expected[] = "generating>cancelled generating>completed generating>failed generating>paused paused>cancelled"
				       " paused>completed paused>failed paused>generating queued>cancelled queued>generating";
	STMT q = db_stmt(&c->st->db, "SELECT coalesce(group_concat(step, ' '), '') FROM (SELECT from_status || '>' || to_status AS step"
				     " FROM generation_transitions ORDER BY 1)");
	int r = stmt_step(&q);

	if (r > 0 && strcmp(col_text(&q, 0), expected) != 0)
		check_found(c, "schema", "generation_transitions", "does not hold the table of states");
	return r < 0 ? check_verdict(c, "schema", "generation_transitions", r) : 0;
}

static int check_schema(struct check *c)
{
	int r = migrate_verify(c->st, migrate_newest(), other_object, c);

	return check_verdict(c, "schema", "-", r) ? r : check_transitions(c);
}

static int count_unused(struct check *c)
{
	const struct gc_options dry = { .dry_run = true };

	return c->result.problems ? 0 : check_verdict(c, "reference", "-", gc_run(c->st, &dry, &c->result.unused));
}

static void check_free(struct check **c)
{
	if (*c)
		bitmap_release(&(*c)->read);
	free(*c);
}

int check_store(struct genstore *st, unsigned flags, const struct check_options *o, struct check_result *ret_result)
{
	/* Contents before pieces: a piece that was read for a content is not read again. */
	static int (*const parts[])(struct check *c) = {
		check_header, check_integrity, check_references, check_schema, count_rows, check_contents, check_pieces,
		check_manifests, check_seals, check_foreign, check_generations, check_iterations, check_events,
		check_artifacts, check_buckets, check_audit, count_unused,
	};
	AUTO(check_free) struct check *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->st = st;
	c->o = o;
	c->read_data = flags & CHECK_READ_DATA;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if ((r = check_verdict(c, "database", "-", parts[i](c))))
			return r;
	if (o && o->progress)
		o->progress(o->arg, c->total, c->total);
	*ret_result = c->result;
	if (!c->result.problems)
		return 0;
	return store_fail(st, -EUCLEAN, "'%s' has %lld problems", st->path, (long long)c->result.problems);
}
