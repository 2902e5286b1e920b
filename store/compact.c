/* VACUUM, and the room it takes. */
#include "store/gc.h"
#include "store/migrate_verify.h"

#include <sys/statvfs.h>

/* As SQLite chooses it. */
static const char *temporary_folder(void)
{
	const char *const names[] = { getenv("SQLITE_TMPDIR"), getenv("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] && *names[i] && !access(names[i], W_OK | X_OK))
			return names[i];
	return ".";
}

static int check_room(struct genstore *st, const char *dir, int64_t need)
{
	struct statvfs fs;
	int64_t free_bytes;

	if (statvfs(dir, &fs))
		return store_fail(st, -errno, "cannot ask for the free space of '%s': %s", dir, strerror(errno));
	free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (free_bytes >= need)
		return 0;
	return store_fail(st, -ENOSPC, "compacting needs %lld MB in '%s', which has %lld MB free", (long long)(need >> 20) + 1, dir,
			  (long long)(free_bytes >> 20));
}

/* Both may be on one disk: then it takes the sum. */
static int check_rooms(struct genstore *st, int64_t copy, int64_t journal)
{
	const char *slash = strrchr(st->path, '/'), *temporary = temporary_folder();
	AUTO(free_ptr) char *dir = slash ? strndup(st->path, (size_t)(slash - st->path) + 1) : strdup(".");
	struct statvfs a, b;
	int r;

	if (!dir)
		return -ENOMEM;
	if (!statvfs(dir, &a) && !statvfs(temporary, &b) && a.f_fsid == b.f_fsid)
		return check_room(st, dir, copy + journal);
	return (r = check_room(st, temporary, copy)) ? r : check_room(st, dir, journal);
}

static void settings_back(struct db **db)
{
	sqlite3_exec((*db)->handle, "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;", NULL, NULL, NULL);
}

static int refuse(void *arg, const char *name, const char *words)
{
	return store_fail(arg, -EUCLEAN, "cannot compact: '%s' %s; run 'genstore check'", name, words);
}

/*
 * The copy goes to a file: stores are larger than memory. A file of another page size gets the right one on the way.
 * VACUUM prefers built-in functions and so runs into what db_json.c is there for: it has to trust the schema,
 * which is looked at first.
 */
static int vacuum(struct genstore *st)
{
	AUTO(settings_back) struct db *db = &st->db;
	int r = migrate_verify(st, migrate_newest(), refuse, st);

	if (r || (r = db_exec(db, "PRAGMA temp_store = FILE; PRAGMA trusted_schema = ON; PRAGMA page_size = 16384;")))
		return r;
	if ((r = db_exec(db, "VACUUM")))
		return r == -EBUSY ? store_fail(st, r, "'%s' is in use: compact it while nothing else runs", st->path) : r;
	/* What is noted of the last leaf is no longer so. */
	return db_exec(db, "DELETE FROM store_state WHERE key IN ('leaf_row', 'leaf_free')");
}

int gc_compact(struct genstore *st, int64_t *ret_before, int64_t *ret_after)
{
	static const char size_sql[] = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
	static const char free_sql[] = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
	int64_t before = 0, after = 0, unused = 0;
	int r;

	if ((r = db_number(&st->db, size_sql, &before)) || (r = db_number(&st->db, free_sql, &unused)) ||
	    (r = check_rooms(st, before - unused, before)) || (r = vacuum(st)) || (r = db_number(&st->db, size_sql, &after)))
		return r;
	*ret_before = before;
	*ret_after = after;
	return 0;
}
