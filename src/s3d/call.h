/*
 * One request to the S3 endpoint, taken apart; what its files share.
 *
 * Functions that can answer return 1 when they did, 0 to go on, or negative: the connection is cut.
 */
#ifndef GENSTORE_S3D_CALL_H
#define GENSTORE_S3D_CALL_H

#include "src/s3d/chunked.h"
#include "src/s3d/error.h"
#include "src/s3d/s3d.h"
#include "src/serve/pool.h"
#include "src/serve/reply.h"
#include "src/sync/sigv4.h"
#include "store/bucket.h"

enum { CALL_READ, CALL_WRITE };
enum { CALL_XML_MAX = 2 << 20 };
#define CALL_OBJECT_MAX ((int64_t)5 << 30) /* bytes of one put */

struct s3d {
	struct s3d_options o;
	char *bucket;
	struct pool *pools[2], *limited[2]; /* by CALL_READ, CALL_WRITE */
	struct server *server;
};

/* Pairs of texts, which are in one buffer. */
struct call_pairs {
	struct buf text;
	struct sigv4_pair list[SIGV4_PAIRS_MAX];
	size_t count;
};

struct call;
struct op {
	const char *method;
	enum op_level { LEVEL_SERVICE, LEVEL_BUCKET, LEVEL_OBJECT } level;
	const char *query, *header; /* it is meant where this is there; NULL: not asked */
	int (*run)(struct call *c);
	enum op_body { BODY_NONE, BODY_TEXT, BODY_FILE } body;
};

struct call {
	struct request *q;
	struct s3d *s;
	struct call_pairs query, headers; /* decoded; as they came */
	struct buf path;                  /* decoded, from the first slash */
	const char *bucket, *key;         /* "" where there is none */
	struct buf bucket_name;
	const struct op *op;
	struct access_subject who;
	bool use_is_old;                  /* of the access key: to be written down */
	struct body body;
	bool has_body, is_chunked;
	struct chunked chunked;
	/* What was found wrong before the body was read, where it is to be told afterwards. */
	const struct s3_error *refused;
	char words[512];
	char id[17];                      /* x-amz-request-id */
};

/* Called with the head / when it is over. */
int call_head(struct request *q);
int call_body(struct request *q, const char *data, size_t n);
int call_end(struct request *q);
int call_refuse(struct request *q, int status, const char *why);
void call_over(struct request *q);

/* NULL: it is not there. A parameter without '=' is "". */
const char *call_query(const struct call *c, const char *name);
const char *call_header(const struct call *c, const char *name);

/* A handle that shows what is theirs who signed. */
int call_borrow(struct call *c, int use, struct loan *l);
/* The bucket of the address. Answers NoSuchBucket. */
int call_bucket(struct call *c, struct genstore *st, struct bucket *ret_b);
bool call_is_main(const struct call *c, const char *bucket);

/* Answers; 1 or negative. more: NULL, or fields of the head. */
int call_fail(struct call *c, enum s3_code code, const char *fmt, ...) PRINTF(3, 4);
/* What the store says of r. */
int call_fail_store(struct call *c, int r, const struct genstore *st);
int call_reply(struct call *c, int status, const struct buf *xml, const struct reply_field *more);
int call_reply_part(struct call *c, int status, struct object *o, int64_t from, int64_t size, const struct reply_field *more);

/* Who signed it: auth.c. 0 with c->who, or it was answered. Sets what of the body has to be verified. */
int call_authenticate(struct call *c);

#define CALL_OPS(X) X(service_ops) X(bucket_admin_ops) X(list_ops) X(delete_ops) X(get_ops) X(multipart_ops) X(put_ops) X(tagging_ops)
#define CALL_DECLARE(name) extern const struct op name[];
CALL_OPS(CALL_DECLARE)
#undef CALL_DECLARE

#endif
