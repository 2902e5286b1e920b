#include "fs/artifacts.h"
#include "fs/fetcher.h"
#include "fs/ops_write.h"
#include "fs/rules.h"
#include "fs/shown.h"

#include <fcntl.h>
#include <sys/statvfs.h>

enum { BLOCK = 512, IO_SIZE = 4096 };

struct stat ops_stat(const struct view *v, const struct attr *a)
{
	return (struct stat){
		.st_ino = a->ino, .st_mode = a->mode, .st_nlink = a->nlink, .st_uid = v->uid, .st_gid = v->gid, .st_size = a->size,
		.st_blocks = (a->size + BLOCK - 1) / BLOCK, .st_blksize = IO_SIZE,
		.st_atim.tv_sec = a->mtime, .st_mtim.tv_sec = a->mtime, .st_ctim.tv_sec = a->mtime,
	};
}

static struct fuse_entry_param entry_of(const struct view *v, const struct attr *a)
{
	return (struct fuse_entry_param){ .ino = a->keep < 0 ? 0 : a->ino, .attr = ops_stat(v, a), .attr_timeout = a->keep,
					  .entry_timeout = a->keep };
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned wanted = FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ |
				FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT;
	const unsigned no_open = FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT;
	struct server *s = userdata;

	conn->want = conn->capable & wanted;
	conn->max_read = READ_MAX;
	conn->max_write = READ_MAX; /* of pages a request: reads obey it, too */
	conn->max_readahead = READ_MAX;
	/* Without OPEN there would be no RELEASE, and a file is whole at its RELEASE only. */
	s->no_open = !s->scribe && (conn->capable & no_open) == no_open;
	s->no_opendir = conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	s->started = true;
	if (s->ready >= 0 && write(s->ready, "+", 1) == 1)
		close(s->ready);
	s->ready = -1;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
static void lookup_again(fuse_req_t req, const struct later *l)
{
	op_lookup(req, l->ino, l->name);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param none = { .ino = 0 }, e;
	struct worker *w;
	struct attr a;
	double keep = 0;
	int r;

	WORK(req, parent, r, shown_lookup(w->view, w->st, parent, name, &a, &keep));
	if (fetcher_later(req, r, &(struct later){ .again = lookup_again, .ino = parent, .name = name }))
		return;
	if (r == -ENOENT && w && keep > 0) {
		none.entry_timeout = keep;
		fuse_reply_entry(req, &none);
	} else if (r) {
		fuse_reply_err(req, fetcher_errno(r));
	} else {
		e = entry_of(w->view, &a);
		fuse_reply_entry(req, &e);
	}
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
static void getattr_again(fuse_req_t req, const struct later *l)
{
	op_getattr(req, l->ino, NULL);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi UNUSED)
{
	struct worker *w;
	struct attr a;
	struct stat sb;
	int r;

	WORK(req, ino, r, shown_attr(w->view, w->st, ino, &a));
	if (fetcher_later(req, r, &(struct later){ .again = getattr_again, .ino = ino }))
		return;
	if (r) {
		fuse_reply_err(req, fetcher_errno(r));
		return;
	}
	sb = ops_stat(w->view, &a);
	fuse_reply_attr(req, &sb, a.keep);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino);
static void readlink_again(fuse_req_t req, const struct later *l)
{
	op_readlink(req, l->ino);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[NODE_LINK_MAX];
	struct worker *w;
	int r;

	WORK(req, ino, r, node_readlink(w->view, w->st, ino, target));
	if (fetcher_later(req, r, &(struct later){ .again = readlink_again, .ino = ino }))
		return;
	if (r)
		fuse_reply_err(req, fetcher_errno(r));
	else
		fuse_reply_readlink(req, target);
}

static int open_typed(struct worker *w, fuse_ino_t ino)
{
	AUTO(object_unrefp) struct object *o = NULL;
	struct node n;

	if (node_of(ino, &n) || (n.kind != NODE_ARTIFACT && n.kind != NODE_BUNDLE))
		return 0;
	return artifacts_object(w->view, w->st, &n, &o);
}

/*
 * Nothing is kept for a file that is open for reading. A mount that is read only tells the kernel to stop asking; another one at least
 * not to say when it is closed.
 */
static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct server *s = fuse_req_userdata(req);
	struct worker *w;
	int r;

	if (s->scribe && ((fi->flags & O_ACCMODE) != O_RDONLY || rule_subject(s->view, ino) == SUBJECT_DRAFT_FILE)) {
		op_open_draft(req, ino, fi);
		return;
	}
	fi->keep_cache = 1;
	fi->noflush = 1;
	if (s->no_open) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	/* One that was replaced since it was looked up is ESTALE: the kernel looks it up anew. */
	WORK(req, ino, r, open_typed(w, ino));
	if (r)
		fuse_reply_err(req, -r);
	else
		fuse_reply_open(req, fi);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino UNUSED, struct fuse_file_info *fi)
{
	const struct server *s = fuse_req_userdata(req);

	if (s->no_opendir)
		fuse_reply_err(req, ENOSYS);
	else
		fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
static void read_again(fuse_req_t req, const struct later *l)
{
	struct fuse_file_info fi = l->fi;

	op_read(req, l->ino, l->size, l->offset, &fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	size_t n = size < READ_MAX ? size : READ_MAX;
	struct worker *w;
	ssize_t r;

	if (fi->fh) {
		const struct server *s = fuse_req_userdata(req);
		uint64_t real = shown_ino(s->view, ino);

		if (real == ino) {
			op_read_draft(req, ino, n, offset, fi);
			return;
		}
		ino = real;
	}
	WORK(req, ino, r, file_read(w->view, w->st, ino, offset, n, w->buf));
	if (fetcher_later(req, r, &(struct later){ .again = read_again, .ino = ino, .size = size, .offset = offset, .fi = *fi }))
		return;
	if (r < 0)
		fuse_reply_err(req, fetcher_errno(r));
	else
		fuse_reply_buf(req, (char *)w->buf, (size_t)r);
}

/* Entries into the worker's buffer, until it is full. */
struct page {
	fuse_req_t req;
	struct worker *w;
	size_t size, used;
	bool plus;
};

static int add_entry(void *arg, const char *name, const struct attr *a, int64_t next)
{
	struct page *p = arg;
	char *to = (char *)p->w->buf + p->used;
	size_t room = p->size - p->used, n;

	if (p->plus) {
		struct fuse_entry_param e = entry_of(p->w->view, a);

		n = fuse_add_direntry_plus(p->req, to, room, name, &e, next);
	} else {
		struct stat sb = { .st_ino = a->ino, .st_mode = a->mode };

		n = fuse_add_direntry(p->req, to, room, name, &sb, next);
	}
	if (n > room)
		return 1;
	p->used += n;
	return 0;
}

static int list(struct page *p, struct worker *w, fuse_ino_t ino, off_t offset)
{
	p->w = w;
	p->used = 0;
	return shown_list(w->view, w->st, ino, offset, p->plus, add_entry, p);
}

static void answer_list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus);
static void list_again(fuse_req_t req, const struct later *l)
{
	answer_list(req, l->ino, l->size, l->offset, false);
}

static void list_plus_again(fuse_req_t req, const struct later *l)
{
	answer_list(req, l->ino, l->size, l->offset, true);
}

static void answer_list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus)
{
	struct page p = { .req = req, .size = size < READ_MAX ? size : READ_MAX, .plus = plus };
	struct worker *w;
	int r;

	WORK(req, ino, r, list(&p, w, ino, offset));
	if (!p.used && fetcher_later(req, r, &(struct later){ .again = plus ? list_plus_again : list_again, .ino = ino, .size = size,
							       .offset = offset }))
		return;
	if (r < 0 && !p.used)
		fuse_reply_err(req, fetcher_errno(r));
	else
		fuse_reply_buf(req, (char *)w->buf, p.used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi UNUSED)
{
	answer_list(req, ino, size, offset, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi UNUSED)
{
	answer_list(req, ino, size, offset, true);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino UNUSED)
{
	const struct server *s = fuse_req_userdata(req);
	struct statvfs out = { .f_namemax = NODE_NAME_MAX }, host;
	struct stat sb;

	if (statvfs(s->view->path, &host) || stat(s->view->path, &sb)) {
		fuse_reply_err(req, errno);
		return;
	}
	out.f_bsize = out.f_frsize = host.f_frsize;
	out.f_bfree = host.f_bfree;
	out.f_bavail = host.f_bavail;
	out.f_blocks = host.f_bfree + ((fsblkcnt_t)sb.st_size + host.f_frsize - 1) / host.f_frsize;
	out.f_files = (fsfilcnt_t)s->view->generations;
	fuse_reply_statfs(req, &out);
}

static void answer_xattr(fuse_req_t req, const void *value, size_t n, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, n);
	else if (n > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char value[XATTR_VALUE_MAX];
	struct worker *w;
	int r;

	WORK(req, ino, r, shown_xattr(w->view, w->st, ino, name, value));
	if (r)
		fuse_reply_err(req, -r);
	else
		answer_xattr(req, value, strlen(value), size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	struct worker *w;
	int r;

	WORK(req, ino, r, (buf_reset(&names), shown_xattr_list(w->view, w->st, ino, &names)));
	if (r)
		fuse_reply_err(req, -r);
	else
		answer_xattr(req, buf_str(&names), names.len, size);
}

/* fallocate, copy_file_range and the like are not here: the kernel says EOPNOTSUPP, or does it with read and write. */
const struct fuse_lowlevel_ops server_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.create = op_create,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.fsyncdir = op_fsyncdir,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.link = op_link,
	.rename = op_rename,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
};
