/*
 * The file: magic, the store's uuid (36 bytes), start (8, little-endian), count (varint); for each file, in path order, bytes shared
 * with the path before, bytes that follow, those bytes, size, mtime, ctime (zigzag), inode, content id, 8 bytes of the content's SHA-256;
 * and XXH3-128 of all of it.
 */
#include "store/statcache.h"

#include <fcntl.h>
#include <time.h>

enum {
	UUID_SIZE = ID_UUID - 1,
	SHA_SIZE = 8,
	FILE_MAX = 128 << 20,
	STEPS = 16, /* rows that are passed over before the next is looked up anew */
};

static const char magic[8] = "gnstat\0\1";
#define SECOND INT64_C(1000000000)

struct cached {
	struct stat_key key;
	int64_t content;
	const uint8_t *sha256; /* its first SHA_SIZE bytes */
};

struct statcache {
	struct buf file;
	struct cursor at;      /* behind the current entry */
	size_t count, next;    /* entries; the number of the one at `at` */
	uint8_t *trusted;      /* for each entry */
	struct cached current;
	char path[MANIFEST_PATH_MAX + 1]; /* of the current entry */
	size_t path_len;
};

static int64_t nanoseconds(const struct timespec *t)
{
	/* Unsigned: anybody can set an mtime that does not fit. */
	return (int64_t)((uint64_t)t->tv_sec * (uint64_t)SECOND + (uint64_t)t->tv_nsec);
}

struct stat_key stat_key_of(const struct stat *sb)
{
	return (struct stat_key){
		.size = sb->st_size,
		.mtime = nanoseconds(&sb->st_mtim),
		.ctime = nanoseconds(&sb->st_ctim),
		.inode = sb->st_ino,
	};
}

bool stat_key_same(const struct stat_key *a, const struct stat_key *b)
{
	return a->size == b->size && a->mtime == b->mtime && a->ctime == b->ctime && a->inode == b->inode;
}

int64_t statcache_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return nanoseconds(&t);
}

static int64_t tick(void)
{
	struct timespec t;

	return clock_getres(CLOCK_REALTIME_COARSE, &t) ? SECOND / 100 : nanoseconds(&t);
}

static int store_uuid(struct genstore *st, char out[UUID_SIZE])
{
	STMT q = db_stmt(&st->db, "SELECT value FROM store_state WHERE key = 'uuid'");
	int r = stmt_step(&q);

	if (r <= 0)
		return r < 0 ? r : store_fail(st, -EUCLEAN, "the store has no uuid; run 'genstore check'");
	return col_bytes(&q, 0, out, UUID_SIZE);
}

/* Stands on a row of `content`, or at 0. Ids are asked for about in order, so the next row is often the one. */
static int seek(struct stmt *q, int64_t *at, int64_t id)
{
	int r = 1;

	for (int i = 0; *at && *at < id && i < STEPS; i++) {
		if ((r = stmt_step(q)) < 0)
			return r;
		*at = r ? col_i64(q, 0) : 0;
	}
	if (*at != id) {
		stmt_rewind(q);
		bind_i64(q, id);
		if ((r = stmt_step(q)) < 0)
			return r;
		*at = r ? col_i64(q, 0) : 0;
	}
	return *at == id;
}

#define CONTENTS_FROM "SELECT id, size, substr(sha256, 1, 8) FROM content WHERE id >= ? ORDER BY id"

/* Moves to the next entry: 1, 0 at the end, -EBADMSG. */
static int next(struct statcache *c)
{
	uint64_t shared, n;
	const uint8_t *rest;

	if (c->next == c->count)
		return 0;
	shared = cursor_varint(&c->at);
	n = cursor_varint(&c->at);
	if (shared > c->path_len || n > MANIFEST_PATH_MAX - shared || !(rest = cursor_bytes(&c->at, (size_t)n)))
		return -EBADMSG;
	memcpy(c->path + shared, rest, (size_t)n);
	c->path_len = (size_t)(shared + n);
	c->path[c->path_len] = '\0';
	c->current.key.size = (int64_t)cursor_varint(&c->at);
	c->current.key.mtime = cursor_zigzag(&c->at);
	c->current.key.ctime = cursor_zigzag(&c->at);
	c->current.key.inode = cursor_varint(&c->at);
	c->current.content = (int64_t)cursor_varint(&c->at);
	c->current.sha256 = cursor_bytes(&c->at, SHA_SIZE);
	if (c->at.error)
		return -EBADMSG;
	c->next++;
	return 1;
}

