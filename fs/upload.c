#include "fs/upload.h"

#include <fcntl.h>

enum { AT_ONCE = 1 << 20 };

struct upload {
	struct genstore *st;
	bool in_order;
	struct foreign *sink;  /* NULL: nothing was written, or it is in the spool */
	bool ended;
	int spool;             /* -1 */
	int64_t size;
};

int upload_new(struct genstore *st, bool in_order, struct upload **ret_u)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	*u = (struct upload){ .st = st, .in_order = in_order, .spool = -1 };
	*ret_u = u;
	return 0;
}

void upload_free(struct upload *u)
{
	if (!u)
		return;
	foreign_free(u->sink);
	close_fd(&u->spool);
	free(u);
}

bool upload_is_in_order(const struct upload *u)
{
	return u->in_order;
}

static int open_spool(struct upload *u)
{
	AUTO(free_ptr) char *folder = strdup(u->st->path), *name = NULL;
	char *slash;

	if (!folder)
		return -ENOMEM;
	if ((slash = strrchr(folder, '/')))
		slash[slash == folder] = '\0';
	u->spool = open(slash ? folder : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (u->spool >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return store_fail(u->st, -errno, "cannot make a file beside '%s': %s", u->st->path, strerror(errno));
	if (asprintf(&name, "%s.upload-XXXXXX", u->st->path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	if ((u->spool = mkostemp(name, O_CLOEXEC)) < 0)
		return store_fail(u->st, -errno, "cannot make '%s': %s", name, strerror(errno));
	unlink(name);
	return 0;
}

static int spool_write(struct upload *u, int64_t offset, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t done = pwrite(u->spool, p, n, offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return store_fail(u->st, -errno, "cannot write beside '%s': %s", u->st->path, strerror(errno));
		p += done;
		offset += done;
		n -= (size_t)done;
	}
	return 0;
}

/* From the pieces into the spool: what comes now does not follow on what was there. */
static int leave_order(struct upload *u)
{
	AUTO(free_ptr) void *bytes = malloc(AT_ONCE);
	ssize_t n = 0;
	int r;

	if (!bytes)
		return -ENOMEM;
	if ((r = open_spool(u)))
		return r;
	for (int64_t at = 0; u->sink && (n = foreign_read(u->sink, at, AT_ONCE, bytes)) > 0; at += n)
		if ((r = spool_write(u, at, bytes, (size_t)n)))
			return r;
	if (n < 0)
		return (int)n;
	foreign_free(MOVE(u->sink));
	u->in_order = u->ended = false;
	return 0;
}

static int prepare(struct upload *u, int64_t offset)
{
	if (u->spool >= 0)
		return 0;
	if (!u->in_order || u->ended || offset != u->size)
		return leave_order(u);
	return u->sink ? 0 : foreign_new(u->st, NULL, &u->sink);
}

static int too_large(struct upload *u)
{
	return store_fail(u->st, -EFBIG, "an archive has at most %lld bytes", (long long)foreign_default_limits.size);
}

int upload_write(struct upload *u, int64_t offset, const void *data, size_t n)
{
	int64_t end;
	int r;

	if (__builtin_add_overflow(offset, (int64_t)n, &end) || end > foreign_default_limits.size)
		return too_large(u);
	if ((r = prepare(u, offset)))
		return r;
	r = u->sink ? foreign_write(u->sink, data, n) : spool_write(u, offset, data, n);
	if (!r)
		u->size = max_i64(u->size, end);
	return r;
}

int upload_truncate(struct upload *u, int64_t size)
{
	int r;

	if (size > foreign_default_limits.size)
		return too_large(u);
	if (size == u->size)
		return 0;
	if (!size && u->spool < 0) {
		foreign_free(MOVE(u->sink));
		u->ended = false;
		u->size = 0;
		return 0;
	}
	if (u->spool < 0 && (r = leave_order(u)))
		return r;
	if (ftruncate(u->spool, size))
		return -errno;
	u->size = size;
	return 0;
}

ssize_t upload_read(struct upload *u, int64_t offset, size_t n, void *out)
{
	ssize_t done;

	if (u->sink)
		return foreign_read(u->sink, offset, n, out);
	if (u->spool < 0)
		return 0;
	do
		done = pread(u->spool, out, n, offset);
	while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : done;
}

static int end(struct upload *u)
{
	struct foreign_archive a;
	int r;

	if (u->ended)
		return 0;
	if (!(r = foreign_end(u->sink, &a)))
		u->ended = true;
	return r;
}

int upload_sync(struct upload *u)
{
	int r;

	if (u->spool >= 0)
		return fdatasync(u->spool) ? -errno : 0;
	if (!u->sink)
		return 0;
	return (r = end(u)) ? r : foreign_sync(u->sink);
}

/* An archive that is no good says so by the codes of store/foreign.h; to a writer these are about what was written. */
static int refusal(int r)
{
	return r == -EBADMSG ? -EINVAL : r == -EEXIST ? -EPERM : r;
}

static int receive(struct foreign *f, const char *request_id, struct generation *ret_g)
{
	const struct foreign_receive how = { .request_id = request_id };

	return refusal(foreign_receive(f, &how, ret_g));
}

static int receive_spool(struct upload *u, const char *request_id, struct generation *ret_g)
{
	AUTO(foreign_freep) struct foreign *f = NULL;
	AUTO(free_ptr) void *bytes = malloc(AT_ONCE);
	struct foreign_archive a;
	ssize_t n;
	int r;

	if (!bytes)
		return -ENOMEM;
	if ((r = foreign_new(u->st, NULL, &f)))
		return r;
	for (int64_t at = 0; (n = upload_read(u, at, AT_ONCE, bytes)) > 0; at += n)
		if ((r = foreign_write(f, bytes, (size_t)n)))
			return r;
	if (n < 0 || (r = foreign_end(f, &a)))
		return n < 0 ? (int)n : r;
	return receive(f, request_id, ret_g);
}

int upload_receive(struct upload *u, const char *request_id, struct generation *ret_g)
{
	int r;

	if (!u->sink)
		return receive_spool(u, request_id, ret_g);
	return (r = end(u)) ? r : receive(u->sink, request_id, ret_g);
}

int upload_metadata(struct upload *u, const char *request_id)
{
	AUTO(free_ptr) char *text = malloc(FOREIGN_METADATA_MAX + 1);
	size_t have = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while (have <= FOREIGN_METADATA_MAX && (n = upload_read(u, (int64_t)have, FOREIGN_METADATA_MAX + 1 - have, text + have)))
		if (n < 0)
			return (int)n;
		else
			have += (size_t)n;
	return refusal(foreign_metadata(u->st, request_id, text, have));
}
