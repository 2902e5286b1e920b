#include "src/cmd/artifact_there.h"
#include "src/cmd/remote.h"
#include "src/sync/lock.h"

void there_release(struct there *t)
{
	for (size_t i = 0; i < t->count; i++)
		artifact_remote_release(&t->items[i]);
	free(t->items);
	*t = (struct there){ 0 };
}

static int room(struct there *t)
{
	size_t cap = t->cap ? 2 * t->cap : 16;
	struct artifact_remote *items;

	if (t->count < t->cap)
		return 0;
	if (!(items = reallocarray(t->items, cap, sizeof(*items))))
		return -ENOMEM;
	t->items = items;
	t->cap = cap;
	return 0;
}

int there_add(struct genstore *st, const struct artifact *a, struct there *t)
{
	AUTO(artifact_remote_release) struct artifact_remote o = { 0 };
	int r;

	if ((r = room(t)) || (r = artifact_remote_get(st, a->storage_path, &o)))
		return r == -ENOENT ? 0 : r;
	if (!o.etag)
		return 0;
	t->items[t->count++] = o;
	o = (struct artifact_remote){ 0 };
	return 0;
}

int there_add_all(struct genstore *st, const struct artifact_filter *f, struct there *t)
{
	AUTO(artifact_list_release) struct artifact_list l = { 0 };
	int r = artifact_page(st, f, NULL, INT64_MAX, &l);

	for (size_t i = 0; i < l.count && !r; i++)
		r = there_add(st, &l.items[i], t);
	return r;
}

static int fail(struct cli *cli, const struct artifact_remote *o, int r, const char *words)
{
	return cli_error(cli, r == -EEXIST ? EXIT_FAILED : EXIT_REMOTE, "cannot remove '%s' from the bucket '%s': %s; nothing was removed here", o->key, o->bucket, words);
}

/* Looked at before: DELETE takes a condition at few servers only. */
static int remove_one(struct cli *cli, struct s3 *s3, const struct artifact_remote *o)
{
	struct s3_call c;
	int r, code = 0;
	bool same;

	s3_head(&c, o->key);
	r = s3_wait(s3, &c);
	same = !r && !strcmp(c.answer.etag, o->etag);
	if (r && r != -ENOENT)
		code = fail(cli, o, r, buf_str(&c.answer.words));
	s3_call_release(&c);
	if (r)
		return code;
	if (!same)
		return fail(cli, o, -EEXIST, "another object is there than was sent");
	s3_delete(&c, o->key);
	if ((r = s3_wait(s3, &c)) && r != -ENOENT)
		code = fail(cli, o, r, buf_str(&c.answer.words));
	s3_call_release(&c);
	return code;
}

static int remove_all(struct cli *cli, const struct there *t)
{
	AUTO(remote_release) struct remote remote = { .s3 = NULL };
	int code = 0;

	for (size_t i = 0; i < t->count && !code; i++) {
		const struct artifact_remote *o = &t->items[i];

		if (!remote.s3 || strcmp(remote.set.bucket, o->bucket)) {
			remote_release(&remote);
			code = remote_open(cli, o->bucket, NULL, &remote);
		}
		code = code ? code : remove_one(cli, remote.s3, o);
	}
	return code;
}

/* Nobody sends meanwhile. */
int there_remove(struct cli *cli, const struct there *t)
{
	int code, r;

	if (!t->count)
		return 0;
	if ((r = lock_take(cli->st)) == -EBUSY)
		return cli_error(cli, EXIT_LOCKED, "another genstore is syncing this store; try again when it is through");
	if (r)
		return cli_fail(cli, r);
	code = remove_all(cli, t);
	lock_drop(cli->st);
	return code;
}

int there_forget(struct genstore *st, const struct there *t)
{
	int r = 0;

	for (size_t i = 0; i < t->count && !r; i++)
		r = artifact_remote_forget(st, t->items[i].storage_path);
	return r;
}