static int judge_all(struct genstore *st, struct statcache *c, int64_t start)
{
	TXN t = txn_begin_read(&st->db);
	STMT q = db_stmt(&st->db, CONTENTS_FROM);
	int64_t old = start - 2 * tick(), at = 0;
	int r;

	if (t.error)
		return t.error;
	while ((r = next(c)) > 0) {
		const struct cached *e = &c->current;
		/* A file system that stamps whole seconds, as FAT does every second one, tells later. */
		int64_t limit = e->key.ctime % SECOND ? old : old - 2 * SECOND;

		if (e->key.mtime >= limit || e->key.ctime >= limit || e->content <= 0)
			continue;
		if ((r = seek(&q, &at, e->content)) < 0)
			return r;
		c->trusted[c->next - 1] = r && col_i64(&q, 1) == e->key.size && col_size(&q, 2) == SHA_SIZE &&
					  !memcmp(col_blob(&q, 2), e->sha256, SHA_SIZE);
	}
	return r;
}

static bool read_file(const char *path, struct buf *out)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat sb;
	void *to;

	if (fd < 0 || fstat(fd, &sb) || !S_ISREG(sb.st_mode) || sb.st_size > FILE_MAX)
		return false;
	to = buf_reserve(out, (size_t)sb.st_size);
	if (!to || read(fd, to, (size_t)sb.st_size) != sb.st_size)
		return false;
	buf_commit(out, (size_t)sb.st_size);
	return true;
}

/* Reads what stands before the entries; false when this is no cache of the store. */
static bool read_head(struct statcache *c, const char uuid[UUID_SIZE], int64_t *ret_start)
{
	uint8_t sum[XXH3_SIZE];
	size_t head = sizeof(magic) + UUID_SIZE + 8, n = c->file.len;
	uint64_t start = 0, count;

	if (n < head + XXH3_SIZE || memcmp(c->file.data, magic, sizeof(magic)) != 0 ||
	    memcmp(c->file.data + sizeof(magic), uuid, UUID_SIZE) != 0)
		return false;
	xxh3_128(c->file.data, n - XXH3_SIZE, sum);
	if (memcmp(sum, c->file.data + n - XXH3_SIZE, XXH3_SIZE) != 0)
		return false;
	for (size_t i = 0; i < 8; i++)
		start |= (uint64_t)c->file.data[head - 8 + i] << (8 * i);
	c->at = cursor_of(c->file.data + head, n - XXH3_SIZE - head);
	count = cursor_varint(&c->at);
	if (c->at.error || count > MANIFEST_ENTRIES_MAX)
		return false;
	c->count = (size_t)count;
	*ret_start = (int64_t)start;
	return true;
}

static int load(struct genstore *st, struct statcache *c, const char *path)
{
	char uuid[UUID_SIZE];
	struct cursor begin;
	int64_t start;
	int r;

	if ((r = store_uuid(st, uuid)))
		return r;
	if (!read_file(path, &c->file) || !read_head(c, uuid, &start))
		return 0;
	c->trusted = calloc(c->count + 1, 1);
	if (!c->trusted)
		return -ENOMEM;
	begin = c->at;
	r = judge_all(st, c, start);
	c->at = begin;
	c->next = 0;
	c->path_len = 0;
	c->path[0] = '\0';
	if (r == -EBADMSG)
		c->count = 0;
	return r == -EBADMSG ? 0 : r;
}

