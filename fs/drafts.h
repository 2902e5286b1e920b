/*
 * Drafts: what is being written through a mount and is not in the store yet. Directories below generations/ that somebody made, and
 * files in them, or in the directory of a generation that has no archive yet. Names and attributes only, in memory, of this mount alone; what is in
 * the files is the scribe's (scribe.h). For any number of threads: everything handed out is a copy.
 *
 * A file named app.tar.gz or metadata.json is found under its name only once it was received: until then nobody but who writes it
 * sees it. Temporary ones (".app.tar.gz.Xy12", "app.tar.gz.part": what programs write to before they rename) are found, and not listed.
 *
 * A directory that was made here keeps its inode number when its archive is received, and from then on is that generation's: whoever
 * stands in it stays there.
 */
#ifndef GENSTORE_FS_DRAFTS_H
#define GENSTORE_FS_DRAFTS_H

#include "store/base/id.h"

#include <sys/stat.h>

struct drafts;
struct upload;

enum {
	DRAFT_DIRS_MAX = 1024,  /* made here and not forgotten; the oldest that are received make room */
	DRAFT_FILES_MAX = 256,
	DRAFT_NAME_MAX = 255,
	DRAFT_REASON_MAX = 400,
	DRAFT_IDLE = 600,       /* seconds after which a file that nobody has open is dropped */
};

enum draft_role { DRAFT_ARCHIVE, DRAFT_METADATA, DRAFT_TEMPORARY };

struct draft_dir {
	int64_t number;      /* of its inode when it was made here */
	char name[ID_REQUEST_MAX + 1];
	int64_t generation;  /* what it is of; 0: none yet */
	bool made;           /* by mkdir; else it is the generation's own */
	int64_t mtime;
	int tell;            /* how often its listing is to be called old yet */
	char reason[DRAFT_REASON_MAX]; /* why something was refused here last; "" since something was received */
};

struct draft_file {
	int64_t number, dir;
	char name[DRAFT_NAME_MAX + 1];
	enum draft_role role;
	int64_t size, mtime;
	mode_t mode;
	int handles;
	pid_t opener;        /* process that opened it last for writing */
	bool found;          /* under its name */
	bool dirty;          /* written to since it was last received or opened anew */
	bool received;       /* is in the store now */
	bool dead;           /* unlinked, failed or given up: goes with its last handle */
	int error;           /* of a write: there is nothing but to begin again */
	int refused;         /* as it was when it was closed; writing may go on through another descriptor */
	int64_t touched;     /* when, on the monotonic clock, ms */
	struct upload *upload; /* its bytes, the scribe's alone */
};

int drafts_new(struct drafts **ret_d);
/* Files have to be gone. */
void drafts_free(struct drafts *d);

/* Directories. -EINVAL for what cannot be a request id, -EEXIST, -ENOSPC. */
int drafts_mkdir(struct drafts *d, const char *name, int64_t mtime, int64_t *ret_number);
/* -EBUSY: something is being written there; -EPERM: it is a generation. Whatever else is in it goes. */
int drafts_rmdir(struct drafts *d, int64_t number);
/* The directory of a generation that is in the store, for files in it. */
int drafts_dir_of(struct drafts *d, const char *name, int64_t generation, int64_t *ret_number);
/* -ENOENT. */
int drafts_dir(struct drafts *d, int64_t number, struct draft_dir *ret_dir);
int drafts_dir_named(struct drafts *d, const char *name, struct draft_dir *ret_dir);
int drafts_dir_for(struct drafts *d, int64_t generation, struct draft_dir *ret_dir);
/* The number of the one that was made here and is this generation, or 0. Costs nothing for generations that are older than all of them. */
int64_t drafts_alias(struct drafts *d, int64_t generation);
bool drafts_any(struct drafts *d);
/* It is this generation's from here on. */
void drafts_bind(struct drafts *d, int64_t number, int64_t generation);
/* The same by its name, where a directory has it that is no generation yet: another process was faster. */
void drafts_adopt(struct drafts *d, const char *name, int64_t generation);
/* Why something was refused there; NULL: it was not. */
void drafts_refuse(struct drafts *d, int64_t number, const char *reason);
/* The generation is gone: so is the directory. True when it was one of these; its name goes to ret_dir. */
bool drafts_forget(struct drafts *d, int64_t generation, struct draft_dir *ret_dir);
/* The highest generation that a directory has become; 0: none has. */
int64_t drafts_newest(struct drafts *d);
/* The first generation up to that one which a directory has become and of which is_there says that it is gone; 0: none. */
int64_t drafts_lost(struct drafts *d, int64_t up_to, bool (*is_there)(const void *arg, int64_t generation), const void *arg);
/* Those made here behind the number that are not received, or as a generation above the id, in order; stops when f returns other than 0. */
int drafts_each_dir(struct drafts *d, int64_t after, int64_t above, int (*f)(void *arg, const struct draft_dir *dir), void *arg);

