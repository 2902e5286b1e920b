#include "store/store.h"
#include "store/access.h"
#include "store/direct.h"
#include "store/foreign_index.h"
#include "store/migrate_verify.h"
#include "store/piece.h"
#include "store/stitch/fragment.h"
#include "store/sums.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

enum {
	BUSY_MS = 10000,
	HEAD_SIZE = 100, /* of a database (sqlite.org/fileformat2.html, 1.3) */
};

int store_fail(struct genstore *st, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(st->errmsg, sizeof(st->errmsg), fmt, ap);
	va_end(ap);
	return r;
}

struct fragmenter *store_fragmenter(struct genstore *st)
{
	if (!st->fragmenter)
		st->fragmenter = fragmenter_new();
	return st->fragmenter;
}

void store_now(const struct genstore *st, char out[CLOCK_TEXT])
{
	clock_format(clock_now(&st->clock), out);
}

const char *genstore_version(void)
{
	return GENSTORE_VERSION;
}

struct genstore *genstore_new(void)
{
	struct genstore *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->db.st = st;
	st->source_date = -1;
	return st;
}

void store_release(struct genstore *st)
{
	direct_free(st->direct);
	st->direct = NULL;
	piece_cache_free(st->pieces);
	st->pieces = NULL;
	foreign_cache_free(st->foreign);
	st->foreign = NULL;
	fragmenter_free(st->fragmenter);
	st->fragmenter = NULL;
	free(st->path);
	st->path = NULL;
}

static void close_store(struct genstore *st)
{
	db_close(&st->db);
	store_release(st);
}

void genstore_free(struct genstore *st)
{
	if (!st)
		return;
	close_store(st);
	free(st);
}

const char *genstore_errmsg(const struct genstore *st)
{
	return st->errmsg;
}

int genstore_create(struct genstore *st, const char *path)
{
	int r;

	close_store(st);
	if ((r = db_open(&st->db, st, path, DB_CREATE, BUSY_MS)))
		return r;
	st->path = strdup(path);
	if (!st->path)
		r = -ENOMEM;
	else
		r = migrate_init(st);
	if (r) {
		close_store(st);
		unlink(path);
		return r;
	}
	st->db.before_commit = sums_fill;
	return 0;
}

static void close_file(sqlite3_file **file)
{
	if (*file && (*file)->pMethods)
		(*file)->pMethods->xClose(*file);
	free(*file);
}

static void free_filename(sqlite3_filename *name)
{
	sqlite3_free_filename(*name);
}

/*
 * Through SQLite's file layer: closing a descriptor of one's own would take the locks away that other handles of this process
 * have on the file (sqlite.org/howtocorrupt.html, 2.2). -ENODATA: it is shorter.
 */
