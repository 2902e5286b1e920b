/*
 * REV, what people type to name a tree: a request id or a prefix of one that is unique, `app-name` (its newest), `app-name/2`,
 * any of these with `@3` for an iteration or `@s17` for a snapshot between iterations, by its id; or `-` for the newest of all.
 */
#ifndef GENSTORE_REVISION_H
#define GENSTORE_REVISION_H

#include "store/generation.h"

struct revision {
	struct generation generation;
	int64_t iteration; /* as asked for with @n; 0: the generation's last */
	bool single;       /* one snapshot was asked for, with @n or @s */
	int64_t snapshot;  /* iteration_snapshots.id, 0 when it has none yet */
	int64_t manifest;  /* 0 likewise */
	bool away;         /* there is a tree, in the generation's archive, which is not in this store: manifest is 0 */
};
void revision_release(struct revision *rev);

/* user_id NULL: everybody's. -ENOENT none, -EINVAL not a REV or a prefix that fits several; words say which. */
int revision_find(struct genstore *st, const char *user_id, const char *text, struct revision *ret_rev);
/* Splits "REV:PATH" at the first ':' behind the REV; path "" when there is none. Caller's copies. */
int revision_split(const char *text, char **ret_rev, char **ret_path);
/* A path inside the revision's tree -> its manifest (one reference) and entry (count: the top). -ENOENT, -EREMOTE with words. */
int revision_path(struct genstore *st, const struct revision *rev, const char *path, struct manifest **ret_m, size_t *ret_entry);

#endif
