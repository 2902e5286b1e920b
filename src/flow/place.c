#include "src/flow/place.h"
#include "src/flow/checkpoint.h"
#include "src/flow/running.h"
#include "store/evict.h"
#include "store/revision.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { ROOM_MS = 5000 }; /* over a keeper's grace, for it to end what it has to */

/* The tree to go on with. */
struct origin {
	struct iteration it; /* id 0: there is none, it begins with an empty folder */
	struct generation parent;
	bool own;            /* an iteration of its own, not its parent's */
	int64_t manifest;
};

static void origin_release(struct origin *o)
{
	iteration_release(&o->it);
	generation_release(&o->parent);
}

static int find_parent(struct flow *f, struct origin *o)
{
	int64_t n = f->o->parent_iteration;
	int r = generation_by_request(f->st, f->g.parent_request_id, &o->parent);

	if (r == -ENOENT)
		return store_fail(f->st, r, "'%s', which it resumes, is gone", f->g.parent_request_id);
	if (r)
		return r;
	r = n < 0 ? iteration_get(f->st, -n, &o->it) : iteration_find(f->st, o->parent.id, n, &o->it);
	if (!r && o->it.generation != o->parent.id)
		return store_fail(f->st, -ENOENT, "'%s' has no snapshot s%lld", o->parent.request_id, (long long)-n);
	if (r == -ENOENT && !n)
		r = 0;
	o->manifest = n || !o->parent.manifest_id ? o->it.manifest : o->parent.manifest_id;
	if (!r && (o->it.away || (!n && o->parent.away)))
		return evict_fail(f->st, o->parent.request_id);
	return r;
}

static int find_origin(struct flow *f, struct origin *o)
{
	int r = iteration_find(f->st, f->g.id, 0, &o->it);

	o->own = !r;
	o->manifest = o->it.manifest;
	if (r != -ENOENT)
		return r;
	return f->g.parent_request_id && strcmp(f->g.generation_type, "resume") == 0 ? find_parent(f, o) : 0;
}

/* "node_modules, .env": what a snapshot has left out, by its metadata. */
static int left_out_of(const struct iteration *it, struct buf *out)
{
	json_t *metadata = it->metadata ? json_loads(it->metadata, 0, NULL) : NULL;
	const json_t *names = json_object_get(json_object_get(metadata, "left_out"), "names"), *name;
	size_t i;

	json_array_foreach(names, i, name)
		buf_addf(out, "%s%s", i ? ", " : "", json_is_string(name) ? json_string_value(name) : "?");
	json_decref(metadata);
	return buf_error(out);
}

static int say_what_is_missing(struct flow *f, const struct iteration *it)
{
	AUTO(buf_release) struct buf names = BUF_INIT, words = BUF_INIT;
	int r = left_out_of(it, &names);

	if (r)
		return r;
	buf_addf(&words, "the workspace is restored from a snapshot%s%s", names.len ? "; it lacks what snapshots leave out: " : "",
		 buf_str(&names));
	flow_note(f, buf_str(&words));
	return flow_log(f, "warn", "%s", buf_str(&words));
}

/* Into a folder beside, so that a tree of which only a part was written is never taken for the whole. */
static int restore(struct flow *f)
{
	AUTO(free_ptr) char *beside = NULL;
	AUTO(close_fd) int fd = -1;
	int64_t created = 0;
	int r;

	if (asprintf(&beside, "%s/restoring", f->workspace.path) < 0)
		return -ENOMEM;
	if (rename(f->workspace.app, beside) || (fd = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -errno;
	clock_parse(f->g.created_at, &created);
	if ((r = restore_tree(f->st, f->tree, fd, created, &(struct restore_options){ 0 })))
		return r;
	return rename(beside, f->workspace.app) ? -errno : 0;
}

static int make_anew(struct flow *f)
{
	int r = workspace_remove(f->g.request_id); /* a part of one, of a process that was killed */

	if (r || (r = workspace_make(f->g.request_id, &f->workspace)))
		return workspace_fail(f->st, r);
	return f->tree ? restore(f) : 0;
}

/* What a killed genstore has started may go on for a moment: two generators must not work on one tree. */
static int wait_for_room(struct flow *f, const struct workspace *w, const char *request_id)
{
	int r = workspace_wait(w, SPAWN_GRACE_MS + ROOM_MS);

	if (r == -EBUSY)
		return store_fail(f->st, r, "processes of '%s' are still there, left by a genstore that was killed; try again when they have ended",
				  request_id);
	return r < 0 ? r : 0;
}

/* With the lock that taking a generation into hand needs, so that nobody begins to work in it meanwhile. */
static int move_here(struct flow *f, const char *parent)
{
	TXN t = txn_begin(&f->st->db);
	int r = t.error ? t.error : running_is(f->st, parent);

	return r < 0 ? r : r ? -ENOENT : workspace_take(parent, f->g.request_id, &f->workspace);
}

/* The parent's workspace, once what is in it is in the store. -ENOENT when there is none that could be had. */
static int take_over(struct flow *f, const struct origin *o)
{
	AUTO(workspace_release) struct workspace theirs = { 0 };
	int64_t id = 0;
	int r = running_is(f->st, o->parent.request_id);

	if (r)
		return r < 0 ? r : -ENOENT;
	if ((r = workspace_open(o->parent.request_id, &theirs)) || (r = wait_for_room(f, &theirs, o->parent.request_id)))
		return r;
	r = checkpoint_of(f->st, &o->parent, "checkpoint", "before resume", &id);
	if (r == -ENOENT || r == -EBUSY)
		return r;
	if (r)
		flow_note(f, "no snapshot of the workspace before it is taken over");
	return move_here(f, o->parent.request_id);
}

int place_find(struct flow *f)
{
	AUTO(origin_release) struct origin o = { 0 };
	int r;

	if ((r = find_origin(f, &o)) || (o.manifest && (r = manifest_load(f->st, o.manifest, &f->tree))))
		return r;
	if (!o.own && o.parent.last_session_id && (r = flow_keep(&f->session_id, o.parent.last_session_id)))
		return r;
	if (!(r = workspace_open(f->g.request_id, &f->workspace)))
		r = wait_for_room(f, &f->workspace, f->g.request_id);
	if (r == -ENOENT && o.parent.id && !f->o->parent_iteration)
		r = take_over(f, &o);
	if (r == -ENOENT && o.parent.id && !f->tree)
		return store_fail(f->st, r, "'%s' has no finished iteration, and its workspace is not kept", o.parent.request_id);
	if (r == -ENOENT && !(r = make_anew(f)) && f->tree)
		r = say_what_is_missing(f, &o.it);
	/* Another one's tree is where it begins, not its last iteration. */
	if (!o.own)
		manifest_unref(MOVE(f->tree));
	return r;
}
