/*
 * Writing. Names are decided here, at once; what is in the files goes to the scribe, who answers when it is done. A draft's handle (fh) is
 * its number, 0 is a handle of anything else.
 *
 * What a rule forbids is no result of WORK(): EROFS means something else there.
 */
#include "fs/ops_inside.h"
#include "fs/process.h"
#include "fs/rules.h"
#include "store/foreign.h"

#include <fcntl.h>

static pid_t caller(fuse_req_t req)
{
	return process_of(fuse_req_ctx(req)->pid);
}

/* A generation's directory takes files as long as it has no archive, and a metadata.json until that was handed in. */
static int check_create(struct worker *w, uint64_t parent, const char *name, int *verdict)
{
	enum draft_role role;
	struct head h;
	struct node n;
	int r;

	if ((*verdict = rule(w->view, parent, CHANGE_CREATE)) || (*verdict = draft_role(name, &role)))
		return 0;
	if (strlen(name) > DRAFT_NAME_MAX) {
		*verdict = -ENAMETOOLONG;
		return 0;
	}
	if ((r = node_of(shown_ino(w->view, parent), &n)) || n.kind != NODE_GENERATION || (r = view_generation(w->view, w->st, n.id, &h)))
		return r;
	if (!h.sealed)
		return 0;
	r = strstr(name, "metadata.json") ? foreign_lacks_metadata(w->st, n.id) : 0;
	*verdict = r > 0 ? 0 : -EROFS;
	return r < 0 ? r : 0;
}

static int create(struct worker *w, uint64_t parent, const char *name, bool excl, pid_t opener, struct draft_file *ret_f, int *verdict)
{
	int64_t dir;
	int r = check_create(w, parent, name, verdict);

	if (r || *verdict || (r = shown_draft_dir(w->view, w->st, parent, &dir)))
		return r;
	*verdict = drafts_create(w->view->drafts, dir, name, excl, opener, ret_f);
	return 0;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	struct draft_file f;
	struct worker *w;
	struct attr a;
	int r, verdict = 0;

	WORK(req, parent, r, create(w, parent, name, fi->flags & O_EXCL, caller(req), &f, &verdict));
	if (r || verdict) {
		fuse_reply_err(req, r ? -r : -verdict);
		return;
	}
	drafts_set(write_drafts(req), f.number, mode, -1);
	a = shown_draft(&f);
	a.mode = S_IFREG | (mode & 0777);
	e = write_entry(w->view, &a);
	fi->fh = (uint64_t)f.number;
	fi->direct_io = 1;
	if (fuse_reply_create(req, &e, fi))
		drafts_close(w->view->drafts, f.number);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device UNUSED)
{
	struct fuse_entry_param e;
	struct draft_file f;
	struct worker *w;
	struct attr a;
	int r, verdict = 0;

	WORK(req, parent, r, create(w, parent, name, true, caller(req), &f, &verdict));
	if (!r && !verdict) {
		drafts_close(w->view->drafts, f.number);
		if (!S_ISREG(mode)) {
			drafts_unlink(w->view->drafts, f.number);
			verdict = -EPERM;
		}
	}
	if (r || verdict) {
		fuse_reply_err(req, r ? -r : -verdict);
		return;
	}
	a = shown_draft(&f);
	e = write_entry(w->view, &a);
	fuse_reply_entry(req, &e);
}

/*
 * A metadata.json of ours that somebody may replace: the draft gets its name, and ESTALE makes the kernel look that up once more before
 * it opens again.
 */
static int replace(struct worker *w, const struct node *n, int *verdict)
{
	struct draft_file f;
	int r = n->kind == NODE_METADATA ? foreign_lacks_metadata(w->st, n->id) : 0;

	if (r <= 0)
		return r;
	if ((r = create(w, node_ino(NODE_GENERATION, n->id, 0), "metadata.json", false, 0, &f, verdict)) || *verdict)
		return r;
	drafts_reveal(w->view->drafts, f.number);
	drafts_close(w->view->drafts, f.number);
	*verdict = -ESTALE;
	return 0;
}

