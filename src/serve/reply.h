/*
 * Answers. Each request gets one; functions return 0, or negative: the connection is cut.
 */
#ifndef GENSTORE_SERVE_REPLY_H
#define GENSTORE_SERVE_REPLY_H

#include "src/serve/server.h"
#include "store/object.h"

/* They end with a name that is NULL. */
struct reply_field { const char *name, *value; }; /* value NULL: left out */

/*
 * A problem object (RFC 9457) of the type about:blank: `detail` has the words. more: NULL, or fields of the head. Closes the connection
 * afterwards when told to.
 */
int reply_error(struct request *q, int status, const char *words, const struct reply_field *more, bool close);
/* The same for an error of the store: the status that belongs to r, with the words of st. */
int reply_store(struct request *q, int r, const struct genstore *st);
/* A body in memory, copied. */
int reply_text(struct request *q, int status, const char *type, const struct buf *body, const struct reply_field *more);
int reply_json(struct request *q, int status, const struct buf *body);

/* `size` bytes of an object from `from` on, read with handles of the pool. */
struct pool;
int reply_part(struct request *q, int status, struct object *o, struct pool *pool, int64_t from, int64_t size, const struct reply_field *fields);

/* What comes piece by piece, for as long as it does; arg is released when it is over, or when it cannot begin. */
int reply_stream(struct request *q, const char *type, size_t block, MHD_ContentReaderCallback next, void *arg, MHD_ContentReaderFreeCallback release);

struct reply_object {
	struct object *object; /* a reference is taken */
	struct pool *pool;     /* whose handles read it: one for each part, so that a slow reader holds none */
	const char *type;      /* of its content; NULL: application/octet-stream */
	const char *etag;      /* strong, without quotes; NULL: there is none */
	const char *filename;  /* offered for saving; NULL: none */
};
/* An object, or the range of it that was asked for (RFC 9110 section 14), under the conditions of section 13. */
int reply_object(struct request *q, const struct reply_object *o);

#endif
