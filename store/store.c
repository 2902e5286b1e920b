#include "store/store.h"
#include "store/migrate.h"
#include "store/piece.h"
#include "store/stitch/fragment.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

enum { BUSY_MS = 10000 };

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

	if (st)
		st->db.st = st;
	return st;
}

void store_release(struct genstore *st)
{
	piece_cache_free(st->pieces);
	st->pieces = NULL;
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
	}
	return r;
}

/* What can be told without SQLite: SQLite itself says "not a database" for all of these, or worse, makes one of an empty file. */
static int look_at_file(struct genstore *st, const char *path)
{
	static const char magic[16] = "SQLite format 3";
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t head[100];
	struct stat sb;

	if (fd < 0 && errno == ENOENT)
		return store_fail(st, -ENOENT, "no store at '%s'; 'genstore init' makes one", path);
	if (fd < 0)
		return store_fail(st, -errno, "cannot open '%s': %s", path, strerror(errno));
	if (fstat(fd, &sb) || !S_ISREG(sb.st_mode))
		return store_fail(st, -EUCLEAN, "'%s' is not a file, so not a genstore store", path);
	if (pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
		return store_fail(st, -EUCLEAN, "'%s' is not a genstore store", path);
	if (head[68] != 'g' || head[69] != 'e' || head[70] != 'n' || head[71] != 's')
		return store_fail(st, -EUCLEAN, "'%s' is a database, but not a genstore store", path);
	/* The header counts the pages: a file that was cut off is told here, not at the first read beyond its end. */
	int64_t pages = (int64_t)head[28] << 24 | head[29] << 16 | head[30] << 8 | head[31];
	int64_t page_size = head[16] << 8 | head[17];

	if (page_size > 1 && sb.st_size < pages * page_size)
		return store_fail(st, -EUCLEAN, "'%s' is cut off: %lld of %lld bytes; restore it from a backup", path,
				  (long long)sb.st_size, (long long)(pages * page_size));
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

int genstore_open(struct genstore *st, const char *path, unsigned flags)
{
	bool read_only = flags & GENSTORE_READ_ONLY;
	int r;

	close_store(st);
	if ((r = look_at_file(st, path)) && (r != -EUCLEAN || !has_journal(path)))
		return r;
	/* A journal that must be rolled back needs a writer. */
	if ((r = db_open(&st->db, st, path, read_only && !has_journal(path) ? DB_READ : DB_WRITE, BUSY_MS)))
		return r;
	st->read_only = read_only;
	st->path = strdup(path);
	r = st->path ? 0 : -ENOMEM;
	if (!r && (flags & GENSTORE_UNTRUSTED))
		r = verify_all(st);
	if (!r)
		r = check_version(st, flags);
	if (r)
		close_store(st);
	return r;
}
