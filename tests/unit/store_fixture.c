#include "tests/unit/store_fixture.h"

/* The file, what SQLite may leave beside it, and the directory. */
static void remove_store(const char *path)
{
	static const char *const ends[] = { "", "-journal", "-wal", "-shm" };
	AUTO(free_ptr) char *dir = strdup(path);

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		AUTO(free_ptr) char *file = NULL;

		if (asprintf(&file, "%s%s", path, ends[i]) >= 0)
			unlink(file);
	}
	if (dir) {
		*strrchr(dir, '/') = '\0';
		rmdir(dir);
	}
}

struct genstore *store_fixture(void)
{
	char dir[] = "/tmp/genstore-unit-XXXXXX";
	AUTO(free_ptr) char *path = NULL;
	AUTO(store_fixture_close) struct genstore *st = genstore_new();

	if (!st || !mkdtemp(dir) || asprintf(&path, "%s/test.genstore", dir) < 0) {
		perror("store_fixture");
		return NULL;
	}
	if (genstore_create(st, path)) {
		fprintf(stderr, "store_fixture: %s\n", genstore_errmsg(st));
		remove_store(path);
		return NULL;
	}
	return MOVE(st);
}

void store_fixture_free(struct genstore **st)
{
	AUTO(free_ptr) char *path = *st && (*st)->path ? strdup((*st)->path) : NULL;

	genstore_free(*st);
	if (path)
		remove_store(path);
}

struct genstore *store_fixture_again(const struct genstore *st)
{
	AUTO(store_fixture_close) struct genstore *again = genstore_new();

	if (!again || genstore_open(again, st->path, 0)) {
		fprintf(stderr, "store_fixture: %s\n", again ? genstore_errmsg(again) : "no memory");
		return NULL;
	}
	return MOVE(again);
}

void store_fixture_close(struct genstore **st)
{
	genstore_free(*st);
}

int64_t store_fixture_number(struct genstore *st, const char *sql)
{
	STMT q = db_stmt(&st->db, sql);

	return stmt_step(&q) > 0 ? col_i64(&q, 0) : -1;
}
