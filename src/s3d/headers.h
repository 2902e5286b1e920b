/* The fields that an object is put with and given back with, as the JSON object that the store keeps of them. */
#ifndef GENSTORE_S3D_HEADERS_H
#define GENSTORE_S3D_HEADERS_H

#include "src/s3d/call.h"

enum { HEADERS_META_MAX = 2048, HEADERS_FIELDS_MAX = 32 };

/* Those of a request, lower case. It was answered (1) where there is too much. */
int headers_take(struct call *c, struct buf *out);
/* Likewise the tags of x-amz-tagging, as JSON; nothing where there are none. */
int headers_take_tags(struct call *c, struct buf *out);

/* Back again: fields borrowed from h. */
struct headers {
	struct json_t *json;
	struct reply_field list[HEADERS_FIELDS_MAX];
	size_t count;
};
int headers_load(const char *json, struct headers *ret_h);
void headers_release(struct headers *h);

/* "Wed, 21 Oct 2015 07:28:00 GMT" of a time of the tables, and the other way round: -EINVAL. */
enum { HTTP_DATE = 30 };
void http_date(const char *time, char out[HTTP_DATE]);
int http_date_parse(const char *text, int64_t *ret_seconds);

#endif
