/*
 * What may be done to what: for each kind of thing and each call that would change something the errno it answers, as fs/DESIGN.md has it.
 * tests/fs/test_errno.py tries every cell through a mount.
 */
#ifndef GENSTORE_FS_RULES_H
#define GENSTORE_FS_RULES_H

#include "fs/node.h"

enum subject {
	SUBJECT_VIEW,       /* everything that is only shown: fixed directories, trees, iterations, log.txt, apps */
	SUBJECT_GENERATION, /* the directory of a generation */
	SUBJECT_SEALED,     /* its app.tar.gz and metadata.json */
	SUBJECT_RECEIVED,   /* the same, which came through this mount: programs set modes and times after they closed */
	SUBJECT_DRAFT,      /* a directory that was made here */
	SUBJECT_DRAFT_FILE,
	SUBJECTS,
};

enum change {
	CHANGE_WRITE, CHANGE_TRUNCATE, CHANGE_MODE, CHANGE_OWNER, CHANGE_TIMES, CHANGE_XATTR,
	CHANGE_UNLINK, CHANGE_RMDIR, CHANGE_RENAME, CHANGE_RENAME_ONTO, CHANGE_LINK,
	/* inside of it */
	CHANGE_CREATE, CHANGE_MKDIR, CHANGE_MKNOD, CHANGE_SYMLINK, CHANGE_LINK_INTO,
	CHANGES,
};

/* 0: it may; then only what it is done with can be wrong. */
int rule(struct view *v, uint64_t ino, enum change change);
enum subject rule_subject(struct view *v, uint64_t ino);

#endif