static int read_head(const char *path, uint8_t head[HEAD_SIZE], int64_t *ret_size)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	AUTO(free_filename) sqlite3_filename name = sqlite3_create_filename(path, "", "", 0, NULL);
	AUTO(close_file) sqlite3_file *file = vfs ? calloc(1, (size_t)vfs->szOsFile) : NULL;
	sqlite3_int64 size;

	if (!name || !file)
		return -ENOMEM;
	errno = 0;
	if (vfs->xOpen(vfs, name, file, SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		return errno ? -errno : -EIO;
	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return -EIO;
	if (size < HEAD_SIZE)
		return -ENODATA;
	*ret_size = size;
	return file->pMethods->xRead(file, head, HEAD_SIZE, 0) == SQLITE_OK ? 0 : -EIO;
}

/* What can be told without a connection: that says "not a database" for all of these, or worse, makes one of an empty file. */
static int look_at_file(struct genstore *st, const char *path)
{
	static const char magic[16] = "SQLite format 3";
	uint8_t head[HEAD_SIZE];
	int64_t size = 0;
	struct stat sb;
	int r = stat(path, &sb) ? -errno : 0;

	if (r == -ENOENT)
		return store_fail(st, r, "no store at '%s'; 'genstore init' makes one", path);
	if (!r && !S_ISREG(sb.st_mode))
		return store_fail(st, -EUCLEAN, "'%s' is not a file, so not a genstore store", path);
	if (!r)
		r = read_head(path, head, &size);
	if (r && r != -ENODATA)
		return store_fail(st, r, "cannot open '%s': %s", path, strerror(-r));
	if (r || memcmp(head, magic, sizeof(magic)) != 0)
		return store_fail(st, -EUCLEAN, "'%s' is not a genstore store", path);
	if (head[68] != 'g' || head[69] != 'e' || head[70] != 'n' || head[71] != 's')
		return store_fail(st, -EUCLEAN, "'%s' is a database, but not a genstore store", path);
	/* The header counts the pages: a file that was cut off is told here, not at the first read beyond its end. */
	int64_t pages = (int64_t)head[28] << 24 | head[29] << 16 | head[30] << 8 | head[31];
	int64_t page_size = head[16] << 8 | head[17];

	if (page_size > 1 && size < pages * page_size)
		return store_fail(st, -EUCLEAN, "'%s' is cut off: %lld of %lld bytes; restore it from a backup", path,
				  (long long)size, (long long)(pages * page_size));
	return 0;
}

/* A hot journal beside the file can change size and header: then only SQLite knows. */
static bool has_journal(const char *path)
{
	AUTO(free_ptr) char *journal = NULL;
	struct stat sb;

	return asprintf(&journal, "%s-journal", path) > 0 && !stat(journal, &sb) && sb.st_size > 0;
}

static int check_version(struct genstore *st, unsigned flags)
{
	int version, r;

	if ((r = migrate_version(st, &version)))
		return r;
	if (version > migrate_newest())
		return store_fail(st, -EPROTO, "'%s' was written by a newer genstore (schema %d, this one knows %d); upgrade genstore",
				  st->path, version, migrate_newest());
	if (version < migrate_newest() && !(flags & GENSTORE_ANY_VERSION))
		return store_fail(st, -ESTALE, "'%s' has schema %d, this genstore needs %d; run 'genstore migrate'", st->path,
				  version, migrate_newest());
	if (version == migrate_newest() && !st->read_only)
		st->db.before_commit = sums_fill;
	return 0;
}

static int verify_all(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "PRAGMA quick_check(1)");
	int r = stmt_step(&q);

	if (r < 0)
		return r;
	if (!r || strcmp(col_text(&q, 0), "ok") != 0)
		return store_fail(st, -EUCLEAN, "'%s' is damaged: %s", st->path, r ? col_text(&q, 0) : "no answer");
	return 0;
}

static int strange_table(void *arg, const char *name, const char *words)
{
	struct genstore *st = arg;

	return store_fail(st, -EUCLEAN, "'%s' cannot be trusted: '%s' %s", st->path, name, words);
}

/* A column that may be empty, a view in a table's place, a trigger: all that is sound to SQLite. */
static int verify_tables(struct genstore *st)
{
	int version, r = migrate_version(st, &version);

	return r ? r : migrate_verify(st, version, strange_table, st);
}

int genstore_open(struct genstore *st, const char *path, unsigned flags)
{
	bool read_only = flags & GENSTORE_READ_ONLY;
	int r;

	close_store(st);
	/* Without a journal at the second look, a commit may have ended after the first, which saw half of it. */
	if ((r = look_at_file(st, path)) && (r != -EUCLEAN || (!has_journal(path) && (r = look_at_file(st, path)))))
		return r;
	if ((r = db_open(&st->db, st, path, read_only ? DB_READ : DB_WRITE, BUSY_MS)))
		return r;
	st->read_only = read_only;
	st->path = strdup(path);
	r = st->path ? 0 : -ENOMEM;
	if (!r && (flags & GENSTORE_UNTRUSTED))
		r = verify_all(st);
	if (!r)
		r = check_version(st, flags);
	if (!r && (flags & GENSTORE_UNTRUSTED))
		r = verify_tables(st);
	if (!r)
		r = access_apply(st);
	if (r)
		close_store(st);
	return r;
}