/* Whether a file may have the name, and what it is then. -EROFS. */
int draft_role(const char *name, enum draft_role *ret_role);
/*
 * A new file, or one more handle of the one that is found there; opened by that process. Two that write the same archive at once have a file
 * each: the first that is whole is received. -EEXIST with excl, also for what somebody else is writing; -EPERM for one that was received,
 * -ENFILE, -EROFS for other names.
 */
int drafts_create(struct drafts *d, int64_t dir, const char *name, bool excl, pid_t opener, struct draft_file *ret_file);
int drafts_open(struct drafts *d, int64_t number, pid_t opener, bool write, struct draft_file *ret_file);
int drafts_file(struct drafts *d, int64_t number, struct draft_file *ret_file);
/* Only what can be found. */
int drafts_lookup(struct drafts *d, int64_t dir, const char *name, struct draft_file *ret_file);
/* The next file that can be found under a name S3 has, for listings; -ENOENT at the end. */
int drafts_listed(struct drafts *d, int64_t dir, int64_t after, struct draft_file *ret_file);
/* Takes the name away. -EPERM: it was received. */
int drafts_unlink(struct drafts *d, int64_t number);
/* Among temporary names; what has the new one goes. */
int drafts_rename(struct drafts *d, int64_t number, const char *name);
/* One handle less. True when that was the last. */
bool drafts_close(struct drafts *d, int64_t number);
/* It is being written to: as large as it will be when that is dealt with, for whoever asks meanwhile. Its error, -EPERM, -ESTALE. */
int drafts_grow(struct drafts *d, int64_t number, int64_t end);
void drafts_reveal(struct drafts *d, int64_t number);
/* Mode and mtime where they are not -1. */
void drafts_set(struct drafts *d, int64_t number, int64_t mode, int64_t mtime);
/* The first file behind a number that is to be dropped: nobody has it open, and it is dead or was not touched for DRAFT_IDLE. 0: none. */
int64_t drafts_idle(struct drafts *d, int64_t after, int64_t now_ms);
/* The listing of a directory is another than before: drafts_tell() calls f for it, two times, as watch.h has it. */
void drafts_changed(struct drafts *d, int64_t number);
void drafts_tell(struct drafts *d, void (*f)(void *arg, const struct draft_dir *dir), void *arg);

/* For the scribe, who alone calls these: f is the file itself, which stays where it is until drafts_drop(). */
struct draft_file *drafts_own(struct drafts *d, int64_t number);
void drafts_drop(struct drafts *d, int64_t number);
/* The numbers of all files, in order; 0 at the end. */
int64_t drafts_first(struct drafts *d);
int64_t drafts_next(struct drafts *d, int64_t number);
/* Under the lock of all others. */
void drafts_lock(struct drafts *d);
void drafts_unlock(struct drafts *d);

#endif
