/* The worker of a server: `genstore work` in a process of its own, which ends with it. */
#ifndef GENSTORE_CMD_WORKER_H
#define GENSTORE_CMD_WORKER_H

#include "src/cmd/cmd.h"

#include <signal.h>

enum { WORKER_JOBS_MAX = 64 };

/*
 * Runs `jobs` generations at a time, with /bin/sh -c generator for those that have no command; NULL: these fail. What it says goes to
 * stderr. mask: the signals it has blocked. Negative errno.
 */
int worker_start(const struct cli *cli, int64_t jobs, const char *generator, const sigset_t *mask, pid_t *ret_pid);
/* Pauses what runs, as Ctrl-C does, and waits for it. 0: there is none. */
void worker_end(pid_t pid);

#endif
