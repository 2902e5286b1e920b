/* Operations on names and attributes. */
#include "fs/ops_inside.h"
#include "fs/rules.h"
#include "fs/sync.h"
#include "store/outbox.h"

static int check_setattr(struct view *v, fuse_ino_t ino, const struct stat *attr, int to_set)
{
	static const struct { int flags; enum change change; } parts[] = {
		{ FUSE_SET_ATTR_SIZE, CHANGE_TRUNCATE },
		{ FUSE_SET_ATTR_MODE, CHANGE_MODE },
		{ FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID, CHANGE_OWNER },
		{ FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW, CHANGE_TIMES },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts) && !r; i++)
		if (to_set & parts[i].flags)
			r = rule(v, ino, parts[i].change);
	/* Everything belongs to one owner. */
	if (!r && (((to_set & FUSE_SET_ATTR_UID) && attr->st_uid != v->uid) || ((to_set & FUSE_SET_ATTR_GID) && attr->st_gid != v->gid)))
		r = -EPERM;
	return r;
}

static void answer_attr(fuse_req_t req, fuse_ino_t ino)
{
	struct worker *w;
	struct attr a;
	struct stat sb;
	int r;

	WORK(req, ino, r, shown_attr(w->view, w->st, ino, &a));
	if (r) {
		fuse_reply_err(req, -r);
		return;
	}
	sb = ops_stat(w->view, &a);
	fuse_reply_attr(req, &sb, a.keep);
}

struct truncating {
	fuse_req_t req;
	struct view *view;
	int64_t file;
};

static void answer_truncate(void *arg, ssize_t r, const void *data UNUSED)
{
	struct truncating *t = arg;
	struct draft_file f;
	struct attr a;
	struct stat sb;

	if (!r)
		r = drafts_file(t->view->drafts, t->file, &f);
	if (r) {
		fuse_reply_err(t->req, (int)-r);
	} else {
		a = shown_draft(&f);
		sb = ops_stat(t->view, &a);
		fuse_reply_attr(t->req, &sb, 0);
	}
	free(t);
}

static void truncate_draft(fuse_req_t req, int64_t number, int64_t size)
{
	struct truncating *t = malloc(sizeof(*t));
	struct scribe_request request = { .order = SCRIBE_TRUNCATE, .file = number, .offset = size, .done = answer_truncate, .arg = t };

	if (t)
		*t = (struct truncating){ .req = req, .view = write_server(req)->view, .file = number };
	if (!t || scribe_ask(write_server(req)->scribe, &request)) {
		free(t);
		fuse_reply_err(req, ENOMEM);
	}
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi UNUSED)
{
	struct server *s = write_server(req);
	int r = check_setattr(s->view, ino, attr, to_set);
	struct node n;

	if (r || (r = node_of(ino, &n))) {
		fuse_reply_err(req, -r);
		return;
	}
	if (n.kind == NODE_DRAFT_FILE)
		drafts_set(s->view->drafts, n.id, to_set & FUSE_SET_ATTR_MODE ? (int64_t)attr->st_mode : -1,
			   to_set & FUSE_SET_ATTR_MTIME_NOW ? clock_now(NULL) : to_set & FUSE_SET_ATTR_MTIME ? attr->st_mtime : -1);
	if (n.kind == NODE_DRAFT_FILE && to_set & FUSE_SET_ATTR_SIZE)
		truncate_draft(req, n.id, attr->st_size);
	else
		answer_attr(req, ino);
}

static int make_dir(struct worker *w, const char *name, struct attr *ret_a, int *verdict)
{
	int64_t number;
	int r = generation_id(w->st, name, &number);

	if (r != -ENOENT) {
		*verdict = r ? 0 : -EEXIST;
		return r;
	}
	if ((*verdict = drafts_mkdir(w->view->drafts, name, clock_now(NULL), &number)))
		return 0;
	return shown_attr(w->view, w->st, node_ino(NODE_DRAFT, number, 0), ret_a);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode UNUSED)
{
	int r, verdict = rule(write_server(req)->view, parent, CHANGE_MKDIR);
	struct fuse_entry_param e;
	struct worker *w;
	struct attr a;

	if (verdict) {
		fuse_reply_err(req, -verdict);
		return;
	}
	WORK(req, parent, r, make_dir(w, name, &a, &verdict));
	if (r || verdict) {
		fuse_reply_err(req, r ? -r : -verdict);
		return;
	}
	e = write_entry(w->view, &a);
	fuse_reply_entry(req, &e);
}

