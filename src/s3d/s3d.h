/* The S3 endpoint: a store behind Amazon S3's interface, on a port of its own. */
#ifndef GENSTORE_S3D_H
#define GENSTORE_S3D_H

#include "store/envelope.h"
#include "store/base/buf.h"

#include <netinet/in.h>

struct s3d_options {
	const char *store;   /* path of the file; borrowed until s3d_stop() */
	bool elsewhere;      /* at address (network order) rather than on loopback */
	in_addr_t address;
	uint16_t port;       /* 0: the kernel chooses */
	const char *bucket;  /* the shared one, which has the archives of generations; copied */
	uint8_t key[ENVELOPE_KEY]; /* of the store: what the secrets of access keys are sealed with */
};

struct s3d;
/* Errors of server_start() and of opening the store; `why` has words. */
int s3d_start(const struct s3d_options *o, struct s3d **ret_s, struct buf *why);
uint16_t s3d_port(const struct s3d *s);
/* As serve_stop(). */
bool s3d_stop(struct s3d *s, int64_t drain_ms);

#endif