int statcache_load(struct genstore *st, const char *path, struct statcache **ret_c)
{
	AUTO(statcache_freep) struct statcache *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	if (path && (r = load(st, c, path)))
		return r;
	*ret_c = MOVE(c);
	return 0;
}

void statcache_free(struct statcache *c)
{
	if (!c)
		return;
	buf_release(&c->file);
	free(c->trusted);
	free(c);
}

void statcache_freep(struct statcache **c)
{
	statcache_free(*c);
}

int64_t statcache_find(struct statcache *c, const char *path, const struct stat_key *key)
{
	int order;

	/* The path is "" before the first entry, which comes before every other. */
	while ((order = strcmp(c->path, path)) < 0)
		if (next(c) <= 0)
			return 0;
	if (order || !c->trusted[c->next - 1] || !stat_key_same(&c->current.key, key))
		return 0;
	return c->current.content;
}

/* 1: written, 0: left out because the content is not in the store, or is not to be kept. */
static int add(struct buf *out, struct stmt *q, int64_t *at, const char *before, const struct entry *e, const struct stat_key *key)
{
	size_t shared = 0;
	int r;

	if (key->size != e->size || (r = seek(q, at, e->content)) == 0)
		return 0;
	if (r < 0)
		return r;
	while (before[shared] && before[shared] == e->path[shared])
		shared++;
	buf_add_varint(out, shared);
	buf_add_varint(out, e->path_len - shared);
	buf_add(out, e->path + shared, e->path_len - shared);
	buf_add_varint(out, (uint64_t)key->size);
	buf_add_zigzag(out, key->mtime);
	buf_add_zigzag(out, key->ctime);
	buf_add_varint(out, key->inode);
	buf_add_varint(out, (uint64_t)e->content);
	buf_add(out, col_blob(q, 2), col_size(q, 2));
	return 1;
}

static int add_all(struct genstore *st, struct buf *out, const struct manifest *m, const struct stat_key *keys, size_t *ret_count)
{
	TXN t = txn_begin_read(&st->db);
	STMT q = db_stmt(&st->db, CONTENTS_FROM);
	const char *before = "";
	size_t count = 0, file = 0;
	int64_t at = 0;
	int r;

	if (t.error)
		return t.error;
	for (size_t i = 0; i < m->count; i++) {
		if (m->entries[i].type != TAR_FILE)
			continue;
		if ((r = add(out, &q, &at, before, &m->entries[i], &keys[file++])) < 0)
			return r;
		before = r ? m->entries[i].path : before;
		count += (size_t)r;
	}
	*ret_count = count;
	return 0;
}

/* Through another name, so that a reader finds the one or the other. Not synced: the sum tells a torn one. */
static int replace(const char *path, const struct buf *bytes)
{
	AUTO(free_ptr) char *temporary = NULL;
	AUTO(close_fd) int fd = -1;
	int r = 0;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < bytes->len && !r;) {
		ssize_t n = write(fd, bytes->data + done, bytes->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			r = -errno;
	}
	if (!r && rename(temporary, path))
		r = -errno;
	if (r)
		unlink(temporary);
	return r;
}

int statcache_save(struct genstore *st, const char *path, int64_t start, const struct manifest *m, const struct stat_key *keys)
{
	AUTO(buf_release) struct buf out = BUF_INIT, entries = BUF_INIT;
	uint8_t sum[XXH3_SIZE];
	char uuid[UUID_SIZE];
	size_t count;
	int r;

	if ((r = store_uuid(st, uuid)) || (r = add_all(st, &entries, m, keys, &count)))
		return r;
	buf_add(&out, magic, sizeof(magic));
	buf_add(&out, uuid, UUID_SIZE);
	buf_add_u64le(&out, (uint64_t)start);
	buf_add_varint(&out, count);
	buf_add(&out, entries.data, entries.len);
	xxh3_128(out.data, out.len, sum);
	buf_add(&out, sum, sizeof(sum));
	r = buf_error(&entries) ? buf_error(&entries) : buf_error(&out);
	return r ? r : replace(path, &out);
}