static int find(fuse_req_t req, fuse_ino_t parent, const char *name, uint64_t *ret_ino)
{
	struct worker *w;
	struct attr a;
	double keep;
	int r;

	WORK(req, parent, r, shown_lookup(w->view, w->st, parent, name, &a, &keep));
	if (!r)
		*ret_ino = a.ino;
	return r;
}

static void take_away(fuse_req_t req, fuse_ino_t parent, const char *name, enum change change)
{
	struct view *v = write_server(req)->view;
	struct node n;
	uint64_t ino;
	int r = find(req, parent, name, &ino);

	if (!r && !(r = rule(v, ino, change)) && !(r = node_of(ino, &n)))
		r = change == CHANGE_RMDIR ? drafts_rmdir(v->drafts, n.id) : drafts_unlink(v->drafts, n.id);
	fuse_reply_err(req, -r);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	take_away(req, parent, name, CHANGE_UNLINK);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	take_away(req, parent, name, CHANGE_RMDIR);
}

void op_symlink(fuse_req_t req, const char *target UNUSED, fuse_ino_t parent, const char *name UNUSED)
{
	fuse_reply_err(req, -rule(write_server(req)->view, parent, CHANGE_SYMLINK));
}

void op_link(fuse_req_t req, fuse_ino_t ino UNUSED, fuse_ino_t parent, const char *name UNUSED)
{
	fuse_reply_err(req, -rule(write_server(req)->view, parent, CHANGE_LINK_INTO));
}

/* What stands under the new name. A metadata.json of ours gives way to one that is handed in: the store decides. */
static int check_onto(fuse_req_t req, fuse_ino_t parent, const char *name, unsigned flags)
{
	uint64_t ino;
	struct node n;
	int r = find(req, parent, name, &ino);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!node_of(ino, &n) && n.kind == NODE_METADATA)
		return 0;
	return rule(write_server(req)->view, ino, CHANGE_RENAME_ONTO);
}

static int check_rename(fuse_req_t req, fuse_ino_t parent, uint64_t ino, fuse_ino_t new_parent, const char *name, unsigned flags,
			enum draft_role *ret_role)
{
	struct view *v = write_server(req)->view;
	int r;

	if ((r = rule(v, ino, CHANGE_RENAME)) || (r = check_onto(req, new_parent, name, flags)) || (r = rule(v, new_parent, CHANGE_CREATE)))
		return r;
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	/* mv(1) copies then. */
	return parent != new_parent ? -EXDEV : draft_role(name, ret_role);
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	enum draft_role role = DRAFT_TEMPORARY;
	struct node n;
	uint64_t ino;
	int r = find(req, parent, name, &ino);

	if (!r)
		r = check_rename(req, parent, ino, new_parent, new_name, flags, &role);
	if (!r)
		r = node_of(ino, &n);
	if (!r && role != DRAFT_TEMPORARY) {
		write_ask(req, (struct scribe_request){ .order = SCRIBE_RENAME, .file = n.id, .name = new_name, .done = write_answer });
		return;
	}
	fuse_reply_err(req, r ? -r : -drafts_rename(write_drafts(req), n.id, new_name));
}

static void queue(fuse_req_t req, fuse_ino_t ino, const char *remotes)
{
	struct view *v = write_server(req)->view;
	int64_t generation;

	/* Of what shows a generation this is the one attribute that can be written. */
	if (sync_generation(v, shown_ino(v, ino), &generation))
		fuse_reply_err(req, -rule(v, ino, CHANGE_XATTR));
	else
		write_ask(req, (struct scribe_request){ .order = SCRIBE_QUEUE, .file = generation, .name = remotes, .done = write_answer });
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t n, int flags UNUSED)
{
	char remotes[32] = "";

	if (strcmp(name, SYNC_ATTRIBUTE)) {
		fuse_reply_err(req, -rule(write_server(req)->view, ino, CHANGE_XATTR));
		return;
	}
	if (n < sizeof(remotes))
		memcpy(remotes, value, n);
	if (n >= sizeof(remotes) || strlen(remotes) != n || outbox_remotes_check(remotes))
		fuse_reply_err(req, EINVAL);
	else
		queue(req, ino, remotes);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	if (strcmp(name, SYNC_ATTRIBUTE))
		fuse_reply_err(req, -rule(write_server(req)->view, ino, CHANGE_XATTR));
	else
		queue(req, ino, "");
}