static int open_draft(struct worker *w, fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int *verdict)
{
	bool write = (fi->flags & O_ACCMODE) != O_RDONLY;
	struct draft_file f;
	struct node n;
	int r = node_of(ino, &n);

	if (r)
		return r;
	if ((*verdict = write ? rule(w->view, ino, CHANGE_WRITE) : 0))
		return replace(w, &n, verdict);
	if ((*verdict = drafts_open(w->view->drafts, n.id, write ? caller(req) : 0, write, &f)))
		return 0;
	fi->fh = (uint64_t)f.number;
	fi->direct_io = 1;
	return 0;
}

void op_open_draft(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct worker *w;
	int r, verdict = 0;

	WORK(req, ino, r, open_draft(w, req, ino, fi, &verdict));
	if (r || verdict)
		fuse_reply_err(req, r ? -r : -verdict);
	else if (fuse_reply_open(req, fi))
		drafts_close(w->view->drafts, (int64_t)fi->fh);
}

static void answer_read(void *req, ssize_t r, const void *data)
{
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_buf(req, data, (size_t)r);
}

void op_read_draft(fuse_req_t req, fuse_ino_t ino UNUSED, size_t size, off_t offset, const struct fuse_file_info *fi)
{
	write_ask(req, (struct scribe_request){ .order = SCRIBE_READ, .file = (int64_t)fi->fh, .offset = offset, .n = size,
					  .done = answer_read });
}

static void answer_write(void *req, ssize_t r, const void *data UNUSED)
{
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_write(req, (size_t)r);
}

void op_write(fuse_req_t req, fuse_ino_t ino UNUSED, const char *data, size_t n, off_t offset, struct fuse_file_info *fi)
{
	int r = fi->fh ? scribe_write(write_server(req)->scribe, (int64_t)fi->fh, offset, data, n, answer_write, req) : -EBADF;

	if (r)
		answer_write(req, r < 0 ? r : (ssize_t)n, NULL);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	pid_t thread = fuse_req_ctx(req)->pid, process;
	struct draft_file f;
	unsigned flags = 0;

	/* Where nothing can be written the kernel need not ask at every close. */
	if (!write_server(req)->scribe) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	if (!fi->fh || drafts_file(write_drafts(req), (int64_t)fi->fh, &f)) {
		fuse_reply_err(req, 0);
		return;
	}
	/* What others hold that inherited it is no concern of who opened it; what they write comes out with the last of them. */
	if (f.dirty && !f.received && (process = process_of(thread)) == f.opener && process) {
		flags |= process_holds(process, ino) ? 0 : SCRIBE_LAST;
		flags |= process_killed(thread) ? SCRIBE_KILLED : 0;
	}
	write_ask(req, (struct scribe_request){ .order = SCRIBE_FLUSH, .file = f.number, .flags = flags, .done = write_answer });
}

void op_release(fuse_req_t req, fuse_ino_t ino UNUSED, struct fuse_file_info *fi)
{
	const struct scribe_request request = { .order = SCRIBE_RELEASE, .file = (int64_t)fi->fh };

	if (fi->fh && drafts_close(write_drafts(req), (int64_t)fi->fh))
		scribe_ask(write_server(req)->scribe, &request);
	fuse_reply_err(req, 0);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino UNUSED, int datasync UNUSED, struct fuse_file_info *fi)
{
	if (fi->fh)
		write_ask(req, (struct scribe_request){ .order = SCRIBE_SYNC, .file = (int64_t)fi->fh, .done = write_answer });
	else
		fuse_reply_err(req, 0);
}

/* What is in a directory is in the store, or is not. */
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino UNUSED, int datasync UNUSED, struct fuse_file_info *fi UNUSED)
{
	fuse_reply_err(req, 0);
}

