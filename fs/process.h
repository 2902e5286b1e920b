/* What /proc says of a process that is closing a file. Where it says nothing, the answers are those that are safe. */
#ifndef GENSTORE_FS_PROCESS_H
#define GENSTORE_FS_PROCESS_H

#include "store/base/base.h"

/* The process that a thread belongs to; 0: not known. */
pid_t process_of(pid_t thread);
/* Whether a thread is on its way out because a signal killed its process. */
bool process_killed(pid_t thread);
/* Whether a process has a file of that inode open, under any descriptor. True where that is not known. */
bool process_holds(pid_t process, uint64_t ino);

#endif
