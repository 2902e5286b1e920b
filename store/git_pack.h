/*
 * A pack: objects of a repository on their way to a git, each behind the other. Nothing is compressed again that is stored as deflate: a blob is
 * a zlib head, the fragments as they are, and a tail. What the store has in another form (files inside of foreign archives, raw pieces) becomes
 * fragments on the way, and so do commits and trees, which are nowhere but here. There are no deltas.
 *
 * Each blob is unpacked and compared with its name before it is all given out: what does not match ends the pack with -EBADMSG. The store
 * is locked while a step is read, never while a reader takes it. Memory: the ids of all objects, one tree, and a step of about 1 MiB.
 */
#ifndef GENSTORE_GIT_PACK_H
#define GENSTORE_GIT_PACK_H

#include "store/git_repo.h"
#include "store/stitch/gitpack.h"

struct git_pack;

/*
 * The commits with send[i], and all that is in their trees but not in those of the commits with has[i]: whoever asks has these. Both are
 * repo->count long and only looked at here; repo has to outlive the pack. -EFBIG: more objects than a pack can have.
 */
int git_pack_open(struct genstore *st, const struct git_repo *repo, const bool *send, const bool *has, struct git_pack **ret_pack);
void git_pack_free(struct git_pack *p);
void git_pack_freep(struct git_pack **p);
int64_t git_pack_objects(const struct git_pack *p);

/* Like read(): up to n bytes, 0 at the end, a negative errno with words. The trailer is part of it. */
ssize_t git_pack_read(struct git_pack *p, void *out, size_t n);

#endif
