/* A set of git's ids: 20 bytes that are as good as random. */
#ifndef GENSTORE_GIT_SET_H
#define GENSTORE_GIT_SET_H

#include "store/base/hash.h"

struct git_set {
	struct git_member { uint8_t id[SHA1_SIZE]; uint8_t state; } *members; /* state 0: free */
	size_t room, count;
};

void git_set_release(struct git_set *s);
/* The member of that id, which is added with state 0 (the caller sets it at once) where there is none. NULL: no memory. */
struct git_member *git_set_get(struct git_set *s, const uint8_t id[SHA1_SIZE]);

#endif
