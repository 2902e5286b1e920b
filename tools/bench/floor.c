/*
 * A mount that answers everything from memory: what FUSE itself takes here, below which no server gets.
 *
 *	floor MOUNTPOINT BYTES ENTRIES FILES
 *
 * `file` of that many bytes, `entries` with that many folders, `tree` with that many files of 2,500 bytes, fifty in a folder.
 * Asks the kernel for the same as genstore does, and serves with as many threads.
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	WORKERS = 2, READ_MAX = 1 << 20, FOLDER_FILES = 50, SMALL = 2500, KEEP = 86400,
	/* Inodes: the root, what is in it, and from where on the others count. */
	ROOT = 1, BIG, LIST, TREE, FOLDERS = 1000, ENTRIES = 10000000, FILES = 20000000,
};

static struct floor {
	off_t bytes;
	fuse_ino_t entries, files;
	struct fuse_session *session;
} floors;

static __thread char buffer[READ_MAX];

static struct stat stat_of(fuse_ino_t ino)
{
	struct stat sb = { .st_ino = ino, .st_nlink = 2, .st_mode = S_IFDIR | 0755, .st_blksize = 4096 };

	if (ino == BIG || ino >= FILES) {
		sb.st_mode = S_IFREG | 0644;
		sb.st_size = ino == BIG ? floors.bytes : SMALL;
	}
	return sb;
}

static struct fuse_entry_param entry_of(fuse_ino_t ino)
{
	return (struct fuse_entry_param){ .ino = ino, .attr = stat_of(ino), .attr_timeout = KEEP, .entry_timeout = KEEP };
}

/* Entry i of a folder: its name and inode; 0 behind the last. */
static fuse_ino_t child(fuse_ino_t dir, fuse_ino_t i, char name[32])
{
	static const char *const names[] = { "file", "entries", "tree" };

	if (dir == ROOT && i < 3) {
		strcpy(name, names[i]);
		return BIG + i;
	}
	if (dir == LIST && i < floors.entries) {
		sprintf(name, "req_%012lu", (unsigned long)i);
		return ENTRIES + i;
	}
	if (dir == TREE && i < floors.files / FOLDER_FILES) {
		sprintf(name, "folder%lu", (unsigned long)i);
		return FOLDERS + i;
	}
	if (dir >= FOLDERS && dir < ENTRIES && i < FOLDER_FILES) {
		sprintf(name, "file%lu.js", (unsigned long)i);
		return FILES + (dir - FOLDERS) * FOLDER_FILES + i;
	}
	return 0;
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->want = conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ |
				      FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT);
	conn->max_read = conn->max_write = conn->max_readahead = READ_MAX;
}

/* A name has its number in it, or is one of three. */
static fuse_ino_t find(fuse_ino_t parent, const char *name)
{
	const char *digits = name + strcspn(name, "0123456789");
	fuse_ino_t i = *digits ? strtoul(digits, NULL, 10) : 0, last = *digits ? i : 2, ino;
	char expected[32];

	for (; i <= last; i++)
		if ((ino = child(parent, i, expected)) && strcmp(name, expected) == 0)
			return ino;
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_ino_t ino = find(parent, name);
	struct fuse_entry_param e = entry_of(ino);

	if (ino)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat sb = stat_of(ino);

	(void)fi;
	fuse_reply_attr(req, &sb, KEEP);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset, struct fuse_file_info *fi)
{
	off_t left = stat_of(ino).st_size - offset;

	(void)fi;
	fuse_reply_buf(req, buffer, left <= 0 ? 0 : (off_t)n < left ? n : (size_t)left);
}

static void list(fuse_req_t req, fuse_ino_t dir, size_t size, off_t offset, int plus)
{
	size_t used = 0, n;
	fuse_ino_t ino;
	char name[32];

	size = size < READ_MAX ? size : READ_MAX;
	for (; (ino = child(dir, (fuse_ino_t)offset, name)); offset++, used += n) {
		struct fuse_entry_param e = entry_of(ino);

		n = plus ? fuse_add_direntry_plus(req, buffer + used, size - used, name, &e, offset + 1) :
			   fuse_add_direntry(req, buffer + used, size - used, name, &e.attr, offset + 1);
		if (n > size - used)
			break;
	}
	fuse_reply_buf(req, buffer, used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t dir, size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, dir, size, offset, 0);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t dir, size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, dir, size, offset, 1);
}

static void *work(void *arg)
{
	struct fuse_buf request = { .mem = NULL };
	int r;

	memset(buffer, 'x', sizeof(buffer));
	while (!fuse_session_exited(floors.session) && ((r = fuse_session_receive_buf(floors.session, &request)) > 0 || r == -EINTR))
		if (r > 0)
			fuse_session_process_buf(floors.session, &request);
	free(request.mem);
	return arg;
}

int main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.init = op_init, .lookup = op_lookup, .getattr = op_getattr, .open = op_open, .opendir = op_open, .read = op_read,
		.readdir = op_readdir, .readdirplus = op_readdirplus,
	};
	char *options[] = { argv[0], (char *)"-oro,default_permissions,max_read=1048576,fsname=floor" };
	struct fuse_args args = FUSE_ARGS_INIT(2, options);
	pthread_t workers[WORKERS];

	if (argc != 5)
		return 2;
	floors.bytes = atoll(argv[2]);
	floors.entries = strtoul(argv[3], NULL, 10);
	floors.files = strtoul(argv[4], NULL, 10);
	if (!(floors.session = fuse_session_new(&args, &ops, sizeof(ops), NULL)) || fuse_session_mount(floors.session, argv[1]) ||
	    fuse_daemonize(0))
		return 1;
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, work, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	fuse_session_unmount(floors.session);
	fuse_session_destroy(floors.session);
	return 0;
}
