/*
 * Nodes: everything that has an inode number, what it is called below its parent, and its attributes.
 * Knows the store, but no FUSE: node_*, dir_* and file_* work without a mount.
 */
#ifndef GENSTORE_FS_NODE_H
#define GENSTORE_FS_NODE_H

#include "fs/view.h"

#include <sys/stat.h>

enum node_kind {
	NODE_FIXED,      /* entry: enum node_fixed */
	NODE_GENERATION, /* id: generation_requests.id, here and in the five that follow */
	NODE_ARCHIVE,
	NODE_METADATA,
	NODE_LOG,
	NODE_ITERATIONS,
	NODE_APP,        /* app/ and what is below: entry is the manifest's, NODE_TOP the top */
	NODE_ITERATION,  /* the same of a snapshot; id: iteration_snapshots.id */
	NODE_USER_DIR,   /* id: of the interned user id */
	NODE_APP_DIR,    /* id: of the interned "user id/app name" */
	NODE_NUMBER,     /* symlink; id: generation_requests.id */
	NODE_LATEST,     /* symlink; id: of its NODE_APP_DIR */
	NODE_DRAFT,      /* directory that was made through the mount; id: of drafts.h, as the next. Shown by shown.h */
	NODE_DRAFT_FILE,
	NODE_FOLDER,     /* below organizations/; id: of the interned storage path, as the next */
	NODE_ARTIFACT,   /* entry: of its version (store/artifact.h) */
	NODE_BUNDLE,     /* id: of the interned tag and folder */
	NODE_KINDS,
};

enum node_fixed { FIXED_ROOT = 1, FIXED_GENERATIONS, FIXED_APPS, FIXED_ORGANIZATIONS, FIXED_GENSTORE, FIXED_STATUS };

enum {
	NODE_ENTRY_BITS = 28,
	NODE_ID_BITS = 31,
	NODE_TOP = (1 << NODE_ENTRY_BITS) - 1,
	NODE_NAME_MAX = 255,
	NODE_LINK_MAX = 4096,
};

struct node {
	enum node_kind kind;
	int64_t id;
	size_t entry;
};

uint64_t node_ino(enum node_kind kind, int64_t id, size_t entry);
/* -ESTALE for a number that was never given out. */
int node_of(uint64_t ino, struct node *ret_n);

/* How long the kernel may keep what it was told, in seconds. */
#define KEEP_LONG 86400.0 /* never changes, or the watcher takes it back */
#define KEEP_SHORT 0.5    /* changes and nobody says so: names of apps and users */

struct attr {
	uint64_t ino;
	mode_t mode;
	nlink_t nlink;
	int64_t size;
	int64_t mtime; /* seconds */
	double keep;
};

struct attr node_dir_attr(uint64_t ino, int64_t subdirs, int64_t mtime, double keep);
/* -ENOENT, -ESTALE, and whatever the store says. */
int node_attr(struct view *v, struct genstore *st, uint64_t ino, struct attr *ret_a);
/* The attributes of a top or an entry of a tree. */
void node_tree_attr(enum node_kind kind, int64_t id, const struct manifest *m, size_t entry, int64_t mtime, struct attr *ret_a);

/* *ret_keep says how long "there is no such name" holds: 0 where it can appear. */
int node_lookup(struct view *v, struct genstore *st, uint64_t parent, const char *name, struct attr *ret_a, double *ret_keep);

/* The names that a directory of this kind always has, or would have (app.tar.gz); 0 for other kinds. */
struct fixed_name {
	const char *name;
	enum node_kind kind;
	size_t entry;
	mode_t type;
	bool view; /* not what S3 has: -o noviews hides it */
};
size_t node_names(const struct node *dir, const struct fixed_name **ret_names);

int node_app_number(struct view *v, const char *user_id, const char *app_name, int64_t *ret_number);
/* The id of the app that a NODE_APP_DIR shows. */
int node_app_id(struct view *v, struct genstore *st, int64_t number, char ret_id[ID_UUID]);

/* Where a symlink points; ret_target has room for NODE_LINK_MAX. -EINVAL: no symlink. */
int node_readlink(struct view *v, struct genstore *st, uint64_t ino, char *ret_target);

/* What a generation or a snapshot of it has, of any node that belongs to one; -ENODATA for others. */
int node_head(struct view *v, struct genstore *st, const struct node *n, struct head *ret_h);

/* The tree of a node that has one: -ENOENT where there is none, -EREMOTE with words where it is in a bucket only. */
int node_tree(struct view *v, struct genstore *st, const struct node *n, struct head *ret_h, struct manifest **ret_m);
/*
 * Something could not be read: whether that was because what was known of its generation is old, its bytes having gone or come back. True: it is to
 * be tried once more.
 */
bool node_renewed(struct view *v, struct genstore *st, uint64_t ino);

/* An entry of a directory. For a listing without attributes only ino, the type in mode, and keep are set. */
typedef int (*dir_emit)(void *arg, const char *name, const struct attr *a, int64_t next);
/*
 * Calls emit for what follows the offset (0: from the beginning; then the `next` of an entry), until it returns other than 0:
 * the reader is full, that entry comes again. Offsets are ids or names in disguise, so that a listing stays right while things
 * come and go. With plus, attributes that would be dear have keep < 0: unknown.
 */
enum { DIR_BEHIND_DOTS = 2 }; /* offsets of entries are above it; in generations/ it is this and the id */
int dir_read(struct view *v, struct genstore *st, uint64_t ino, int64_t offset, bool plus, dir_emit emit, void *arg);

/* Up to n bytes; see object_read(). -EISDIR, -EINVAL for a symlink. */
ssize_t file_read(struct view *v, struct genstore *st, uint64_t ino, int64_t offset, size_t n, void *out);

enum { XATTR_VALUE_MAX = 512 };
/* Extended attributes: a NUL-terminated value; -ENODATA. */
int xattr_get(struct view *v, struct genstore *st, uint64_t ino, const char *name, char ret_value[XATTR_VALUE_MAX]);
/* The names that the node has, each with its NUL. */
int xattr_list(struct view *v, struct genstore *st, uint64_t ino, struct buf *out);

#endif
