/*
 * Buckets and their objects, as the S3 endpoint has them. A bucket is a user's; the shared one is everybody's, and each sees there what is his
 * own. Through a handle that is limited (access.h) what is not the subject's is not there.
 */
#ifndef GENSTORE_BUCKET_H
#define GENSTORE_BUCKET_H

#include "store/object.h"

enum { BUCKET_KEY_MAX = 1024 /* bytes */, BUCKET_PARTS_MAX = 10000 };

/* Text is owned: bucket_release(). */
struct bucket {
	int64_t id;
	char *name, *created_at;
	bool is_shared;
};
void bucket_release(struct bucket *b);
/* 3 to 63 of a-z 0-9 . -, beginning and ending with a letter or a digit, no two dots together. */
bool bucket_is_name(const char *name);
/* -ENOENT. */
int bucket_find(struct genstore *st, const char *name, struct bucket *ret_b);
/* In order of their names, behind after ("" at the start). 1, 0 at the end. */
int bucket_next(struct genstore *st, const char *after, struct bucket *ret_b);
/* -EEXIST: somebody has it, -EINVAL: no name; -EPERM: the handle is limited to an organization. */
int bucket_create(struct genstore *st, const char *name);
/* The shared one: made where there is none of that name. */
int bucket_share(struct genstore *st, const char *name);
/* -ENOTEMPTY, objects or uploads; -EPERM: it is shared. */
int bucket_remove(struct genstore *st, const struct bucket *b);

/* headers and tags are JSON objects; tags NULL: none. */
struct bucket_object {
	int64_t id, bucket_id, size;
	char *key, *etag, *headers, *tags, *stored_at;
};
void bucket_object_release(struct bucket_object *o);
/* -ENOENT; -EBADMSG where its row does not fit its sum. */
int bucket_object_find(struct genstore *st, int64_t bucket_id, const char *key, struct bucket_object *ret_o);
/* The first in bytewise order behind `from`, or at it. 1, 0 at the end. */
int bucket_object_next(struct genstore *st, int64_t bucket_id, const char *from, bool or_at, struct bucket_object *ret_o);
/* Its bytes. -EBADMSG. */
int bucket_object_open(struct genstore *st, const struct bucket_object *o, struct object **ret_o);

struct bucket_part { int64_t number, content_id, size; };
struct bucket_parts {
	struct bucket_part *items;
	size_t count, cap;
};
void bucket_parts_release(struct bucket_parts *p);
int bucket_parts_add(struct bucket_parts *p, const struct bucket_part *part);
/* Contents one after the other. -EBADMSG: one of them has another size. */
int bucket_parts_open(struct genstore *st, const struct bucket_parts *p, struct object **ret_o);
/* Those of an object. */
int bucket_object_parts(struct genstore *st, int64_t object_id, struct bucket_parts *ret_p);

/*
 * Puts it in the place of what the key held, in the caller's transaction, the contents being in the store; size is that of the parts. -EPERM: the
 * key is somebody else's, or the handle limited to an organization. o's id is set, its stored_at is not looked at.
 */
int bucket_object_put(struct genstore *st, struct bucket_object *o, const struct bucket_parts *parts);
/* -ENOENT. */
int bucket_object_remove(struct genstore *st, int64_t bucket_id, const char *key);
/* tags NULL: none. */
int bucket_object_set_tags(struct genstore *st, int64_t object_id, const char *tags);

#endif
