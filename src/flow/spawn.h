/*
 * A generator's process, and everything it starts.
 *
 * Between this program and the generator stands a keeper: a small process that adopts whatever the generator leaves behind (a
 * child subreaper, prctl(2)) and holds a line to this program. When the line goes slack, because it was let go or because this program
 * was killed, the keeper ends the generator's process group and every adopted process: SIGTERM, SPAWN_GRACE_MS, SIGKILL. So
 * nothing outlives this program, daemons included; and should the keeper itself be killed, the kernel kills the generator.
 */
#ifndef GENSTORE_FLOW_SPAWN_H
#define GENSTORE_FLOW_SPAWN_H

#include "store/base/base.h"

#include <sys/types.h>

enum { SPAWN_GRACE_MS = 3000 };

struct spawn {
	const char *path;  /* of the executable: nothing is searched for */
	char *const *argv;
	char *const *envp; /* all of its environment */
	const char *dir;   /* its current directory */
	const char *place; /* a folder that is marked as in use (a shared flock(2)) until nothing of it is left; NULL: none */
	int64_t max_file;  /* bytes of the largest file that it may write (RLIMIT_FSIZE); 0: any */
};

struct child {
	pid_t keeper, generator;
	int in, out, err; /* its stdin, stdout, stderr: ours do not block */
	int report;       /* readable when the generator has ended; its end when nothing of it is left */
	int line;
};

#define CHILD_INIT { .in = -1, .out = -1, .err = -1, .report = -1, .line = -1 }

/* -errno when the command cannot be executed (ENOENT, EACCES, ENOEXEC ...), and nothing is left of it then. */
int spawn_child(const struct spawn *s, struct child *ret_c);
/* Once report is readable: 1 and how it ended, as wait(2) has it; 0: all is over; -EAGAIN: not yet. */
int child_ended(struct child *c, int *ret_status);
/* Stops its process group where it stands, or lets it go on. Nothing once it has ended. */
void child_hold(const struct child *c, bool hold);
/* Begins to end everything; at once: without a grace. May be said again, more strongly. */
void child_end(struct child *c, bool at_once);
/* Closes all; ends and waits for what is still there. */
void child_release(struct child *c);

#endif
