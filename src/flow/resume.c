#include "src/flow/resume.h"
#include "store/base/clock.h"
#include "store/snapshot.h"

#include <fcntl.h>

bool resume_can_take(const struct revision *parent)
{
	const char *status = parent->generation.status;

	return !parent->single && strcmp(status, "generating") != 0 && workspace_is_kept(parent->generation.request_id);
}

static int write_tree(struct genstore *st, const struct revision *parent, const struct workspace *w)
{
	AUTO(close_fd) int fd = open(w->app, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int64_t mtime = 0;
	int r;

	if (fd < 0)
		return store_fail(st, -errno, "cannot open the workspace '%s': %s", w->app, strerror(errno));
	/* The time that the entries of the archive have; without one any does. */
	clock_parse(parent->generation.created_at, &mtime);
	r = manifest_load(st, parent->manifest, &m);
	return r ? r : restore_tree(st, m, fd, mtime, &(struct restore_options){ 0 });
}

int resume_restore(struct genstore *st, const struct revision *parent, const char *request_id, struct workspace *ret_w)
{
	AUTO(workspace_release) struct workspace w = { 0 };
	int r = workspace_make(request_id, &w);

	if (r)
		return workspace_fail(st, r);
	if ((r = write_tree(st, parent, &w))) {
		remove_tree(w.path);
		return r;
	}
	*ret_w = w;
	w = (struct workspace){ 0 };
	return 0;
}
