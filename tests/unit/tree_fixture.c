#include "tests/unit/tree_fixture.h"
#include "store/object.h"
#include "store/statcache.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#define SNAPSHOT AUTO(snapshot_freep) struct snapshot *
#define FD AUTO(close_fd) int

static int remove_one(const char *path, const struct stat *sb UNUSED, int flag UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

void tree_fixture_free(struct tree *t)
{
	close_fd(&t->fd);
	nftw(t->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct tree tree_fixture(void)
{
	struct tree t = { .top = "/tmp/genstore-tree-XXXXXX", .fd = -1 };

	if (!mkdtemp(t.top))
		return t;
	snprintf(t.tree, sizeof(t.tree), "%s/tree", t.top);
	snprintf(t.cache, sizeof(t.cache), "%s/cache", t.top);
	if (!mkdir(t.tree, 0755))
		t.fd = open(t.tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t;
}

bool tree_put_bytes(const struct tree *t, const char *path, const void *data, size_t n)
{
	FD fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd >= 0 && write(fd, data, n) == (ssize_t)n;
}

bool tree_put(const struct tree *t, const char *path, const char *text)
{
	return tree_put_bytes(t, path, text, strlen(text));
}

void tree_rest(void)
{
	for (int64_t from = statcache_now(); statcache_now() < from + 50000000;)
		;
}

int tree_take_with(struct genstore *st, const struct tree *t, const struct snapshot_options *o, struct manifest **ret_m,
		   struct snapshot **ret_s)
{
	int r = snapshot_scan(st, t->tree, o, ret_s);

	if (r)
		return r;
	TXN txn = txn_begin(&st->db);
	if ((r = snapshot_put(st, *ret_s, ret_m)))
		return r;
	if (!(r = txn_commit(&txn)))
		snapshot_keep(st, *ret_s);
	return r;
}

int tree_take(struct genstore *st, const struct tree *t, struct manifest **ret_m)
{
	const struct snapshot_options o = { .cache = t->cache };
	SNAPSHOT s = NULL;

	return tree_take_with(st, t, &o, ret_m, &s);
}

const char *tree_text(struct genstore *st, const struct manifest *m, const char *path, char out[100])
{
	AUTO(object_unrefp) struct object *o = NULL;
	ssize_t i = manifest_find(m, path), n;

	if (i < 0 || object_of_content(st, m->entries[i].content, &o))
		return NULL;
	n = object_read(st, o, 0, 99, out);
	if (n < 0)
		return NULL;
	out[n] = '\0';
	return out;
}

bool tree_is_trusted(struct genstore *st, const struct tree *t, const char *path)
{
	AUTO(statcache_freep) struct statcache *c = NULL;
	struct stat sb;
	struct stat_key key;

	if (statcache_load(st, t->cache, &c) || fstatat(t->fd, path, &sb, AT_SYMLINK_NOFOLLOW))
		return false;
	key = stat_key_of(&sb);
	return statcache_find(c, path, &key) > 0;
}
